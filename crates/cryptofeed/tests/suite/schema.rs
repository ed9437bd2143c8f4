//! `cryptofeed schema`.

use std::fs;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

use crate::workspace::Workspace;

/// The schema in the documentation, below the folder of this crate.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config.schema.json");

fn schema(arguments: &[&str]) -> String {
    let schema = Workspace::new().output(arguments, &[]);
    assert_eq!(schema.code, Some(0), "{}", schema.stderr);
    schema.stdout
}

/// The documents that the schema of these arguments refuses.
pub(crate) fn rejected<'a>(arguments: &[&str], documents: &'a [Value]) -> Vec<&'a Value> {
    let schema: Value = serde_json::from_str(&schema(arguments)).unwrap();
    let mut compiler = Compiler::new();
    compiler.add_resource("schema.json", schema).unwrap();
    let mut schemas = Schemas::new();
    let schema = compiler.compile("schema.json", &mut schemas).unwrap();
    let is_rejected = |document: &&Value| schemas.validate(document, schema).is_err();
    documents.iter().filter(is_rejected).collect()
}

#[test]
fn the_schema_in_the_documentation_is_that_of_the_command() {
    let committed = fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        committed == schema(&["schema"]),
        "docs/config.schema.json is out of date; write it anew with\n\
         cargo run -p cryptofeed -- schema > docs/config.schema.json"
    );
}

/// Whether each document is accepted.
fn accepted(documents: &[Value]) -> Vec<bool> {
    let rejected = rejected(&["schema"], documents);
    let is_accepted =
        |document: &Value| !rejected.iter().any(|other| std::ptr::eq(*other, document));
    documents.iter().map(is_accepted).collect()
}

#[test]
fn the_schema_and_check_accept_and_refuse_the_same() {
    let symbols = |symbols: Value| json!({"feeds": {"binance": {"symbols": symbols}}});
    let feed = |mut fields: Value| {
        fields["symbols"] = json!(["SOL-USDC-PERP"]);
        json!({"feeds": {"backpack": fields}})
    };
    let urls = |rest, ws| feed(json!({"rest_url": rest, "ws_url": ws}));
    let documents = [
        json!({"proxy": "socks5h://u:p@h:1"}),
        symbols(json!(["BTC-USDT", "ETH-USDT"])),
        symbols(json!("BTC-USDT,ETH-USDT")),
        feed(json!({"channels": ["trades", "ticker", "l2_book"]})),
        json!({"memory": {"events_mib": 1, "books_mib": 4095}}),
        json!({"status": {"listen": "127.0.0.1:9464", "hosts": "a,b", "ready_after_seconds": 5}}),
        json!({"status": {"listen": "[::]:9464", "insecure": true, "hosts": ["a.example"]}}),
        feed(json!({"depth": 5})),
        feed(json!({"redundancy": 2})),
        urls("http://localhost:1", "ws://localhost:2"),
        // From here on, what is wrong.
        json!(null),
        json!({}),
        json!({"proxy": {}}),
        json!({"feeds": {}}),
        json!({"feeds": null}),
        json!({"feeds": {"binance": null}}),
        json!({"feeds": {"binance": {}}}),
        json!({"tls": null}),
        json!({"tls": {}}),
        json!({"tls": {"ca_file": null}}),
        feed(json!({"channels": null})),
        symbols(json!(["BTC-USDT", null])),
        symbols(json!([])),
        symbols(json!("")),
        symbols(json!(["BTCUSDT"])),
        symbols(json!({"BTC": "USDT"})),
        feed(json!({"channels": ["candles"]})),
        feed(json!({"depths": 5})),
        feed(json!({"depth": 0})),
        feed(json!({"depth": 5001})),
        feed(json!({"redundancy": 0})),
        feed(json!({"redundancy": 3})),
        urls("wss://localhost:1", "wss://localhost:2"),
        urls("https://localhost:1", "https://localhost:2"),
        json!({"feeds": {"bitstamp": {"symbols": ["BTC-USD"]}}}),
        json!({"feeds": []}),
        json!({"tls": {"ca_file": ""}}),
        json!({"tls": {"ca_path": "certs"}}),
        json!({"tsl": {}}),
        json!({"memory": {}}),
        json!({"memory": {"events_mib": 0}}),
        json!({"memory": {"books_mib": 4096}}),
        json!({"status": {}}),
        json!({"status": {"listen": 9464}}),
        json!({"status": {"listen": "localhost:9464"}}),
        json!({"status": {"listen": "127.0.0.1"}}),
        json!({"status": {"insecure": "perhaps"}}),
        json!({"status": {"hosts": ["a:1"]}}),
        json!({"status": {"ready_after_seconds": 3601}}),
    ];
    let workspace = Workspace::new();
    for (document, is_accepted) in documents.iter().zip(accepted(&documents)) {
        workspace.file("test.json", &document.to_string());
        let check = workspace.output(&["check", "--config", "test.json"], &[]);
        assert_eq!(
            check.code == Some(0),
            is_accepted,
            "{document}: {}",
            check.stderr
        );
    }
    assert_eq!(accepted(&documents).iter().filter(|it| **it).count(), 10);
}
