//! dante-server: SOCKS4 and SOCKS5 without a login. Its logins are those of the system's users, and
//! it takes the marker of SOCKS4a for an address.

use std::net::SocketAddr;
use std::path::Path;

use proxy_config::Scheme;

use super::door::{Door, Failure};
use super::server::{Server, installed};
use super::visit::visit;

#[tokio::test]
async fn dante_carries_both_exchanges() {
    let Some(program) = installed("danted") else {
        return;
    };
    let mut server = Server::new(2);
    let address = start(&mut server, &program).await;
    visit(&[Door {
        address,
        egress: Some(server.egress()),
        schemes: &[Scheme::Socks4, Scheme::Socks5, Scheme::Socks5h],
        guard: None,
        at_closed_port: Failure::Told,
        copes: true,
    }])
    .await;
}

/// Starts one, and tells where it listens.
pub(super) async fn start(server: &mut Server, program: &Path) -> SocketAddr {
    let [address] = server.free_addresses();
    let configuration = format!(
        "logoutput: stderr\n\
         internal: {} port = {}\n\
         external: {}\n\
         clientmethod: none\n\
         socksmethod: none\n\
         client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
         socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n",
        address.ip(),
        address.port(),
        server.egress(),
    );
    let configuration = server.write("danted.conf", &configuration);
    let pid = server.path("danted.pid");
    let arguments = [
        "-f".as_ref(),
        configuration.as_os_str(),
        "-p".as_ref(),
        pid.as_os_str(),
    ];
    server.start(program, arguments, &[address]).await;
    address
}
