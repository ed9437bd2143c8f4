//! `cryptofeed demo`.

use serde_json::{Value, json};

use crate::workspace::Workspace;

#[test]
fn every_connection_of_every_exchange_comes_from_its_proxy() {
    let demo = Workspace::new().output(&["demo", "--duration", "2s", "--json"], &[]);
    assert_eq!(demo.code, Some(0), "{}", demo.stderr);
    let report: Value = serde_json::from_str(&demo.stdout).unwrap();
    assert_eq!(report["direct_connections"], 0);
    assert_eq!(report["problems"], json!([]));
    let lanes = [
        ("binance", "http", "http://***@", "127.0.0.2"),
        ("binance", "websocket", "socks5h://***@", "127.0.0.3"),
        ("backpack", "http", "socks5://***@", "127.0.0.4"),
        ("backpack", "websocket", "https://***@", "127.0.0.5"),
        ("kraken", "http", "socks4a://***@", "127.0.0.6"),
        ("kraken", "websocket", "socks4://***@", "127.0.0.7"),
        ("okx", "http", "http://***@", "127.0.0.8"),
        ("okx", "websocket", "socks5h://***@", "127.0.0.9"),
    ];
    let routes = report["routes"].as_array().unwrap();
    assert_eq!(routes.len(), lanes.len());
    for (route, (exchange, transport, proxy, egress)) in routes.iter().zip(lanes) {
        assert_eq!(route["exchange"], exchange);
        assert_eq!(route["transport"], transport);
        assert!(
            route["proxy"].as_str().unwrap().starts_with(proxy),
            "{route}"
        );
        assert_eq!(route["egress"], json!([egress]));
        assert_eq!(route["direct_connections"], 0);
        assert!(route["messages"].as_u64().unwrap() > 0, "{route}");
    }
}

#[test]
fn progress_is_plain_lines_where_nobody_watches_and_secrets_are_nowhere() {
    let demo = Workspace::new().output(&["demo", "--duration", "2s", "--log", "trace"], &[]);
    assert_eq!(demo.code, Some(0), "{}", demo.stderr);
    let is_progress = |line: &str| line.contains(" s: ") && line.ends_with(" events");
    assert!(demo.stderr.lines().any(is_progress), "{}", demo.stderr);
    assert!(!demo.stderr.contains('\u{1b}'));
    assert!(demo.stdout.contains("│ all "), "{}", demo.stdout);
    for secret in ["s3cret", "demo@example", "demo%40example"] {
        assert!(!demo.stdout.contains(secret) && !demo.stderr.contains(secret));
    }
}
