use proxy_config::{ConnectionProxies, ProxyRule, ProxySettings, Sources, Transport};

use crate::support::{defaults, enabled, id, messages, named, of_exchange, proxy, shown};

/// The settings of a file and of environment variables.
fn load(file: &str, variables: &[(&str, &str)]) -> ProxySettings {
    let sources = enabled()
        .with_text("test.yaml", file)
        .with_env(named(variables));
    sources.load().unwrap().into_settings()
}

#[test]
fn the_environment_beats_the_file() {
    let settings = load(
        "proxy: {enabled: false, default: {http: 'http://yaml:1'}}",
        &[
            ("_ENABLED", "true"),
            ("_DEFAULT__HTTP__URL", "http://env:2"),
        ],
    );
    assert!(settings.is_enabled());
    assert_eq!(defaults(&settings), ["http://env:2", "-"]);
}

#[test]
fn the_file_is_used_where_the_environment_says_nothing() {
    let settings = load(
        "proxy: {enabled: true, default: {http: 'http://yaml:1'}}",
        &[],
    );
    assert!(settings.is_enabled());
    assert_eq!(defaults(&settings), ["http://yaml:1", "-"]);
}

#[test]
fn code_is_used_where_nobody_else_says_anything() {
    let code =
        ProxySettings::enabled().with_default(ConnectionProxies::both(proxy("http://u:p@code:1")));
    let loaded = Sources::new().with_code(code.clone()).load().unwrap();
    assert_eq!(loaded.settings(), &code);
}

#[test]
fn the_file_beats_code_whatever_the_order_of_the_calls() {
    let code = ProxySettings::enabled()
        .with_default(ConnectionProxies::default().with_http(proxy("http://code:1")));
    let loaded = Sources::new()
        .with_env(named(&[("_STRICT", "true")]))
        .with_text(
            "test.yaml",
            "proxy: {strict: false, default: {http: {url: 'http://yaml:2'}}}",
        )
        .with_code(code)
        .load()
        .unwrap();
    let settings = loaded.settings();
    assert!(settings.is_enabled() && settings.is_strict());
    assert_eq!(defaults(settings), ["http://yaml:2", "-"]);
    let origins = loaded.explain(&id("any"), Transport::Http, None).unwrap();
    assert_eq!(shown(origins.rule()).as_deref(), Some("test.yaml:1:46"));
}

#[test]
fn a_later_file_beats_an_earlier_one() {
    let sources = enabled()
        .with_text("a.yaml", "proxy: {default: 'http://a:1'}")
        .with_text("b.yaml", "proxy: {default: {http: 'http://b:1'}}");
    let loaded = sources.load().unwrap();
    assert_eq!(defaults(loaded.settings()), ["http://b:1", "http://a:1"]);
}

#[test]
fn setting_one_transport_leaves_the_other_alone() {
    let file = "proxy: {default: {http: 'http://yaml:1', websocket: 'http://yaml:2'}}";
    let settings = load(file, &[("_DEFAULT__WEBSOCKET__URL", "socks5://env:3")]);
    assert_eq!(defaults(&settings), ["http://yaml:1", "socks5://env:3"]);
}

#[test]
fn setting_one_transport_leaves_the_other_alone_where_one_url_stood_for_both() {
    for file in [
        "proxy: {default: 'http://yaml:1'}",
        "proxy: 'http://yaml:1'",
    ] {
        let settings = load(file, &[("_DEFAULT__WS", "socks5://env:3")]);
        assert_eq!(defaults(&settings), ["http://yaml:1", "socks5://env:3"]);
    }
}

#[test]
fn exchanges_are_merged_field_by_field_whatever_their_case() {
    let settings = load(
        "proxy:
           exchanges:
             Binance: {rest: 'http://yaml:1', ws: {url: 'http://yaml:2', timeout_seconds: 9}}
             okx: direct",
        &[
            ("_EXCHANGES__BINANCE__WEBSOCKET__URL", "http://env:3"),
            ("_EXCHANGES__KRAKEN__HTTP", "http://env:4"),
        ],
    );
    assert_eq!(
        of_exchange(&settings, "binance"),
        ["http://yaml:1", "http://env:3"]
    );
    assert_eq!(of_exchange(&settings, "okx"), ["direct", "direct"]);
    assert_eq!(of_exchange(&settings, "kraken"), ["http://env:4", "-"]);
    let Some(ProxyRule::Proxy(proxy)) = settings.exchange(&id("binance")).unwrap().websocket()
    else {
        panic!("a proxy was set");
    };
    assert_eq!(proxy.timeout_seconds(), 9);
}

#[test]
fn a_timeout_is_added_to_a_url_that_stands_for_a_slot() {
    let settings = load(
        "proxy: {default: 'http://yaml:1'}",
        &[("_DEFAULT__HTTP__TIMEOUT_SECONDS", "7")],
    );
    let expected = ConnectionProxies::both(proxy("http://yaml:1"))
        .with_http(proxy("http://yaml:1").with_timeout_seconds(7).unwrap());
    assert_eq!(settings.default_proxies(), &expected);
}

#[test]
fn a_url_that_stands_for_a_slot_takes_the_place_of_the_whole_slot() {
    let file = "proxy: {default: {http: {url: 'http://yaml:1', timeout_seconds: 5}}}";
    for (name, value) in [
        ("_DEFAULT__HTTP", "http://env:2"),
        ("_DEFAULT", "http://env:2"),
    ] {
        let settings = load(file, &[(name, value)]);
        let http = settings.default_proxies().http();
        assert_eq!(http, Some(&proxy("http://env:2").into()));
    }
}

#[test]
fn direct_takes_the_place_of_a_proxy_and_a_proxy_that_of_direct() {
    let settings = load(
        "proxy: {default: 'http://u:p@yaml:1', exchanges: {okx: direct}}",
        &[
            ("_DEFAULT__WEBSOCKET", "DIRECT"),
            ("_EXCHANGES__OKX__HTTP__URL", "http://env:2"),
        ],
    );
    assert_eq!(defaults(&settings), ["http://***@yaml:1", "direct"]);
    assert_eq!(of_exchange(&settings, "okx"), ["http://env:2", "direct"]);
}

#[test]
fn a_timeout_does_not_turn_direct_into_a_proxy() {
    let sources = enabled()
        .with_text("test.yaml", "proxy: {default: direct}")
        .with_env(named(&[("_DEFAULT__HTTP__TIMEOUT_SECONDS", "7")]));
    assert_eq!(
        messages(sources.load()),
        [
            "proxy.default.http (from CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS): \
             `url` is missing"
        ]
    );
}

#[test]
fn a_wrong_value_that_is_overridden_does_no_harm() {
    let settings = load(
        "proxy: {default: {http: {url: 'ftp://yaml:1', timeout_seconds: 999}}}",
        &[("_DEFAULT__HTTP", "http://env:2")],
    );
    assert_eq!(defaults(&settings), ["http://env:2", "-"]);
}
