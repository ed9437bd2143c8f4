//! Chains and pools in `cryptofeed check`.

use serde_json::{Value, json};
use testkit::TestCa;

use crate::workspace::Workspace;

#[test]
fn a_chain_is_told_with_its_authorities_and_the_source_of_every_value() {
    let workspace = Workspace::new();
    workspace.file("proxy-ca.pem", &TestCa::new().unwrap().pem());
    workspace.file("password", "s3cret");
    let yaml = "\
proxy:
  enabled: true
  default:
    http:
      url: socks5h://exit.example:1080
      username: u
      password_file: password
      via:
        - http://near.example:1
        - {url: 'https://far.example:2', tls: {ca_file: proxy-ca.pem}}
";
    workspace.file("cryptofeed.yaml", yaml);
    let timeout = "CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS";
    let check = workspace.output(&["check"], &[(timeout, "9")]);
    for part in [
        "proxy.enabled: true, proxy.strict: false\n",
        "socks5h://***@exit.example:1080 via https://far.example:2 via http://near.example:1 ",
        " ca_file of https://far.example:2: proxy-ca.pem ",
        " 9 s ",
        " cryptofeed.yaml:5:12 ",
        " timeout: CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS ",
        " password: cryptofeed.yaml:7:22 ",
    ] {
        assert!(check.stdout.contains(part), "{part}: {}", check.stdout);
    }
    let check = workspace.output(&["check", "--json"], &[(timeout, "9")]);
    let report: Value = serde_json::from_str(&check.stdout).unwrap();
    let route = &report["routes"][0];
    assert_eq!(
        route["proxy"],
        json!({
            "url": "socks5h://***@exit.example:1080", "timeout_seconds": 9, "via": [
                {"url": "http://near.example:1"},
                {"url": "https://far.example:2", "tls": {"ca_file": "proxy-ca.pem"}},
            ],
        })
    );
    assert_eq!(
        route["set_by"],
        json!({
            "url": "cryptofeed.yaml:5:12", "timeout_seconds": timeout,
            "username": "cryptofeed.yaml:6:17", "password_file": "cryptofeed.yaml:7:22",
            "via[0].url": "cryptofeed.yaml:9:11", "via[1].url": "cryptofeed.yaml:10:17",
            "via[1].tls.ca_file": "cryptofeed.yaml:10:57",
        })
    );
    assert_eq!(route["password_set_by"], "cryptofeed.yaml:7:22");
}

#[test]
fn a_pool_is_told_with_its_members_and_what_is_special_about_them() {
    let workspace = Workspace::new();
    let yaml = "\
proxy:
  enabled: true
  default:
    websocket:
      pool:
        strategy: least_connections
        proxies:
          - {url: socks5h://a.example:1080, weight: 2, handshake: optimistic}
          - socks5://u:s3cret@b.example:1080
          - {url: socks4://c.example:1080, enabled: false}
      via: [{url: http://gate.example:3128, quick_ack: true, headers: {X-Plan: s3cret, X-A: b}}]
";
    workspace.file("cryptofeed.yaml", yaml);
    let timeout = "CRYPTOFEED_PROXY_DEFAULT__WS__TIMEOUT_SECONDS";
    let check = workspace.output(&["check"], &[(timeout, "9")]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    for part in [
        " least_connections of ",
        " - socks5h://a.example:1080, weight 2 ",
        " - socks5://***@b.example:1080 ",
        " - socks4://c.example:1080, disabled ",
        " via http://gate.example:3128 ",
        " handshake of socks5h://a.example:1080: optimistic ",
        " headers of http://gate.example:3128: x-a, x-plan ",
        " quick_ack of http://gate.example:3128: true ",
        " local or proxy ",
        " 9 s ",
        " cryptofeed.yaml:8:19 ",
        " timeout: CRYPTOFEED_PROXY_DEFAULT__WS__TIMEOUT_SECONDS ",
        " strategy: cryptofeed.yaml:6:19 ",
    ] {
        assert!(check.stdout.contains(part), "{part}: {}", check.stdout);
    }
    let json = workspace.output(&["check", "--json"], &[(timeout, "9")]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    let route = &report["routes"][1];
    assert_eq!(route["route"], "pool");
    assert_eq!(route["dns"], "local or proxy");
    assert_eq!(
        route["proxy"],
        json!({
            "pool": {"strategy": "least_connections", "proxies": [
                {
                    "url": "socks5h://a.example:1080", "handshake": "optimistic",
                    "weight": 2, "enabled": true,
                },
                {"url": "socks5://***@b.example:1080", "weight": 1, "enabled": true},
                {"url": "socks4://c.example:1080", "weight": 1, "enabled": false},
            ]},
            "via": [{
                "url": "http://gate.example:3128", "quick_ack": true,
                "headers": {"x-a": "***", "x-plan": "***"},
            }],
            "timeout_seconds": 9,
        })
    );
    assert_eq!(
        route["set_by"],
        json!({
            "pool.strategy": "cryptofeed.yaml:6:19",
            "pool.proxies[0].url": "cryptofeed.yaml:8:19",
            "pool.proxies[0].weight": "cryptofeed.yaml:8:53",
            "pool.proxies[0].handshake": "cryptofeed.yaml:8:67",
            "pool.proxies[1].url": "cryptofeed.yaml:9:13",
            "pool.proxies[2].url": "cryptofeed.yaml:10:19",
            "pool.proxies[2].enabled": "cryptofeed.yaml:10:53",
            "via[0].url": "cryptofeed.yaml:11:19",
            "via[0].quick_ack": "cryptofeed.yaml:11:56",
            "via[0].headers.x-a": "cryptofeed.yaml:11:93",
            "via[0].headers.x-plan": "cryptofeed.yaml:11:80",
            "timeout_seconds": timeout,
        })
    );
    assert!(!(check.stdout + &json.stdout).contains("s3cret"));
}

#[test]
fn direct_connections_from_a_local_address_are_told_as_direct() {
    let workspace = Workspace::new();
    let yaml = "\
proxy:
  enabled: true
  strict: true
  exchanges:
    binance:
      http: {direct: {bind: 192.0.2.7}}
      websocket:
        pool: {proxies: [{direct: {bind: 192.0.2.8}}, {url: socks5h://a:1080, bind: 192.0.2.9, egress: 203.0.113.9}]}
";
    workspace.file("cryptofeed.yaml", yaml);
    let check = workspace.output(&["check"], &[]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    for part in [
        " direct from 192.0.2.7 ",
        " - direct from 192.0.2.8 ",
        " - socks5h://a:1080 ",
        " bind of socks5h://a:1080: 192.0.2.9 ",
        " egress of socks5h://a:1080: 203.0.113.9 ",
        " local or proxy ",
        " cryptofeed.yaml:6:29 ",
        " cryptofeed.yaml:8:42 ",
    ] {
        assert!(check.stdout.contains(part), "{part}: {}", check.stdout);
    }
    let json = workspace.output(&["check", "--json"], &[]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    let [rest, streams] = [&report["routes"][0], &report["routes"][1]];
    assert_eq!(rest["route"], "direct");
    assert_eq!(rest["bind"], "192.0.2.7");
    assert_eq!(rest["proxy"], Value::Null);
    assert_eq!(rest["set_by"]["direct.bind"], "cryptofeed.yaml:6:29");
    let first = &streams["proxy"]["pool"]["proxies"][0];
    assert_eq!(first["direct"], json!({"bind": "192.0.2.8"}));
}

#[test]
fn a_pool_that_is_empty_is_refused_with_its_place() {
    let workspace = Workspace::new();
    let variable = "CRYPTOFEED_PROXY_EXCHANGES__BINANCE__WEBSOCKET__POOL";
    let value = r#"{"strategy": "fastest", "proxies": []}"#;
    let check = workspace.output(&["check"], &[(variable, value)]);
    assert_eq!(check.code, Some(2));
    let key = "proxy.exchanges.binance.websocket.pool";
    for part in [
        format!(
            "{key}.strategy (from {variable}): expected round_robin, random, least_connections or"
        ),
        format!("{key}.proxies (from {variable}): a pool needs at least one proxy that is enabled"),
    ] {
        assert!(check.stderr.contains(&part), "{part}: {}", check.stderr);
    }
}
