//! simple-socks, a module for Node: SOCKS5. It reads each message of a client in one piece, and names
//! the target as the bound address, so that its reply has a domain of any length.

use std::path::Path;

use super::door::{Door, Failure, Guard, PASSWORD, SOCKS5, USER};
use super::server::{Server, installed, skip};
use super::visit::visit;

const SUITE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn simple_socks_carries_both_exchanges() {
    let Some(node) = installed("node") else {
        return;
    };
    let module = "../target/test-tools/node_modules/simple-socks/src/socks5.js";
    let module = Path::new(SUITE).join(module);
    if !module.is_file() {
        return skip("the npm package simple-socks is not installed");
    }
    let script = Path::new(SUITE).join("interop/simple_socks.mjs");
    let mut server = Server::new(8);
    let mut doors = Vec::new();
    let [open, guarded] = server.free_addresses();
    for (address, guard) in [(open, None), (guarded, Some(Guard::SOCKS5))] {
        let mut arguments = vec![
            script.display().to_string(),
            module.display().to_string(),
            address.ip().to_string(),
            address.port().to_string(),
            server.egress().to_string(),
        ];
        if guard.is_some() {
            arguments.extend([USER.to_owned(), PASSWORD.to_owned()]);
        }
        server.start(&node, arguments, &[address]).await;
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
