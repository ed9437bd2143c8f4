//! microsocks: SOCKS5, with a login or without.

use std::net::SocketAddr;
use std::path::Path;

use super::door::{Door, Failure, Guard, PASSWORD, SOCKS5, USER};
use super::server::{Server, installed};
use super::visit::visit;

#[tokio::test]
async fn microsocks_carries_both_exchanges() {
    let Some(program) = installed("microsocks") else {
        return;
    };
    let mut server = Server::new(1);
    let mut doors = Vec::new();
    let [open, guarded] = server.free_addresses();
    for (address, guard) in [(open, None), (guarded, Some(Guard::SOCKS5))] {
        start(&mut server, &program, address, guard.is_some()).await;
        doors.push(Door {
            address,
            egress: Some(server.egress()),
            schemes: SOCKS5,
            guard,
            at_closed_port: Failure::Told,
            copes: false,
        });
    }
    visit(&doors).await;
}

/// Starts one at `address`, which asks for the login if it is guarded.
pub(super) async fn start(
    server: &mut Server,
    program: &Path,
    address: SocketAddr,
    is_guarded: bool,
) {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let egress = server.egress().to_string();
    let mut arguments = vec!["-i", &ip, "-p", &port, "-b", &egress];
    if is_guarded {
        arguments.extend(["-u", USER, "-P", PASSWORD]);
    }
    server.start(program, arguments, &[address]).await;
}
