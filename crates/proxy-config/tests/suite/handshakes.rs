//! `handshake` and `quick_ack`.

use proxy_config::{
    ConnectionProxies, HandshakeMode, ProxyConfig, ProxyRule, ProxyServer, ProxySettings, Sources,
};
use serde_json::json;

use crate::support::{enabled, env, messages, named, yaml};

fn rule(fields: &str) -> String {
    format!("proxy: {{default: {{http: {{{fields}}}}}}}")
}

fn http(settings: &ProxySettings) -> &ProxyConfig {
    match settings.default_proxies().http() {
        Some(ProxyRule::Proxy(proxy)) => proxy,
        other => panic!("{other:?} is no proxy"),
    }
}

#[test]
fn a_proxy_is_asked_step_by_step_and_acknowledged_as_ever_unless_told_otherwise() {
    let settings = yaml(&rule("url: 'http://h:1'")).unwrap();
    let server = http(&settings).server();
    assert_eq!(server.handshake(), HandshakeMode::Standard);
    assert!(!server.quick_ack());
    assert_eq!(server, &ProxyServer::new("http://h:1".parse().unwrap()));
}

#[test]
fn every_proxy_has_its_own() {
    let settings = yaml(&rule(
        "url: 'http://exit:9', handshake: auto, \
         via: [{url: 'socks5://a:1', quick_ack: on}, {url: 'http://b:2', handshake: optimistic}]",
    ))
    .unwrap();
    let proxy = http(&settings);
    let hops = [proxy.server(), &proxy.via()[0], &proxy.via()[1]];
    assert_eq!(
        hops.map(|hop| (hop.handshake(), hop.quick_ack())),
        [
            (HandshakeMode::Auto, false),
            (HandshakeMode::Standard, true),
            (HandshakeMode::Optimistic, false),
        ]
    );
}

#[test]
fn variables_change_them_one_by_one() {
    let file = rule("url: 'http://h:1', handshake: optimistic");
    let load = |variable| {
        let sources = enabled()
            .with_text("test.yaml", file.clone())
            .with_env(named(&[variable]));
        let settings = sources.load().unwrap().into_settings();
        http(&settings).server().clone()
    };
    let server = load(("_DEFAULT__HTTP__QUICK_ACK", "yes"));
    assert_eq!(server.handshake(), HandshakeMode::Optimistic);
    assert!(server.quick_ack());
    let bare = ProxyServer::new("http://env:2".parse().unwrap());
    assert_eq!(load(("_DEFAULT__HTTP", "http://env:2")), bare);
}

#[test]
fn a_word_that_is_not_known_is_refused_with_the_known_ones() {
    let key = "proxy.default.http.handshake (from CRYPTOFEED_PROXY_DEFAULT__HTTP__HANDSHAKE): ";
    let words = "expected standard, optimistic or auto";
    for (word, problem) in [
        ("optimistc", "; did you mean `optimistic`?"),
        ("Auto", "; did you mean `auto`?"),
        ("s3cret", ""),
        ("", ""),
    ] {
        let variables = [
            ("_DEFAULT__HTTP__URL", "http://h:1"),
            ("_DEFAULT__HTTP__HANDSHAKE", word),
        ];
        assert_eq!(
            messages(env(&variables)),
            [format!("{key}{words}{problem}")]
        );
    }
}

#[test]
fn quick_ack_is_for_the_socket_that_this_machine_opens() {
    let problem =
        "applies to the first proxy of the route only; set it for the first proxy of `via`";
    let text = rule(
        "url: 'http://exit:9', quick_ack: true, \
         via: [{url: 'http://a:1', quick_ack: true}, {url: 'http://b:2', quick_ack: true}]",
    );
    assert_eq!(
        messages(yaml(&text)),
        [
            format!("proxy.default.http.quick_ack (from test.yaml:1:59): {problem}"),
            format!("proxy.default.http.via[1].quick_ack (from test.yaml:1:140): {problem}"),
        ]
    );
    for fine in [
        "url: 'http://exit:9', quick_ack: true, via: []",
        "url: 'http://exit:9', quick_ack: false, via: 'http://a:1'",
    ] {
        assert!(yaml(&rule(fine)).is_ok(), "{fine}");
    }
}

#[test]
fn those_made_in_code_survive_being_merged_and_serialized() {
    let server = |url: &str| ProxyServer::new(url.parse().unwrap());
    let proxy = ProxyConfig::from(server("http://exit:9").with_handshake(HandshakeMode::Auto))
        .with_via([server("http://a:1").with_quick_ack(true)])
        .unwrap();
    let code = ProxySettings::enabled().with_default(ConnectionProxies::both(proxy.clone()));
    let loaded = Sources::new().with_code(code.clone()).load().unwrap();
    assert_eq!(loaded.settings(), &code);
    let value = serde_json::to_value(&proxy).unwrap();
    assert_eq!(
        value,
        json!({
            "url": "http://exit:9",
            "handshake": "auto",
            "via": [{"url": "http://a:1", "quick_ack": true}],
            "timeout_seconds": 30,
        })
    );
    assert_eq!(serde_json::from_value::<ProxyConfig>(value).unwrap(), proxy);
}
