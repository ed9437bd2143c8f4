//! Every fault at every exchange, on both transports, through two kinds of proxies.
//!
//! A cell is a feed of one symbol, which lives when the fault begins. It recovers within its time, ends
//! with the true book, and every trade that is missing has been told.
//!
//! A binary of its own: cells have time limits, and would miss them beside the rest of the suite.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod cell;
mod fault;
mod stage;
#[path = "../world.rs"]
#[expect(dead_code, reason = "the matrix needs little of it")]
mod world;

use std::fmt::Write;
use std::sync::Arc;

use feeds::EXCHANGES;
use proxy_config::Transport;
use testkit::{ProxyKind, documented};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::cell::Cell;
use self::fault::{Fault, Scope};

/// How many cells run side by side.
const AT_ONCE: usize = 12;

/// The two kinds of proxies: both kinds of handshakes.
const PROXIES: [ProxyKind; 2] = [ProxyKind::Http, ProxyKind::Socks5h];

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for fault in Fault::ALL {
        for transport in Transport::ALL {
            if let Scope::Within(_) = fault.scope(transport) {
                for registration in EXCHANGES {
                    for proxy in PROXIES {
                        cells.push(Cell {
                            fault,
                            transport,
                            registration,
                            proxy,
                        });
                    }
                }
            }
        }
    }
    cells
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_survived_and_told_at_every_exchange_on_both_transports() {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for cell in cells() {
        let room = Arc::clone(&room);
        running.spawn(async move {
            let _place = room.acquire().await.unwrap();
            let outcome = cell.run().await;
            (cell, outcome)
        });
    }
    let mut outcomes = running.join_all().await;
    outcomes.sort_by_key(|(cell, _)| cell.to_string());
    let mut failed = String::new();
    for (cell, outcome) in &outcomes {
        match outcome {
            Ok(report) => println!("{cell}: {report}"),
            Err(problem) => writeln!(failed, "{cell}: {problem}").unwrap(),
        }
    }
    println!("{} cells", outcomes.len());
    assert!(failed.is_empty(), "\n{failed}");
}

#[test]
fn the_documentation_has_the_matrix() {
    let mut table = "| fault | REST | WebSocket |\n|---|---|---|\n".to_owned();
    for fault in Fault::ALL {
        let [rest, ws] = Transport::ALL.map(|transport| fault.scope(transport).to_string());
        writeln!(table, "| {} | {rest} | {ws} |", fault.about()).unwrap();
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/testing.md");
    assert_eq!(documented(page, "fault matrix", table.trim_end()), Ok(()));
}
