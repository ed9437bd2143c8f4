//! `cryptofeed run` and SIGHUP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;
use testkit::{ExchangeTransport, MockProxy, ProxyKind};

use crate::workspace::Workspace;
use crate::world::{World, peers};

fn from(numbers: &[u8]) -> BTreeSet<IpAddr> {
    numbers.iter().map(|n| [127, 0, 0, *n].into()).collect()
}

fn yaml(world: &World, default: &MockProxy, binance: &str) -> String {
    format!(
        "tls: {{ca_file: ca.pem}}\n\
         proxy: {{enabled: true, default: '{}', exchanges: {{binance: '{binance}'}}}}\n{}",
        default.url(),
        world.feeds()
    )
}

/// Fails unless each change of Backpack's book follows to the one before.
fn check_gapless(line: &Value, last: &mut Option<u64>) {
    if line["exchange"] == "backpack" {
        assert_ne!(line["type"], "disconnected");
        if line["type"] == "l2_delta" {
            let first = line["first_id"].as_u64().unwrap();
            assert!(last.is_none_or(|last| first == last + 1), "{line}");
            *last = line["last_id"].as_u64();
        }
    }
}

fn is_fresh_book(line: &Value) -> bool {
    line["exchange"] == "binance" && line["type"] == "l2_snapshot"
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_moves_one_exchange_and_leaves_the_other_gapless() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let old = world.proxy(ProxyKind::Socks5h, 2).await;
    let new = world.proxy(ProxyKind::Http, 3).await;
    workspace.file("cryptofeed.yaml", &yaml(&world, &old, &old.url()));
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let mut last = None;
    let mut deltas = 0;
    run.find(|line| {
        check_gapless(line, &mut last);
        deltas += usize::from(line["type"] == "l2_delta");
        deltas > 20 && last.is_some()
    });

    workspace.file("cryptofeed.yaml", &yaml(&world, &old, &new.url()));
    run.reload();
    run.find(|line| {
        check_gapless(line, &mut last);
        line["exchange"] == "binance" && line["type"] == "disconnected"
    });
    run.find(|line| {
        check_gapless(line, &mut last);
        is_fresh_book(line)
    });

    workspace.file("cryptofeed.yaml", &yaml(&world, &old, "ftp://u:s3cret@h:1"));
    run.reload();
    let mut lines = 0;
    run.find(|line| {
        check_gapless(line, &mut last);
        assert_ne!(line["type"], "disconnected");
        lines += 1;
        lines > 200
    });

    run.terminate();
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(0));
    assert_eq!(
        peers(&world.binance, ExchangeTransport::WebSocket),
        from(&[2, 3])
    );
    assert_eq!(
        peers(&world.backpack, ExchangeTransport::WebSocket),
        from(&[2])
    );
    assert!(stderr.contains("new settings apply"), "{stderr}");
    assert!(stderr.contains("Unsupported proxy scheme: ftp"), "{stderr}");
    assert!(!stderr.contains("s3cret"), "{stderr}");
}
