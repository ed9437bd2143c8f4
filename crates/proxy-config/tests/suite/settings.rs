use std::path::Path;
use std::time::Duration;

use proxy_config::{
    AmbientProxies, ConnectionProxies, ExchangeId, PoolConfig, PoolMember, ProxyConfig, ProxyRule,
    ProxyServer, ProxySettings, Sources, Transport,
};
use serde_json::json;

use crate::support::{id, of_exchange, proxy, yaml};

#[test]
fn a_proxy_has_30_seconds_unless_told_otherwise() {
    assert_eq!(proxy("http://h:1").timeout(), Duration::from_secs(30));
    let proxy = proxy("http://proxy.example.com:8080")
        .with_timeout_seconds(15)
        .unwrap();
    assert_eq!(proxy.timeout_seconds(), 15);
    assert_eq!(proxy.url().port(), 8080);
}

#[test]
fn a_timeout_is_from_1_to_300_seconds() {
    for seconds in [1, 300] {
        assert!(proxy("http://h:1").with_timeout_seconds(seconds).is_ok());
    }
    for seconds in [0, 301, u64::MAX] {
        let error = proxy("http://h:1")
            .with_timeout_seconds(seconds)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the timeout must be from 1 to 300 seconds"
        );
    }
}

#[test]
fn a_way_through_several_proxies_tells_them_all_and_no_secrets() {
    let server = |url: &str| ProxyServer::new(url.parse().unwrap());
    let exit = server("https://u:s3cret@exit:1")
        .with_ca_file("Cargo.toml")
        .unwrap();
    let way = proxy("http://replaced:9")
        .with_server(exit.clone())
        .with_via([server("socks5h://u:s3cret@near:1"), server("http://far:2")])
        .unwrap();
    assert_eq!(way.server(), &exit);
    assert_eq!(way.url(), exit.url());
    assert_eq!(way.server().ca_file(), Some(Path::new("Cargo.toml")));
    assert_eq!(way.via()[1], server("http://far:2"));
    assert_eq!(
        way.to_string(),
        "https://***@exit:1 via http://far:2 via socks5h://***@near:1"
    );
    assert_eq!(
        serde_json::to_value(&way).unwrap(),
        json!({
            "url": "https://***@exit:1",
            "tls": {"ca_file": "Cargo.toml"},
            "via": [{"url": "socks5h://***@near:1"}, {"url": "http://far:2"}],
            "timeout_seconds": 30,
        })
    );
    assert!(!format!("{way:?}").contains("s3cret"));
}

#[test]
fn the_two_transports_are_kept_apart() {
    let (http, socks) = (proxy("http://h:1"), proxy("socks5://s:2"));
    let both = ConnectionProxies::default()
        .with_http(http.clone())
        .with_websocket(socks.clone());
    assert_eq!(both.http(), Some(&ProxyRule::Proxy(http.clone())));
    assert_eq!(both.websocket(), Some(&socks.into()));
    assert_eq!(both.for_transport(Transport::Http), both.http());
    assert_eq!(both.for_transport(Transport::WebSocket), both.websocket());
    let only_http = ConnectionProxies::default().with_http(http);
    assert_eq!(only_http.websocket(), None);
}

#[test]
fn no_proxies_is_the_default() {
    let none = ConnectionProxies::default();
    assert!(none.is_empty());
    assert_eq!((none.http(), none.websocket()), (None, None));
    assert!(!ConnectionProxies::both(ProxyRule::Direct).is_empty());
}

#[test]
fn settings_are_disabled_lenient_and_empty_by_default() {
    let settings = ProxySettings::default();
    assert!(!settings.is_enabled());
    assert!(!settings.is_strict());
    assert!(settings.default_proxies().is_empty());
    assert_eq!(settings.exchanges().count(), 0);
    assert_eq!(Sources::new().load().unwrap().settings(), &settings);
}

#[test]
fn settings_made_in_code_equal_those_that_are_loaded() {
    let made = ProxySettings::enabled()
        .with_strict(true)
        .with_default(ConnectionProxies::both(proxy("socks5h://h:1")))
        .with_exchange(
            id("binance"),
            ConnectionProxies::default()
                .with_http(proxy("http://b:2").with_timeout_seconds(5).unwrap()),
        )
        .with_exchange(id("backpack"), ConnectionProxies::both(ProxyRule::Direct));
    let loaded = yaml(
        "proxy:
           enabled: true
           strict: true
           default: {http: 'socks5h://h:1', websocket: {url: 'socks5h://h:1'}}
           exchanges:
             binance: {http: {url: 'http://b:2', timeout_seconds: 5}}
             backpack: direct",
    );
    assert_eq!(loaded.unwrap(), made);
}

#[test]
fn exchanges_are_found_in_any_case_and_listed_in_order() {
    let settings = yaml("proxy: {exchanges: {OKX: direct, Binance: 'http://b:1'}}").unwrap();
    for spelling in ["BINANCE", "binance", "Binance"] {
        assert_eq!(of_exchange(&settings, spelling), ["http://b:1"; 2]);
    }
    assert_eq!(settings.exchange(&id("kraken")), None);
    let ids: Vec<_> = settings.exchanges().map(|(id, _)| id.to_string()).collect();
    assert_eq!(ids, ["binance", "okx"]);
}

#[test]
fn an_exchange_id_is_a_short_plain_word() {
    for valid in [
        "binance",
        "BINANCE_FUTURES",
        "crypto.com",
        "okx-eu",
        "x",
        "1",
    ] {
        assert_eq!(
            ExchangeId::new(valid).unwrap().as_str(),
            valid.to_lowercase()
        );
    }
    let long = "x".repeat(65);
    for invalid in ["", " ", "a b", "a\n", "a\0", "http://u:p@h:1", "é", &long] {
        assert!(ExchangeId::new(invalid).is_err(), "{invalid:?}");
    }
}

#[test]
fn settings_print_no_credentials() {
    let settings = ProxySettings::enabled()
        .with_strict(false)
        .with_default(ConnectionProxies::both(proxy("http://alice:s3cret@h:1")))
        .with_exchange(id("binance"), ConnectionProxies::both(ProxyRule::Direct));
    let debug = format!("{settings:?}");
    assert!(debug.contains("http://***@h:1"), "{debug}");
    let json = serde_json::to_string(&settings).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"enabled":true,"strict":false,"#,
            r#""default":{"http":{"url":"http://***@h:1","timeout_seconds":30},"#,
            r#""websocket":{"url":"http://***@h:1","timeout_seconds":30}},"#,
            r#""exchanges":{"binance":{"http":"direct","websocket":"direct"}},"from_env":false}"#
        )
    );
    for text in [debug, json] {
        assert!(
            !text.contains("alice") && !text.contains("s3cret"),
            "{text}"
        );
    }
}

#[test]
fn whether_the_system_is_enabled_is_said_or_not() {
    let said = |settings: &ProxySettings| (settings.is_enabled(), settings.says_enabled());
    assert_eq!(said(&ProxySettings::enabled()), (true, true));
    assert_eq!(said(&ProxySettings::disabled()), (false, true));
    assert_eq!(said(&ProxySettings::default()), (false, false));
}

#[test]
fn settings_lack_the_word_if_they_say_anything_else() {
    let nobody = AmbientProxies::default();
    let rules = ConnectionProxies::both(ProxyRule::Direct);
    let makes: [fn(ProxySettings, &AmbientProxies, &ConnectionProxies) -> ProxySettings; 5] = [
        |settings, _, _| settings.with_strict(true),
        |settings, nobody, _| settings.with_ambient(nobody.clone()),
        |settings, _, rules| settings.with_default(rules.clone()),
        |settings, _, rules| settings.with_exchange(id("okx"), rules.clone()),
        |settings, _, _| settings.with_egress_url("https://mirror.example/".parse().unwrap()),
    ];
    for make in makes {
        let lacks = |settings| make(settings, &nobody, &rules).lacks_enabled();
        assert!(lacks(ProxySettings::default()));
        assert!(!lacks(ProxySettings::enabled()));
        assert!(!lacks(ProxySettings::disabled()));
    }
    assert!(!ProxySettings::default().lacks_enabled());
    let empty = ProxySettings::default().with_exchange(id("okx"), ConnectionProxies::default());
    assert!(!empty.lacks_enabled());
}

#[test]
fn rules_are_counted_wherever_they_are_and_direct_is_no_proxy() {
    let none = ProxySettings::enabled().with_ambient(AmbientProxies::default());
    assert_eq!((none.has_rules(), none.has_proxy()), (false, false));
    let direct = ConnectionProxies::both(ProxyRule::Direct);
    for direct in [
        none.clone().with_default(direct.clone()),
        none.clone().with_exchange(id("okx"), direct),
    ] {
        assert_eq!((direct.has_rules(), direct.has_proxy()), (true, false));
    }
    let rules = ConnectionProxies::default().with_websocket(proxy("http://h:1"));
    let pool = PoolConfig::new([PoolMember::new(proxy("http://h:1").url().clone())]).unwrap();
    let ambient = AmbientProxies::from_variables([("ALL_PROXY", "http://h:1")]).unwrap();
    for through in [
        none.clone().with_default(rules.clone()),
        none.clone().with_default(ConnectionProxies::both(pool)),
        none.clone().with_exchange(id("okx"), rules),
        none.with_ambient(ambient),
    ] {
        assert_eq!((through.has_rules(), through.has_proxy()), (true, true));
    }
}

#[test]
fn what_nobody_said_is_not_serialized() {
    let json = |settings: ProxySettings| serde_json::to_value(settings).unwrap();
    assert_eq!(json(ProxySettings::default()), json!({}));
    assert_eq!(
        json(ProxySettings::default().with_strict(true)),
        json!({"strict": true})
    );
    assert_eq!(
        json(ProxySettings::disabled()),
        json!({"enabled": false, "from_env": false})
    );
    assert_eq!(
        json(ProxySettings::disabled().with_strict(false)),
        json!({"enabled": false, "strict": false, "from_env": false})
    );
    assert!(!ProxySettings::enabled().says_strict());
}

#[test]
fn a_lookup_among_ten_thousand_exchanges_finds_the_right_one() {
    let settings = (0..10_000).fold(ProxySettings::enabled(), |settings, n| {
        let proxy = ProxyConfig::new(format!("http://p{n}:1").parse().unwrap());
        settings.with_exchange(id(&format!("x{n}")), ConnectionProxies::both(proxy))
    });
    assert_eq!(of_exchange(&settings, "X7777"), ["http://p7777:1"; 2]);
}
