//! What set each value of a rule.

use proxy_config::{
    AmbientProxies, ConnectionProxies, Destination, Host, Loaded, ProxyRule, ProxySettings,
    Sources, Transport,
};
use serde_json::{Value, json};

use crate::support::{Folder, enabled, id, named, proxy, shown};

fn explain(loaded: &Loaded, exchange: &str, transport: Transport) -> Value {
    let origins = loaded.explain(&id(exchange), transport, None);
    serde_json::to_value(origins).unwrap()
}

#[test]
fn every_value_has_the_source_that_set_it() {
    let folder = Folder::new();
    let password = folder.write("password", "s3cret").display().to_string();
    let yaml = "\
proxy:
  default:
    http:
      url: http://proxy:8080
      username: u
      via:
        - http://near:1
        - url: http://far:2
          username: v
          password: s3cret
  exchanges:
    okx: direct
";
    let loaded = Sources::new()
        .with_text("test.yaml", yaml)
        .with_env(named(&[
            ("_DEFAULT__HTTP__TIMEOUT_SECONDS", "5"),
            ("_DEFAULT__HTTP__PASSWORD_FILE", &password),
            ("_DEFAULT__HTTP__VIA__2", "http://farthest:3"),
            ("_EXCHANGES__BINANCE__WS", "http://u:s3cret@env:1"),
        ]))
        .with_code(ProxySettings::enabled().with_exchange(
            id("kraken"),
            ConnectionProxies::both(ProxyRule::Direct).with_websocket(proxy("http://code:1")),
        ))
        .load()
        .unwrap();
    let (http, websocket) = (Transport::Http, Transport::WebSocket);
    let default = json!({
        "url": "test.yaml:4:12",
        "timeout_seconds": "CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS",
        "username": "test.yaml:5:17",
        "password_file": "CRYPTOFEED_PROXY_DEFAULT__HTTP__PASSWORD_FILE",
        "via[0].url": "test.yaml:7:11",
        "via[1].url": "test.yaml:8:16",
        "via[1].username": "test.yaml:9:21",
        "via[1].password": "test.yaml:10:21",
        "via[2].url": "CRYPTOFEED_PROXY_DEFAULT__HTTP__VIA__2",
    });
    assert_eq!(explain(&loaded, "binance", http), default);
    assert_eq!(explain(&loaded, "unheard-of", http), default);
    assert_eq!(
        explain(&loaded, "binance", websocket),
        json!({"url": "CRYPTOFEED_PROXY_EXCHANGES__BINANCE__WS"})
    );
    assert_eq!(
        explain(&loaded, "okx", http),
        json!({"direct": "test.yaml:12:10"})
    );
    assert_eq!(explain(&loaded, "kraken", http), json!({"direct": "code"}));
    assert_eq!(
        explain(&loaded, "kraken", websocket),
        json!({"url": "code", "timeout_seconds": "code"})
    );
    assert_eq!(explain(&loaded, "unheard-of", websocket), Value::Null);
}

#[test]
fn what_an_operator_asks_for_first_has_names() {
    let loaded = enabled()
        .with_text(
            "test.yaml",
            "proxy: {default: {http: 'http://u:s3cret@h:1', ws: 'http://u@h:1'}}",
        )
        .with_env(named(&[
            ("_DEFAULT__WS__TIMEOUT_SECONDS", "5"),
            ("_EXCHANGES__OKX__WS", "direct"),
            ("_EXCHANGES__OKX__HTTP__URL", "http://h:1"),
            ("_EXCHANGES__OKX__HTTP__USERNAME", "u"),
            ("_EXCHANGES__OKX__HTTP__PASSWORD", "s3cret"),
        ]))
        .load()
        .unwrap();
    let named = |exchange: &str, transport| {
        let origins = loaded.explain(&id(exchange), transport, None).unwrap();
        [origins.rule(), origins.timeout(), origins.password()].map(shown)
    };
    let (http, websocket) = (Transport::Http, Transport::WebSocket);
    let texts = |texts: [Option<&str>; 3]| texts.map(|text| text.map(str::to_owned));
    let url = Some("test.yaml:1:25");
    assert_eq!(named("any", http), texts([url, None, url]));
    assert_eq!(
        named("any", websocket),
        texts([
            Some("test.yaml:1:52"),
            Some("CRYPTOFEED_PROXY_DEFAULT__WS__TIMEOUT_SECONDS"),
            None
        ])
    );
    assert_eq!(
        named("okx", http),
        texts([
            Some("CRYPTOFEED_PROXY_EXCHANGES__OKX__HTTP__URL"),
            None,
            Some("CRYPTOFEED_PROXY_EXCHANGES__OKX__HTTP__PASSWORD")
        ])
    );
    assert_eq!(
        named("okx", websocket),
        texts([Some("CRYPTOFEED_PROXY_EXCHANGES__OKX__WS"), None, None])
    );
}

#[test]
fn the_environment_for_all_programs_is_a_source_too() {
    let load = |no_proxy: &str| {
        let sources = enabled()
            .with_text("test.yaml", "proxy: {from_env: true}")
            .with_env([
                ("HTTPS_PROXY", "http://u:s3cret@h:1"),
                ("NO_PROXY", no_proxy),
            ]);
        sources.load().unwrap()
    };
    let loaded = load("");
    let origins = loaded.explain(&id("okx"), Transport::Http, None).unwrap();
    assert_eq!(shown(origins.rule()).as_deref(), Some("HTTPS_PROXY"));
    assert_eq!(shown(origins.password()).as_deref(), Some("HTTPS_PROXY"));
    assert!(!format!("{origins:?}").contains("s3cret"));
    assert_eq!(
        explain(&load("*"), "okx", Transport::Http),
        json!({"direct": "NO_PROXY"})
    );
}

#[test]
fn a_destination_tells_which_of_the_environments_variables_it_is() {
    let load = |yaml: &str| {
        let sources = enabled().with_text("test.yaml", yaml).with_env([
            ("HTTPS_PROXY", "http://a:1"),
            ("http_proxy", "http://b:1"),
            ("NO_PROXY", "exempt.example"),
        ]);
        sources.load().unwrap()
    };
    let rule = |loaded: &Loaded, exchange: &str, host: &str, is_tls: bool| {
        let host = Host::parse(host).unwrap();
        let destination = match is_tls {
            true => Destination::tls(&host, 443),
            false => Destination::plain(&host, 80),
        };
        let origins = loaded.explain(&id(exchange), Transport::Http, Some(&destination));
        shown(origins.unwrap().rule()).unwrap()
    };
    let loaded = load("proxy: {from_env: true, exchanges: {okx: direct}}");
    assert_eq!(rule(&loaded, "any", "h.example", true), "HTTPS_PROXY");
    assert_eq!(rule(&loaded, "any", "h.example", false), "http_proxy");
    assert_eq!(rule(&loaded, "any", "exempt.example", true), "NO_PROXY");
    assert_eq!(rule(&loaded, "okx", "h.example", true), "test.yaml:1:42");
    let loaded = load("proxy: {from_env: true, default: direct}");
    let default = "test.yaml:1:34";
    assert_eq!(rule(&loaded, "any", "exempt.example", true), default);
}

#[test]
fn a_variable_exempts_only_if_it_names_something() {
    let exempting = |no_proxy: &str| {
        let variables = [("HTTPS_PROXY", "http://a:1"), ("no_proxy", no_proxy)];
        AmbientProxies::from_variables(variables)
            .unwrap()
            .exempting_variable()
    };
    assert_eq!(exempting("localhost"), Some("no_proxy"));
    assert_eq!(exempting("*"), Some("no_proxy"));
    assert_eq!(exempting(" , "), None);
    assert_eq!(exempting(""), None);
}
