//! v2ray: SOCKS4, 4a and 5 at one port, CONNECT, and CONNECT inside TLS; with a login all but SOCKS4.

use serde_json::json;

use super::certificate::Certificate;
use super::door::{Door, Failure, Guard, HTTP, HTTPS, PASSWORD, SOCKS, SOCKS5, USER};
use super::server::{Server, installed};
use super::visit::visit_trusting;

#[tokio::test]
async fn v2ray_carries_both_exchanges() {
    let Some(program) = installed("v2ray") else {
        return;
    };
    let mut server = Server::new(4);
    let addresses: [_; 6] = server.free_addresses();
    let certificate = Certificate::issue(&server, addresses[0].ip());
    let tls = json!({"security": "tls", "tlsSettings": {"certificates": [{
        "certificateFile": certificate.certificate_file,
        "keyFile": certificate.key_file,
    }]}});
    let plain = json!({});
    let accounts = json!([{"user": USER, "pass": PASSWORD}]);
    let socks_login = json!({"auth": "password", "accounts": accounts});
    let http_login = json!({"accounts": accounts});
    let offers = [
        (SOCKS, None, "socks", &json!({"auth": "noauth"}), &plain),
        (SOCKS5, Some(Guard::SOCKS5), "socks", &socks_login, &plain),
        (HTTP, None, "http", &json!({}), &plain),
        (HTTP, Some(Guard::HTTP), "http", &http_login, &plain),
        (HTTPS, None, "http", &json!({}), &tls),
        (HTTPS, Some(Guard::HTTP), "http", &http_login, &tls),
    ];

    let mut doors = Vec::new();
    let mut inbounds = Vec::new();
    for (&address, offer) in addresses.iter().zip(offers) {
        let (schemes, guard, protocol, settings, stream) = offer;
        inbounds.push(json!({
            "listen": address.ip(),
            "port": address.port(),
            "protocol": protocol,
            "settings": settings,
            "streamSettings": stream,
        }));
        doors.push(Door {
            address,
            egress: Some(server.egress()),
            schemes,
            guard,
            at_closed_port: Failure::EmptyTunnel,
            copes: true,
        });
    }
    let configuration = json!({
        "inbounds": inbounds,
        "outbounds": [{
            "protocol": "freedom",
            "sendThrough": server.egress(),
            "settings": {"domainStrategy": "UseIPv4"},
        }],
    });
    let configuration = server.write("v2ray.json", &configuration.to_string());
    let arguments = ["-config".as_ref(), configuration.as_os_str()];
    server.start(&program, arguments, &addresses).await;
    visit_trusting(&doors, &certificate.pem).await;
}
