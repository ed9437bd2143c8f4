//! `cryptofeed check`, and how configurations go wrong.

use serde_json::{Value, json};

use crate::workspace::Workspace;

const CONFIGURATION: &str = "\
proxy:
  enabled: true
  strict: true
  default:
    http: socks5://u:s3cret@proxy.example:1080
  exchanges:
    kraken: direct
feeds:
  binance: {symbols: [BTC-USDT]}
";

#[test]
fn an_unsupported_scheme_is_named_with_its_variable_and_without_the_password() {
    let variables = [
        ("CRYPTOFEED_PROXY_ENABLED", "true"),
        ("CRYPTOFEED_PROXY_DEFAULT__HTTP__URL", "ftp://u:s3cret@h:1"),
    ];
    let check = Workspace::new().output(&["check"], &variables);
    assert_eq!(check.code, Some(2));
    assert_eq!(check.stdout, "");
    for part in [
        "CRYPTOFEED_PROXY_DEFAULT__HTTP__URL",
        "Unsupported proxy scheme: ftp",
    ] {
        assert!(check.stderr.contains(part), "{}", check.stderr);
    }
    assert!(!check.stderr.contains("s3cret"), "{}", check.stderr);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    let workspace = Workspace::new();
    workspace.file(
        "cryptofeed.yaml",
        "feeds:\n  binance:\n    symbols: [BTC-USDT]\n    chanels: [trades]\n",
    );
    let check = workspace.output(&["check"], &[]);
    assert_eq!(check.code, Some(2));
    assert!(
        check.stderr.contains("feeds.binance.chanels (from cryptofeed.yaml:4:14): unknown key; did you mean `channels`?"),
        "{}",
        check.stderr
    );
}

#[test]
fn everything_that_is_wrong_with_the_feeds_and_tls_is_told_at_once() {
    let workspace = Workspace::new();
    let yaml = "\
feeds:
  binance: {symbols: [BTCUSDT, 'ETH USDT'], channels: [candles]}
  backpack: {symbols: [SOL-USDC], rest_url: 'wss://u:s3cret@h', ws_url: 'wss://h'}
  kraken: {symbols: [BTC-USD]}
tls: {ca_file: missing.pem}
";
    let path = workspace.file("bad.yaml", yaml);
    let variables = [("CRYPTOFEED_CONFIG", path.to_str().unwrap())];
    let check = workspace.output(&["check"], &variables);
    assert_eq!(check.code, Some(2));
    for part in [
        "feeds.binance.symbols[0] (from ",
        "feeds.binance.symbols[1] (from ",
        "feeds.binance.channels[0] (from ",
        "feeds.backpack.rest_url (from ",
        "bad.yaml:3:45): invalid rest url: must begin with https:// or http://",
        "feeds.kraken (from ",
        "tls.ca_file (from ",
    ] {
        assert!(check.stderr.contains(part), "{part}: {}", check.stderr);
    }
    assert!(!check.stderr.contains("s3cret"), "{}", check.stderr);
}

#[test]
fn the_addresses_of_a_venue_are_replaced_together_or_not_at_all() {
    let variables = [
        ("CRYPTOFEED_FEEDS_BINANCE__SYMBOLS", "BTC-USDT"),
        ("CRYPTOFEED_FEEDS_BINANCE__REST_URL", "https://localhost:1"),
    ];
    let check = Workspace::new().output(&["check"], &variables);
    assert_eq!(check.code, Some(2));
    assert!(
        check.stderr.contains("set both or none"),
        "{}",
        check.stderr
    );
}

#[test]
fn a_named_file_that_does_not_exist_is_an_error() {
    let check = Workspace::new().output(&["check", "--config", "none.yaml"], &[]);
    assert_eq!(check.code, Some(2));
    assert!(check.stderr.contains("none.yaml"), "{}", check.stderr);
}

#[test]
fn routes_are_told_with_their_reason_and_what_set_them() {
    let workspace = Workspace::new();
    workspace.file("cryptofeed.yaml", CONFIGURATION);
    let variables = [
        (
            "CRYPTOFEED_PROXY_EXCHANGES__BINANCE__WS__URL",
            "http://u:s3cret@other.example:8080",
        ),
        (
            "CRYPTOFEED_PROXY_EXCHANGES__BINANCE__WS__TIMEOUT_SECONDS",
            "7",
        ),
    ];
    let check = workspace.output(&["check", "--json"], &variables);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    let default = |exchange: Value| {
        json!({
            "exchange": exchange, "transport": "http", "route": "proxy",
            "proxy": "socks5://***@proxy.example:1080", "source": "default", "dns": "local",
            "timeout_seconds": 30, "set_by": "cryptofeed.yaml:5:11",
        })
    };
    let direct = |transport| {
        json!({
            "exchange": "kraken", "transport": transport, "route": "direct", "proxy": null,
            "source": "exchange", "dns": "local", "timeout_seconds": null,
            "set_by": "cryptofeed.yaml:7:13",
        })
    };
    let report: Value = serde_json::from_str(&check.stdout).unwrap();
    assert_eq!(
        report,
        json!({"enabled": true, "strict": true, "routes": [
            default(json!("binance")),
            {
                "exchange": "binance", "transport": "websocket", "route": "proxy",
                "proxy": "http://***@other.example:8080", "source": "exchange", "dns": "proxy",
                "timeout_seconds": 7, "set_by": "CRYPTOFEED_PROXY_EXCHANGES__BINANCE__WS__URL",
            },
            direct("http"),
            direct("websocket"),
            default(Value::Null),
            {
                "exchange": null, "transport": "websocket", "route": "refused", "proxy": null,
                "source": "none", "dns": null, "timeout_seconds": null, "set_by": null,
            },
        ]})
    );
}

#[test]
fn the_table_hides_credentials() {
    let workspace = Workspace::new();
    workspace.file("cryptofeed.yaml", CONFIGURATION);
    let check = workspace.output(&["check"], &[]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    for part in [
        "socks5://***@proxy.example:1080",
        "any other exchange",
        "refused",
        "kraken",
    ] {
        assert!(check.stdout.contains(part), "{part}: {}", check.stdout);
    }
    assert!(!(check.stdout + &check.stderr).contains("s3cret"));
}
