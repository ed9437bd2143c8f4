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
    backpack: direct
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
fn rules_without_enabled_are_refused_with_both_answers() {
    let variables = [("CRYPTOFEED_PROXY_DEFAULT", "socks5h://u:s3cret@h:1")];
    let check = Workspace::new().output(&["check"], &variables);
    assert_eq!(check.code, Some(2));
    for part in ["`enabled: true`", "`enabled: false`"] {
        assert!(check.stderr.contains(part), "{}", check.stderr);
    }
    assert!(!check.stderr.contains("s3cret"), "{}", check.stderr);
}

#[test]
fn a_file_with_nothing_in_it_is_refused() {
    let workspace = Workspace::new();
    for text in ["", "# proxy: socks5h://h:1\n", "{}"] {
        workspace.file("cryptofeed.yaml", text);
        let check = workspace.output(&["check"], &[]);
        assert_eq!(check.code, Some(2));
        let expected = "cryptofeed.yaml: there is nothing in it";
        assert!(check.stderr.contains(expected), "{}", check.stderr);
    }
}

#[test]
fn a_key_with_nothing_after_it_is_refused_in_every_section() {
    let workspace = Workspace::new();
    for (text, key) in [
        (
            "proxy: {enabled: true, strict: , default: direct}",
            "proxy.strict",
        ),
        ("feeds: {binance: }", "feeds.binance"),
        ("feeds: {binance: {symbols: }}", "feeds.binance.symbols"),
        ("tls: {ca_file: }", "tls.ca_file"),
    ] {
        workspace.file("cryptofeed.yaml", text);
        let check = workspace.output(&["check"], &[]);
        assert_eq!(check.code, Some(2));
        let expected = format!("{key} (from cryptofeed.yaml:1:");
        assert!(check.stderr.contains(&expected), "{}", check.stderr);
        assert!(
            check.stderr.contains("the key has no value"),
            "{}",
            check.stderr
        );
    }
}

#[test]
fn a_rule_of_an_exchange_that_is_not_known_is_refused_with_the_nearest_name() {
    let workspace = Workspace::new();
    for (name, meant) in [
        ("binnance", "; did you mean `binance`?"),
        ("BACKPAK", "; did you mean `backpack`?"),
        ("bitstamp", ""),
    ] {
        let yaml = format!("proxy: {{enabled: true, exchanges: {{{name}: 'http://h:1'}}}}");
        workspace.file("cryptofeed.yaml", &yaml);
        let check = workspace.output(&["check"], &[]);
        assert_eq!(check.code, Some(2));
        let name = name.to_lowercase();
        for part in [
            format!("proxy.exchanges.{name} (from cryptofeed.yaml:1:"),
            format!("unknown exchange{meant} (known: binance, backpack, kraken, okx)"),
        ] {
            assert!(check.stderr.contains(&part), "{part}: {}", check.stderr);
        }
    }
    let variable = [
        ("CRYPTOFEED_PROXY_ENABLED", "yes"),
        ("CRYPTOFEED_PROXY_EXCHANGES__BINANCEE__WS", "http://h:1"),
    ];
    let check = Workspace::new().output(&["check"], &variable);
    assert_eq!(check.code, Some(2));
    assert!(check.stderr.contains("`binance`"), "{}", check.stderr);
}

#[test]
fn a_rule_that_no_feed_uses_is_told_once() {
    let workspace = Workspace::new();
    let rules = "proxy: {enabled: true, exchanges: {BINANCE: direct, backpack: direct}}\n";
    let feeds = "feeds: {binance: {symbols: [BTC-USDT]}}\n";
    for (feeds, expected) in [(feeds, vec!["exchange=backpack"]), ("", vec![])] {
        workspace.file("cryptofeed.yaml", &format!("{rules}{feeds}"));
        let check = workspace.output(&["check"], &[]);
        assert_eq!(check.code, Some(0), "{}", check.stderr);
        let lines = check.stderr.lines();
        let told: Vec<_> = lines.filter(|line| line.contains("unused")).collect();
        assert_eq!(told.len(), expected.len(), "{}", check.stderr);
        for (line, exchange) in told.iter().zip(&expected) {
            assert!(line.contains("WARN") && line.contains(exchange), "{line}");
        }
        let marks = check.stdout.matches("exchange, unused").count();
        assert_eq!(marks, 2 * expected.len(), "{}", check.stdout);
    }
}

#[test]
fn a_misspelt_variable_is_refused() {
    for (name, nearest) in [
        ("CRYPTOFEED_PORXY", "CRYPTOFEED_PROXY"),
        ("CRYPTOFEED_CONFG", "CRYPTOFEED_CONFIG"),
        ("CRYPTOFEED_LGO", "CRYPTOFEED_LOG"),
        ("CRYPTOFEED_TSL_CA_FILE", "CRYPTOFEED_TLS_CA_FILE"),
    ] {
        let check = Workspace::new().output(&["check"], &[(name, "socks5h://u:s3cret@h:1")]);
        assert_eq!(check.code, Some(2));
        let expected = format!("{name}: unknown variable; did you mean {nearest}?");
        assert!(check.stderr.contains(&expected), "{}", check.stderr);
        assert!(!check.stderr.contains("s3cret"), "{}", check.stderr);
    }
}

#[test]
fn the_variables_of_a_service_are_ignored_with_one_line() {
    let variables = [
        ("CRYPTOFEED_PROXY_SERVICE_HOST", "10.96.12.7"),
        ("CRYPTOFEED_PROXY_SERVICE_PORT", "1080"),
        ("CRYPTOFEED_PROXY_PORT", "tcp://10.96.12.7:1080"),
        ("CRYPTOFEED_HTTP_TIMEOUT", "10"),
    ];
    let check = Workspace::new().output(&["check"], &variables);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    let lines: Vec<_> = check
        .stderr
        .lines()
        .filter(|line| line.contains("ignored"))
        .collect();
    let [line] = &*lines else {
        panic!("{}", check.stderr);
    };
    assert!(line.contains("INFO"), "{line}");
    for (name, _) in variables {
        assert!(line.contains(name), "{line}");
    }
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
fn everything_that_is_wrong_in_any_section_and_source_is_told_at_once() {
    let workspace = Workspace::new();
    let yaml = "\
proxy: {enabled: maybe, default: {http: 'socks6://u:s3cret@h:1'}}
feeds:
  binance: {symbols: [BTCUSDT, 'ETH USDT']}
  backpack: {symbols: [SOL-USDC], rest_url: 'wss://u:s3cret@h', ws_url: 'wss://h'}
  bitstamp: {symbols: [BTC-USD]}
tls: {ca_file: missing.pem, ca_path: certs}
";
    let path = workspace.file("bad.yaml", yaml);
    let variables = [
        ("CRYPTOFEED_CONFIG", path.to_str().unwrap()),
        (
            "CRYPTOFEED_PROXY_DEFAULT__WS__URL",
            "http://u:s3cret@no-port",
        ),
        ("CRYPTOFEED_PROXY_STRIKT", "true"),
        ("CRYPTOFEED_FEEDS_BINANCE__CHANNELS", "candles"),
        ("CRYPTOFEED_TLS_CERT", "x"),
    ];
    let check = workspace.output(&["check"], &variables);
    assert_eq!(check.code, Some(2));
    for part in [
        "proxy.enabled (from ",
        "bad.yaml:1:18): expected true or false",
        "proxy.default.http.url (from ",
        "bad.yaml:1:41): Unsupported proxy scheme",
        "proxy.default.websocket.url (from CRYPTOFEED_PROXY_DEFAULT__WS__URL): ",
        "proxy.strikt (from CRYPTOFEED_PROXY_STRIKT): ",
        "feeds.binance.symbols[0] (from ",
        "feeds.binance.symbols[1] (from ",
        "feeds.binance.channels (from CRYPTOFEED_FEEDS_BINANCE__CHANNELS): ",
        "feeds.backpack.rest_url (from ",
        "bad.yaml:4:45): invalid rest url: must begin with https:// or http://",
        "feeds.bitstamp (from ",
        "tls.ca_file (from ",
        "tls.ca_path (from ",
        "tls.cert (from CRYPTOFEED_TLS_CERT): ",
    ] {
        assert!(check.stderr.contains(part), "{part}: {}", check.stderr);
    }
    assert!(!check.stderr.contains("s3cret"), "{}", check.stderr);
}

#[test]
fn the_addresses_of_a_exchange_are_replaced_together_or_not_at_all() {
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
    let default = |exchange: Value, destination: Value| {
        json!({
            "exchange": exchange, "transport": "http", "destination": destination,
            "route": "proxy", "source": "default", "unused": false, "dns": "local",
            "proxy": {"url": "socks5://***@proxy.example:1080", "timeout_seconds": 30},
            "list": null,
            "set_by": {"url": "cryptofeed.yaml:5:11"}, "password_set_by": "cryptofeed.yaml:5:11",
            "unless_exempted_by": null, "bind": null,
        })
    };
    let without_proxy = |exchange: Value, transport, route, source, dns: Value, set_by: Value| {
        json!({
            "exchange": exchange, "transport": transport, "destination": null, "route": route,
            "proxy": null, "list": null, "source": source, "unused": source == "exchange", "dns": dns,
            "set_by": set_by,
            "password_set_by": null, "unless_exempted_by": null, "bind": null,
        })
    };
    let direct = |transport| {
        let set_by = json!({"direct": "cryptofeed.yaml:7:15"});
        let (exchange, dns) = (json!("backpack"), json!("local"));
        without_proxy(exchange, transport, "direct", "exchange", dns, set_by)
    };
    let report: Value = serde_json::from_str(&check.stdout).unwrap();
    assert_eq!(
        report,
        json!({"enabled": true, "strict": true, "egress_url": null, "routes": [
            direct("http"),
            direct("websocket"),
            default(json!("binance"), json!("api.binance.com:443")),
            {
                "exchange": "binance", "transport": "websocket",
                "bind": null, "destination": "stream.binance.com:9443",
                "route": "proxy", "source": "exchange", "unused": false, "dns": "proxy",
                "proxy": {"url": "http://***@other.example:8080", "timeout_seconds": 7},
                "list": null,
                "set_by": {
                    "url": "CRYPTOFEED_PROXY_EXCHANGES__BINANCE__WS__URL",
                    "timeout_seconds": "CRYPTOFEED_PROXY_EXCHANGES__BINANCE__WS__TIMEOUT_SECONDS",
                },
                "password_set_by": "CRYPTOFEED_PROXY_EXCHANGES__BINANCE__WS__URL",
                "unless_exempted_by": null,
            },
            default(Value::Null, Value::Null),
            without_proxy(Value::Null, "websocket", "refused", "none", Value::Null, Value::Null),
        ], "sinks": {"stdout": true, "files": null, "nats": null}, "fleet": null, "rest": {
            "head_timeout_seconds": {"value": 30, "set_by": null},
            "silence_timeout_seconds": {"value": 30, "set_by": null},
            "total_timeout_seconds": {"value": null, "set_by": null},
            "max_response_mib": {"value": 64, "set_by": null},
        }})
    );
}

#[test]
fn the_limits_of_answers_are_told_with_what_set_them() {
    let workspace = Workspace::new();
    let limits = "rest: {head_timeout_seconds: 60, silence_timeout_seconds: 45}\n";
    workspace.file("cryptofeed.yaml", &format!("{CONFIGURATION}{limits}"));
    let variables = [
        ("CRYPTOFEED_REST_SILENCE_TIMEOUT_SECONDS", "90"),
        ("CRYPTOFEED_REST_TOTAL_TIMEOUT_SECONDS", "600"),
    ];
    let check = workspace.output(&["check"], &variables);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    for line in [
        "rest.head_timeout_seconds: 60 (cryptofeed.yaml:10:30)\n",
        "rest.silence_timeout_seconds: 90 (CRYPTOFEED_REST_SILENCE_TIMEOUT_SECONDS)\n",
        "rest.total_timeout_seconds: 600 (CRYPTOFEED_REST_TOTAL_TIMEOUT_SECONDS)\n",
        "rest.max_response_mib: 64 (default)\n",
    ] {
        assert!(check.stdout.contains(line), "{}", check.stdout);
    }
    let variables = [
        ("CRYPTOFEED_REST_HEAD_TIMEOUT_SECONDS", "0"),
        ("CRYPTOFEED_REST_MAX_RESPONSE_MIB", "1025"),
    ];
    let check = workspace.output(&["check"], &variables);
    assert_eq!(check.code, Some(2));
    for part in [
        "rest.head_timeout_seconds (from CRYPTOFEED_REST_HEAD_TIMEOUT_SECONDS): \
         expected a whole number from 1 to 300",
        "rest.max_response_mib (from CRYPTOFEED_REST_MAX_RESPONSE_MIB): \
         expected a whole number from 1 to 1024",
    ] {
        assert!(check.stderr.contains(part), "{}", check.stderr);
    }
}

#[test]
fn the_fleet_is_told_with_what_set_it_and_without_its_secret() {
    let workspace = Workspace::new();
    workspace.file("password", "s3cret\n");
    let fleet = "fleet: {url: 'tls://broker.example', username: alice, password_file: password, shards: 16}\n";
    workspace.file("cryptofeed.yaml", &format!("{CONFIGURATION}{fleet}"));
    let variables = [
        ("CRYPTOFEED_FLEET_LEASE_SECONDS", "5"),
        ("CRYPTOFEED_FLEET_COLLECTOR", "east-1"),
    ];
    let check = workspace.output(&["check"], &variables);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    for line in [
        "fleet.url: tls://broker.example:4222 (cryptofeed.yaml:10:14)\n",
        "fleet.login: password (cryptofeed.yaml:10:70)\n",
        "fleet.ca_file: none (default)\n",
        "fleet.name: cryptofeed (default)\n",
        "fleet.shards: 16 (cryptofeed.yaml:10:88)\n",
        "fleet.lease_seconds: 5 (CRYPTOFEED_FLEET_LEASE_SECONDS)\n",
        "fleet.collector: east-1 (CRYPTOFEED_FLEET_COLLECTOR)\n",
    ] {
        assert!(check.stdout.contains(line), "{line}{}", check.stdout);
    }
    let json = workspace.output(&["check", "--json"], &variables);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["fleet"]["shards"]["value"], 16);
    for text in [&check.stdout, &check.stderr, &json.stdout] {
        assert!(
            !text.contains("s3cret") && !text.contains("alice"),
            "{text}"
        );
    }
    let variables = [
        ("CRYPTOFEED_FLEET_LEASE_SECONDS", "1"),
        ("CRYPTOFEED_FLEET_SHARDS", "4097"),
        ("CRYPTOFEED_FLEET_NAME", "a.b"),
        ("CRYPTOFEED_FLEET_TOKEN_FILE", "password"),
    ];
    let check = workspace.output(&["check"], &variables);
    assert_eq!(check.code, Some(2));
    for part in [
        "fleet.lease_seconds (from CRYPTOFEED_FLEET_LEASE_SECONDS): expected a whole number from 2 to 300",
        "fleet.shards (from CRYPTOFEED_FLEET_SHARDS): expected a whole number from 1 to 4096",
        "fleet.name (from CRYPTOFEED_FLEET_NAME): expected 1 to 64 letters, digits, - and _",
        "`token_file` stands instead of `username` and `password_file`",
    ] {
        assert!(check.stderr.contains(part), "{part}\n{}", check.stderr);
    }
}

#[test]
fn the_environments_proxies_are_told_for_the_addresses_of_the_feeds() {
    let workspace = Workspace::new();
    let yaml = "\
proxy: {enabled: true, from_env: true}
feeds:
  binance: {symbols: [BTC-USDT]}
  backpack:
    symbols: [SOL-USDC]
    rest_url: http://mock.internal:8080
    ws_url: wss://mock.internal:8443
";
    workspace.file("cryptofeed.yaml", yaml);
    let variables = [
        ("HTTPS_PROXY", "http://u:s3cret@proxy.example:3128"),
        ("NO_PROXY", "stream.binance.com"),
    ];
    let check = workspace.output(&["check", "--json"], &variables);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    let report: Value = serde_json::from_str(&check.stdout).unwrap();
    let routes: Vec<_> = report["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let keys = ["exchange", "transport", "route", "unless_exempted_by"];
            let set_by = row["set_by"].as_object();
            let set_by = set_by.and_then(|map| map.values().next()).cloned();
            let told = keys.map(|key| row[key].clone()).into_iter().chain(set_by);
            told.collect::<Value>()
        })
        .collect();
    assert_eq!(
        routes,
        [
            // There is no HTTP_PROXY, and this address is not spoken to over TLS.
            json!(["backpack", "http", "direct", null]),
            json!(["backpack", "websocket", "proxy", null, "HTTPS_PROXY"]),
            json!(["binance", "http", "proxy", null, "HTTPS_PROXY"]),
            json!(["binance", "websocket", "direct", null, "NO_PROXY"]),
            json!([null, "http", "proxy", "NO_PROXY", "HTTPS_PROXY"]),
            json!([null, "websocket", "proxy", "NO_PROXY", "HTTPS_PROXY"]),
        ]
    );
    let check = workspace.output(&["check"], &variables);
    for part in [
        " http://***@proxy.example:3128 * ",
        "* directly to the destinations that NO_PROXY exempts\n",
    ] {
        assert!(check.stdout.contains(part), "{part}: {}", check.stdout);
    }
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
        " exchange, unused ",
    ] {
        assert!(check.stdout.contains(part), "{part}: {}", check.stdout);
    }
    assert!(!(check.stdout + &check.stderr).contains("s3cret"));
}

#[test]
fn a_file_without_a_certificate_is_refused_wherever_it_is_named() {
    let workspace = Workspace::new();
    workspace.file("ca.pem", "no certificate\n");
    for (text, path) in [
        ("tls: {ca_file: ca.pem}\n", "tls.ca_file"),
        (
            "proxy: {enabled: true, default: {http: {url: 'https://h:1', tls: {ca_file: ca.pem}}}}\n",
            "proxy.default.http.tls.ca_file",
        ),
        (
            "proxy: {enabled: true, exchanges: {binance: {websocket: {pool: {proxies: \
             [{url: 'https://h:1', tls: {ca_file: ca.pem}}]}}}}}\n",
            "proxy.exchanges.binance.websocket.pool.proxies[0].tls.ca_file",
        ),
    ] {
        workspace.file("cryptofeed.yaml", text);
        let check = workspace.output(&["check"], &[]);
        assert_eq!(check.code, Some(2), "{}", check.stderr);
        assert!(check.stderr.contains(path), "{}", check.stderr);
        let reason = "cannot be used: no certificate in it";
        assert!(check.stderr.contains(reason), "{}", check.stderr);
    }
}

#[test]
fn a_file_that_is_nearly_the_default_one_is_not_passed_over() {
    let workspace = Workspace::new();
    let file = workspace.file("cryptofeed.toml", "proxy = \"http://h:1\"\n");
    let check = workspace.output(&["check"], &[]);
    assert_eq!(check.code, Some(2));
    let advice =
        "cryptofeed.toml: only cryptofeed.yaml is read by itself; name this one with --config";
    assert!(check.stderr.contains(advice), "{}", check.stderr);
    let named = workspace.output(&["check", "--config", "cryptofeed.toml"], &[]);
    assert_eq!(named.code, Some(0), "{}", named.stderr);
    std::fs::remove_file(file).unwrap();
    std::os::unix::fs::symlink("..data/cryptofeed.yaml", workspace.path("cryptofeed.yaml"))
        .unwrap();
    let dangling = workspace.output(&["check"], &[]);
    assert_eq!(dangling.code, Some(2), "{}", dangling.stderr);
}

#[test]
fn a_list_in_a_file_is_counted_and_its_bad_entries_are_told() {
    let workspace = Workspace::new();
    workspace.file(
        "cryptofeed.yaml",
        "proxy: {enabled: true, default: {http: {pool: {source: {file: proxies.txt}}}, \
         websocket: {pool: {source: {url: 'https://lists.example/t0ken', proxy: direct}}}}}",
    );
    let check = workspace.output(&["check"], &[]);
    assert_eq!(check.code, Some(0));
    for part in [
        "round_robin of the list in ",
        "- none now: ",
        "round_robin of the list at https://lists.example/***",
        "- fetched when connections are made",
    ] {
        assert!(check.stdout.contains(part), "{}", check.stdout);
    }

    let text = "socks5h://u:s3cret@a:1\nhttp://b:2\nu:s3cret@c:3\n";
    workspace.file("proxies.txt", text);
    let check = workspace.output(&["check"], &[]);
    for part in [
        "- 2 proxies now",
        "- not used: line 3: Proxy URL must include scheme",
    ] {
        assert!(check.stdout.contains(part), "{}", check.stdout);
    }
    let json = workspace.output(&["check", "--json"], &[]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    let [http, websocket] = [0, 1].map(|row| &report["routes"][row]);
    assert_eq!(http["list"]["proxies"], json!(2));
    assert_eq!(http["list"]["refused"], json!(1));
    assert_eq!(http["dns"], json!("proxy"));
    assert_eq!(websocket["list"]["proxies"], json!(null));
    assert_eq!(websocket["dns"], json!(null));
    for output in [check.stdout, json.stdout, json.stderr] {
        assert!(
            !output.contains("s3cret") && !output.contains("t0ken"),
            "{output}"
        );
    }
}
