//! One test per situation that the settings can describe.

use proxy_config::{
    AmbientProxies, ConnectionProxies, ExchangeId, PoolConfig, PoolMember, ProxyConfig, ProxyRule,
    ProxySettings, ProxyUrl, Transport,
};
use proxy_resolve::{Route, resolve};

fn proxy(url: &str) -> ProxyConfig {
    ProxyConfig::new(url.parse().unwrap())
}

fn id(id: &str) -> ExchangeId {
    ExchangeId::new(id).unwrap()
}

fn http(url: &str) -> ConnectionProxies {
    ConnectionProxies::default().with_http(proxy(url))
}

fn websocket(url: &str) -> ConnectionProxies {
    ConnectionProxies::default().with_websocket(proxy(url))
}

fn enabled() -> ProxySettings {
    ProxySettings::enabled()
}

fn with_default() -> ProxySettings {
    with_default_to(enabled())
}

fn with_default_to(settings: ProxySettings) -> ProxySettings {
    settings.with_default(http("http://default:1").with_websocket(proxy("socks5://default:2")))
}

/// The routes and sources of both transports of an exchange, REST first.
fn both(settings: &ProxySettings, exchange: Option<&str>, legacy: Option<&str>) -> [String; 2] {
    let exchange = exchange.map(id);
    let legacy = legacy.map(proxy);
    Transport::ALL.map(|transport| {
        let resolution = resolve(
            settings,
            exchange.as_ref(),
            transport,
            legacy.as_ref(),
            None,
        );
        let source = resolution.source();
        match resolution.route() {
            Route::Direct => format!("direct ({source})"),
            Route::DirectFrom(exit) => format!("{exit} ({source})"),
            Route::Refused => format!("refused ({source})"),
            Route::Proxy(proxy) => format!("{} ({source})", proxy.url().endpoint()),
            Route::Pool(pool) => format!("{pool} ({source})"),
        }
    })
}

#[test]
fn disabled_without_legacy_is_direct() {
    let settings = with_default_to(ProxySettings::disabled());
    assert_eq!(
        both(&settings, Some("binance"), None),
        ["direct (disabled)"; 2]
    );
    assert_eq!(both(&settings, None, None), ["direct (disabled)"; 2]);
}

#[test]
fn disabled_with_legacy_is_legacy() {
    let settings = with_default_to(ProxySettings::disabled());
    let routes = both(&settings, Some("binance"), Some("http://legacy:9"));
    assert_eq!(routes, ["legacy:9 (legacy)"; 2]);
}

#[test]
fn disabled_again_after_it_was_enabled_is_legacy_again() {
    let legacy = Some("http://legacy:9");
    let settings = with_default();
    assert_eq!(
        both(&settings, Some("okx"), legacy)[0],
        "default:1 (default)"
    );
    let settings = with_default_to(ProxySettings::disabled());
    assert_eq!(both(&settings, Some("okx"), legacy)[0], "legacy:9 (legacy)");
}

#[test]
fn no_exchange_id_is_legacy_else_direct_and_never_the_default() {
    let settings = with_default().with_exchange(id("binance"), http("http://binance:1"));
    assert_eq!(both(&settings, None, None), ["direct (none)"; 2]);
    assert_eq!(
        both(&settings, None, Some("http://legacy:9")),
        ["legacy:9 (legacy)"; 2]
    );
}

#[test]
fn an_exchange_with_http_only_inherits_the_default_websocket() {
    let settings = with_default().with_exchange(id("binance"), http("http://binance:1"));
    assert_eq!(
        both(&settings, Some("binance"), None),
        ["binance:1 (exchange)", "default:2 (default)"]
    );
}

#[test]
fn an_exchange_with_websocket_only_inherits_the_default_http() {
    let settings = with_default().with_exchange(id("kraken"), websocket("socks5://kraken:2"));
    assert_eq!(
        both(&settings, Some("kraken"), None),
        ["default:1 (default)", "kraken:2 (exchange)"]
    );
}

#[test]
fn an_exchange_without_any_rule_inherits_the_default() {
    let settings = with_default().with_exchange(id("okx"), ConnectionProxies::default());
    assert_eq!(
        both(&settings, Some("okx"), None),
        ["default:1 (default)", "default:2 (default)"]
    );
}

#[test]
fn an_exchange_with_http_only_and_no_default_goes_direct_on_websocket() {
    let settings = enabled()
        .with_default(http("http://default:1"))
        .with_exchange(id("binance"), http("http://binance:1"));
    assert_eq!(
        both(&settings, Some("binance"), None),
        ["binance:1 (exchange)", "direct (none)"]
    );
}

#[test]
fn an_unknown_exchange_has_the_default() {
    assert_eq!(
        both(&with_default(), Some("unknown"), None),
        ["default:1 (default)", "default:2 (default)"]
    );
}

#[test]
fn the_settings_win_over_legacy() {
    let settings = with_default().with_exchange(id("binance"), http("http://binance:1"));
    assert_eq!(
        both(&settings, Some("binance"), Some("http://legacy:9")),
        ["binance:1 (exchange)", "default:2 (default)"]
    );
}

#[test]
fn legacy_is_used_where_no_rule_applies() {
    let settings = enabled().with_exchange(id("binance"), http("http://binance:1"));
    assert_eq!(
        both(&settings, Some("binance"), Some("http://legacy:9")),
        ["binance:1 (exchange)", "legacy:9 (legacy)"]
    );
    assert_eq!(
        both(&settings, Some("okx"), Some("http://legacy:9")),
        ["legacy:9 (legacy)"; 2]
    );
}

#[test]
fn url_and_timeout_travel_together() {
    let default = proxy("http://default:1").with_timeout_seconds(25).unwrap();
    let settings = enabled()
        .with_default(ConnectionProxies::both(default.clone()))
        .with_exchange(id("kraken"), websocket("socks5://kraken:2"));
    let kraken = id("kraken");
    let resolve = |transport| resolve(&settings, Some(&kraken), transport, None, None);
    assert_eq!(resolve(Transport::Http).route(), &Route::Proxy(default));
    let resolution = resolve(Transport::WebSocket);
    let Route::Proxy(own) = resolution.route() else {
        panic!("a proxy was set");
    };
    assert_eq!(own.timeout_seconds(), 30);
}

#[test]
fn a_pool_is_a_rule_like_any_other() {
    let pool = |url: &str| {
        let member = PoolMember::new(url.parse::<ProxyUrl>().unwrap());
        PoolConfig::new([member]).unwrap()
    };
    let settings = enabled()
        .with_default(ConnectionProxies::both(pool("http://default:1")))
        .with_exchange(id("binance"), http("http://binance:1"))
        .with_exchange(
            id("okx"),
            ConnectionProxies::default().with_websocket(pool("http://okx:1")),
        );
    let default = "round_robin of http://default:1 (default)";
    assert_eq!(
        both(&settings, Some("binance"), Some("http://legacy:9")),
        ["binance:1 (exchange)", default]
    );
    assert_eq!(
        both(&settings, Some("okx"), None),
        [default, "round_robin of http://okx:1 (exchange)"]
    );
}

#[test]
fn direct_for_an_exchange_beats_the_default_and_legacy() {
    let direct = ConnectionProxies::default().with_http(ProxyRule::Direct);
    let settings = with_default().with_exchange(id("backpack"), direct);
    assert_eq!(
        both(&settings, Some("backpack"), Some("http://legacy:9")),
        ["direct (exchange)", "default:2 (default)"]
    );
}

#[test]
fn direct_by_default_beats_legacy() {
    let settings = enabled().with_default(ConnectionProxies::both(ProxyRule::Direct));
    let routes = both(&settings, Some("okx"), Some("http://legacy:9"));
    assert_eq!(routes, ["direct (default)"; 2]);
}

#[test]
fn strict_refuses_what_no_rule_applies_to() {
    let settings = enabled().with_strict(true);
    assert_eq!(both(&settings, Some("okx"), None), ["refused (none)"; 2]);
    assert_eq!(both(&settings, None, None), ["refused (none)"; 2]);
    let settings = settings.with_exchange(id("okx"), http("http://okx:1"));
    assert_eq!(
        both(&settings, Some("okx"), None),
        ["okx:1 (exchange)", "refused (none)"]
    );
}

#[test]
fn strict_leaves_legacy_and_direct_rules_alone() {
    let settings = enabled().with_strict(true);
    assert_eq!(
        both(&settings, Some("okx"), Some("http://legacy:9")),
        ["legacy:9 (legacy)"; 2]
    );
    let settings = settings.with_default(ConnectionProxies::both(ProxyRule::Direct));
    assert_eq!(both(&settings, Some("okx"), None), ["direct (default)"; 2]);
}

#[test]
fn strict_has_no_effect_when_disabled() {
    let settings = with_default_to(ProxySettings::disabled()).with_strict(true);
    assert_eq!(both(&settings, Some("okx"), None), ["direct (disabled)"; 2]);
}

#[test]
fn settings_that_say_nothing_are_like_disabled_ones() {
    let settings = ProxySettings::default();
    assert_eq!(both(&settings, Some("okx"), None), ["direct (disabled)"; 2]);
    assert_eq!(
        both(&settings, Some("okx"), Some("http://legacy:9")),
        ["legacy:9 (legacy)"; 2]
    );
}

#[test]
fn settings_that_have_rules_and_never_said_enabled_are_refused_for_everybody() {
    let default = ProxySettings::default();
    let ambient = AmbientProxies::from_variables([("HTTPS_PROXY", "http://ambient:1")]).unwrap();
    for settings in [
        with_default_to(default.clone()),
        default.clone().with_strict(true),
        default.clone().with_ambient(ambient),
        default.clone().with_ambient(AmbientProxies::default()),
        default
            .clone()
            .with_exchange(id("okx"), http("http://okx:1")),
        default.with_default(ConnectionProxies::both(ProxyRule::Direct)),
    ] {
        for exchange in [Some("binance"), Some("okx"), None] {
            for legacy in [None, Some("http://legacy:9")] {
                assert_eq!(both(&settings, exchange, legacy), ["refused (none)"; 2]);
            }
        }
    }
}

#[test]
fn exchanges_are_told_apart_without_regard_to_case() {
    let settings = with_default().with_exchange(id("Binance"), http("http://binance:1"));
    for spelling in ["binance", "BINANCE", "Binance"] {
        assert_eq!(
            both(&settings, Some(spelling), None)[0],
            "binance:1 (exchange)"
        );
    }
}
