//! squid with OpenSSL: CONNECT, and CONNECT inside TLS, with a login or without.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::certificate::Certificate;
use super::door::{Door, Failure, Guard, HTTP, HTTPS};
use super::server::{Server, installed, skip};
use super::visit::visit_trusting;

/// The login, the way `htpasswd` writes it.
const LOGINS: &str = "alice:$apr1$interop0$czzC6XfLbWST1JgNc.v.z0\n";

/// Reads [`LOGINS`]; comes with squid.
const CHECKS_LOGINS: &str = "/usr/lib/squid/basic_ncsa_auth";

#[tokio::test]
async fn squid_carries_both_exchanges() {
    let Some(program) = installed("squid") else {
        return;
    };
    let version = Command::new(&program).arg("-v").output().unwrap().stdout;
    if !String::from_utf8_lossy(&version).contains("--with-openssl") {
        return skip("squid is installed, but without OpenSSL");
    }
    let mut server = Server::new(5);
    let addresses = server.free_addresses();
    let [open, guarded, open_tls, guarded_tls] = addresses;
    let certificate = Certificate::issue(&server, open.ip());
    let logins = server.write("logins", LOGINS);
    let mut configuration = format!(
        "{}auth_param basic program {CHECKS_LOGINS} {}\n\
         auth_param basic children 1\n\
         acl guarded myportname guarded guarded_tls\n\
         acl known proxy_auth REQUIRED\n\
         http_access deny guarded !known\n\
         http_access allow all\n",
        bare(&server),
        logins.display(),
    );
    let tls = format!(
        "tls-cert={} tls-key={}",
        certificate.certificate_file.display(),
        certificate.key_file.display()
    );
    let mut doors = Vec::new();
    let plain = "";
    for (address, schemes, guard, port, name, options) in [
        (open, HTTP, None, "http_port", "open", plain),
        (
            guarded,
            HTTP,
            Some(Guard::HTTP),
            "http_port",
            "guarded",
            plain,
        ),
        (open_tls, HTTPS, None, "https_port", "open_tls", &tls),
        (
            guarded_tls,
            HTTPS,
            Some(Guard::HTTP),
            "https_port",
            "guarded_tls",
            &tls,
        ),
    ] {
        configuration += &format!("{port} {address} name={name} {options}\n");
        doors.push(Door {
            address,
            egress: Some(server.egress()),
            schemes,
            guard,
            at_closed_port: Failure::Told,
            copes: true,
        });
    }
    start(&mut server, &program, &configuration, &addresses).await;
    visit_trusting(&doors, &certificate.pem).await;
}

/// Starts one without a login, and tells where it listens.
pub(super) async fn start_open(server: &mut Server, program: &Path) -> SocketAddr {
    let [address] = server.free_addresses();
    let configuration = format!(
        "{}http_access allow all\nhttp_port {address}\n",
        bare(server)
    );
    start(server, program, &configuration, &[address]).await;
    address
}

/// A configuration that lets nobody in.
fn bare(server: &Server) -> String {
    // It gives up at an IPv6 address where it is bound to leave by an IPv4 one.
    let hosts = server.write("hosts", "127.0.0.1 localhost\n");
    format!(
        "visible_hostname localhost\n\
         pid_filename none\n\
         access_log none\n\
         cache_log /dev/null\n\
         hosts_file {}\n\
         cache deny all\n\
         netdb_filename none\n\
         pinger_enable off\n\
         shutdown_lifetime 0 seconds\n\
         tcp_outgoing_address {}\n",
        hosts.display(),
        server.egress(),
    )
}

async fn start(server: &mut Server, program: &Path, configuration: &str, addresses: &[SocketAddr]) {
    let configuration = server.write("squid.conf", configuration);
    // In the foreground, telling what is wrong on the standard error stream. The name is that of its
    // shared memory.
    let name = format!("interop{}n{}", std::process::id(), server.number());
    let arguments = [
        "-N",
        "-d1",
        "-n",
        &name,
        "-f",
        configuration.to_str().unwrap(),
    ];
    server.start(program, arguments, addresses).await;
}
