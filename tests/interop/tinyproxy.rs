//! tinyproxy: CONNECT. It answers a bad login with 401 where other proxies answer with 407.

use std::ffi::OsString;
use std::net::SocketAddr;

use super::door::{Door, Failure, Guard, HTTP, PASSWORD, Rejection, USER};
use super::server::{Server, installed};
use super::visit::visit;

pub(super) const GUARD: Guard = Guard {
    without_login: Rejection::Status(407),
    wrong_password: Rejection::Status(401),
};

#[tokio::test]
async fn tinyproxy_carries_both_exchanges() {
    let Some(program) = installed("tinyproxy") else {
        return;
    };
    let mut server = Server::new(3);
    let mut doors = Vec::new();
    let [open, guarded] = server.free_addresses();
    for (address, guard) in [(open, None), (guarded, Some(GUARD))] {
        let arguments = arguments(&server, address, guard.is_some());
        server.start(&program, arguments, &[address]).await;
        doors.push(Door {
            address,
            egress: Some(server.egress()),
            schemes: HTTP,
            guard,
            at_closed_port: Failure::Told,
            copes: true,
        });
    }
    visit(&doors).await;
}

/// The command line of a tinyproxy in the foreground, whose configuration it writes.
pub(super) fn arguments(server: &Server, address: SocketAddr, with_login: bool) -> Vec<OsString> {
    let mut configuration = format!(
        "Listen {}\nPort {}\nBind {}\nTimeout 60\nMaxClients 50\n",
        address.ip(),
        address.port(),
        server.egress(),
    );
    if with_login {
        configuration += &format!("BasicAuth {USER} {PASSWORD}\n");
    }
    let name = format!("tinyproxy-{}.conf", address.port());
    vec![
        "-d".into(),
        "-c".into(),
        server.write(&name, &configuration).into(),
    ]
}
