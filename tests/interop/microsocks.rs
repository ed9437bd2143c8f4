//! microsocks: SOCKS5, with a login or without.

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
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let egress = server.egress().to_string();
        let mut arguments = vec!["-i", &ip, "-p", &port, "-b", &egress];
        if guard.is_some() {
            arguments.extend(["-u", USER, "-P", PASSWORD]);
        }
        server.start(&program, arguments, &[address]).await;
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
