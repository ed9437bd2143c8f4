//! The JSON Schema, checked by a validator.

use boon::{Compiler, Schemas};
use proxy_config::json_schema;
use serde_json::{Value, json};

/// Whether a document is as the schema says.
fn is_valid(document: &Value) -> bool {
    let feeds = json!({"type": "object"});
    let mut compiler = Compiler::new();
    compiler
        .add_resource("schema.json", json_schema([("feeds", feeds)]))
        .unwrap();
    let mut schemas = Schemas::new();
    let schema = compiler.compile("schema.json", &mut schemas).unwrap();
    schemas.validate(document, schema).is_ok()
}

fn proxy(section: Value) -> Value {
    Value::from_iter([("proxy", section)])
}

fn http(rule: Value) -> Value {
    let default = Value::from_iter([("http", rule)]);
    proxy(Value::from_iter([("default", default)]))
}

#[test]
fn everything_that_can_be_written_is_valid() {
    let every_key = json!({
        "url": "https://h:1",
        "timeout_seconds": 45,
        "username": 42,
        "password_file": "/run/secrets/password",
        "tls": {"ca_file": "ca.pem"},
        "via": ["http://a:1", {"url": "socks4a://b:2", "username": "u", "password": 1.10}],
    });
    for document in [
        json!({"feeds": {}}),
        proxy(json!("socks5h://u:p@h:1")),
        proxy(json!({"enabled": "yes", "strict": true, "default": "direct"})),
        proxy(json!({"default": {"rest": "http://h:1/", "ws": "direct"}})),
        proxy(json!({"default": "direct", "egress_url": "https://mirror.example/ip"})),
        proxy(json!({"exchanges": {"BINANCE": "http://h:1", "okx": "direct"}})),
        proxy(json!({"default": every_key})),
        proxy(json!({"default": {"pool": {"proxies": ["http://h:1"]}, "timeout_seconds": 5}})),
        proxy(json!({"exchanges": {"okx": {"url": "http://h:1", "via": []}}})),
        http(every_key),
        http(json!({"via": "http://a:1"})),
        http(json!({"url": "http://h:1", "handshake": "auto", "quick_ack": "on"})),
        http(
            json!({"url": "http://h:1", "headers": {"X-Country": "de", "x-n": 7}, "headers_file": "h"}),
        ),
        http(json!({"direct": {"bind": "192.0.2.7", "egress": "203.0.113.7"}})),
        http(json!({"url": "http://h:1", "egress": "203.0.113.7"})),
        proxy(json!({"exchanges": {"okx": {"direct": {"bind": "eth0"}}}})),
        http(json!({"pool": {"proxies": [{"direct": {"bind": "::1"}, "weight": 2}]}})),
        http(json!({"url": "http://h:1", "bind": "192.0.2.7"})),
        http(json!({"pool": {"proxies": "http://a:1"}, "via": [], "timeout_seconds": 5})),
        http(json!({"pool": {
            "strategy": "least_connections",
            "proxies": ["http://a:1", {"url": "http://b:2", "weight": 100, "enabled": "no"}],
        }})),
        http(json!({"pool": {"source": {"file": "proxies.txt", "interval_seconds": "5"}}})),
        http(json!({"pool": {"source": {"url": "https://h/x", "proxy": "direct"}}})),
        http(json!({"pool": {"source": {"url": "http://h/", "proxy": {"url": "http://a:1"}}}})),
        http(json!({"via": [], "timeout_seconds": "45"})),
        http(json!({"url": "socks5://[::1]:1"})),
    ] {
        assert!(is_valid(&document), "{document}");
    }
}

#[test]
fn what_cannot_be_written_is_not_valid() {
    for document in [
        json!([]),
        json!(null),
        json!({}),
        json!({"proxy": null}),
        proxy(json!({})),
        proxy(json!({"enabled": null})),
        proxy(json!({"default": {}})),
        proxy(json!({"exchanges": {"okx": {}}})),
        proxy(json!({"exchanges": {"okx": null}})),
        proxy(json!({"exchanges": null})),
        http(json!({"url": null})),
        http(json!({"url": "http://h:1", "timeout_seconds": null})),
        http(json!({"url": "http://h:1", "password": null})),
        http(json!({"url": "http://h:1", "tls": {}})),
        http(json!({"url": "http://h:1", "via": [null]})),
        http(json!({"pool": {"source": {"url": "ftp://h/x", "proxy": "direct"}}})),
        http(json!({"pool": {"source": {"file": "a", "interval_seconds": 4}}})),
        http(json!({"pool": {"source": {"file": "a", "intervall": 5}}})),
        http(json!({"url": "http://h:1", "handshake": null})),
        json!({"proxi": "http://h:1"}),
        json!({"feeds": 1}),
        proxy(json!("h:1")),
        proxy(json!({"enable": true})),
        proxy(json!({"enabled": "maybe"})),
        proxy(json!({"default": "ftp://h:1"})),
        proxy(json!({"default": {"htpp": "http://h:1"}})),
        proxy(json!({"default": {"http": "http://h:1", "timeout_seconds": 5}})),
        proxy(json!({"exchanges": {"okx": {"pool": {"proxies": "http://h:1"}, "ws": "direct"}}})),
        proxy(json!({"exchanges": {"a b": "direct"}})),
        proxy(json!({"exchanges": []})),
        http(json!({"url": "http://h"})),
        http(json!({"url": 7})),
        http(json!({"url": "http://h:1", "timeout": 5})),
        http(json!({"timeout_seconds": 0})),
        http(json!({"timeout_seconds": 301})),
        http(json!({"timeout_seconds": 4.5})),
        http(json!({"timeout_seconds": "soon"})),
        http(json!({"password_file": ""})),
        http(json!({"password": ["x"]})),
        http(json!({"tls": {"ca_flie": "x"}})),
        http(json!({"tls": "ca.pem"})),
        http(json!({"via": ["direct"]})),
        http(json!({"handshake": "quick"})),
        http(json!({"weight": 1})),
        http(json!({"direct": {}})),
        http(json!({"via": [{"url": "http://h:1", "egress": "203.0.113.7"}]})),
        http(json!({"direct": true})),
        http(json!({"url": "http://h:1", "bind": ""})),
        http(json!({"url": "http://h:1", "headers": {}})),
        http(json!({"url": "http://h:1", "headers": {"X Country": "de"}})),
        http(json!({"url": "http://h:1", "headers": "X-Country: de"})),
        http(json!({"pool": "http://a:1"})),
        http(json!({"pool": {"strategy": "fastest"}})),
        http(json!({"pool": {"proxies": [{"url": "http://a:1", "weight": 0}]}})),
        http(json!({"pool": {"proxies": [{"url": "http://a:1", "weight": 0.5}]}})),
        http(json!({"pool": {"proxies": [{"url": "http://a:1", "via": "http://b:2"}]}})),
        http(json!({"pool": {"proxies": [], "health_check": {}}})),
        http(json!({"via": [{"url": "http://h:1", "timeout_seconds": 5}]})),
    ] {
        assert!(!is_valid(&document), "{document}");
    }
}

/// Every property with its description, wherever it is.
fn descriptions<'a>(schema: &'a Value, into: &mut Vec<(&'a str, Option<&'a str>)>) {
    match schema {
        Value::Object(fields) => {
            let properties = fields.get("properties").and_then(Value::as_object);
            for (name, schema) in properties.into_iter().flatten() {
                into.push((name, schema["description"].as_str()));
            }
            fields
                .values()
                .for_each(|schema| descriptions(schema, into));
        }
        Value::Array(schemas) => schemas.iter().for_each(|schema| descriptions(schema, into)),
        _ => {}
    }
}

#[test]
fn every_key_says_what_it_is_for() {
    let schema = json_schema([]);
    let mut found = Vec::new();
    descriptions(&schema, &mut found);
    for key in [
        "enabled",
        "exchanges",
        "rest",
        "timeout_seconds",
        "ca_file",
        "via",
        "pool",
        "strategy",
        "weight",
        "handshake",
        "quick_ack",
        "headers",
        "headers_file",
        "direct",
        "bind",
        "egress",
    ] {
        assert!(found.iter().any(|(name, _)| *name == key), "{key}");
    }
    for (name, description) in found {
        let is_told = description.is_some_and(|text| text.ends_with('.'));
        assert!(is_told || name == "proxy", "{name}");
    }
}
