use proxy_config::{
    ConnectionProxies, ExchangeId, ProxyConfig, ProxyRule, ProxySettings, ProxyUrl,
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::support::{defaults, id, of_exchange, proxy};

fn from<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn a_plain_mapping_is_deserialized_with_all_shorthands() {
    let settings: ProxySettings = from(json!({
        "enabled": true,
        "default": "socks5://default:1080",
        "exchanges": {
            "BINANCE": {"rest": {"url": "http://binance:8080", "timeout_seconds": 15}},
            "okx": "direct",
        },
    }))
    .unwrap();
    assert!(settings.is_enabled());
    assert_eq!(defaults(&settings), ["socks5://default:1080"; 2]);
    assert_eq!(of_exchange(&settings, "okx"), ["direct"; 2]);
    let http = settings.exchange(&id("binance")).unwrap().http().cloned();
    let expected = proxy("http://binance:8080")
        .with_timeout_seconds(15)
        .unwrap();
    assert_eq!(http, Some(ProxyRule::Proxy(expected)));
    let whole: ProxySettings = from(json!("http://h:1")).unwrap();
    assert!(whole.is_enabled());
}

#[test]
fn every_part_is_deserialized_on_its_own() {
    let url: ProxyUrl = from(json!("http://h:1")).unwrap();
    assert_eq!(url, "http://h:1".parse().unwrap());
    let config: ProxyConfig = from(json!({"url": "http://h:1"})).unwrap();
    assert_eq!(config, from(json!("http://h:1")).unwrap());
    assert_eq!(from(json!("direct")), Ok(ProxyRule::Direct));
    let proxies: ConnectionProxies = from(json!({"ws": "http://h:1"})).unwrap();
    assert_eq!(proxies, ConnectionProxies::default().with_websocket(config));
    assert_eq!(from(json!({})), Ok(ConnectionProxies::default()));
    assert_eq!(from(json!({})), Ok(ProxySettings::default()));
    assert_eq!(from(json!("OKX")), Ok(id("okx")));
}

#[test]
fn errors_are_joined_and_show_no_value() {
    let error = from::<ProxySettings>(json!({
        "enabled": "maybe",
        "default": {"http": {"url": "ftp://u:s3cret@h:1", "timeout_seconds": 0}},
        "exchange": {},
    }))
    .unwrap_err();
    assert_eq!(
        error,
        "?: unknown key; did you mean `exchanges`? \
         (known keys: enabled, strict, default, exchanges, from_env, egress_url); \
         enabled: expected true or false, yes or no, on or off, 1 or 0; \
         default.http.timeout_seconds: expected a whole number from 1 to 300; \
         default.http.url: Unsupported proxy scheme: ftp; \
         expected http, https, socks4, socks4a, socks5 or socks5h"
    );
    let error = from::<ProxySettings>(json!({"enabled": true})).unwrap_err();
    assert!(
        error.starts_with("enabled, but no proxy is configured"),
        "{error}"
    );
}

#[test]
fn values_of_a_wrong_kind_are_refused() {
    assert!(from::<ProxyUrl>(json!(["http://h:1"])).is_err());
    assert!(from::<ProxyUrl>(json!(null)).is_err());
    assert!(from::<ProxyConfig>(json!("direct")).is_err());
    assert!(from::<ProxyConfig>(json!({})).is_err());
    assert!(from::<ProxyRule>(json!(null)).is_err());
    assert!(from::<ConnectionProxies>(json!(null)).is_err());
    assert!(from::<ProxySettings>(json!(null)).is_err());
    assert!(from::<ProxySettings>(json!({"enabled": false, "default": {}})).is_err());
    assert!(from::<ConnectionProxies>(json!([1])).is_err());
    assert!(from::<ExchangeId>(json!("a b")).is_err());
    assert!(from::<ProxySettings>(json!(7)).is_err());
    let error = serde_json::from_str::<ProxyConfig>(r#"{"url": "http://a:1", "url": "s3cret"}"#);
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("a key is given twice"), "{error}");
}

#[test]
fn a_timeout_may_be_a_number_or_a_text() {
    for timeout in [json!(45), json!("45")] {
        let config: ProxyConfig =
            from(json!({"url": "http://h:1", "timeout_seconds": timeout})).unwrap();
        assert_eq!(config.timeout_seconds(), 45);
    }
    for timeout in [json!(45.5), json!(-1), json!(true), json!([45])] {
        let config = from::<ProxyConfig>(json!({"url": "http://h:1", "timeout_seconds": timeout}));
        assert!(config.is_err());
    }
}

#[test]
fn a_text_that_became_a_number_or_a_boolean_is_refused_and_not_another_text() {
    let lost = "expected text, found a number or a boolean, whose text as it was written is lost; \
                quote it";
    // To YAML, `0x10` is 16, `010` is 10 or 8, and `yes` may be true.
    for value in [json!(16), json!(-16), json!(u64::MAX), json!(true)] {
        for (rule, key) in [
            (
                json!({"url": "http://h:1", "username": "u", "password": value}),
                "password",
            ),
            (
                json!({"url": "http://h:1", "username": value, "password": "p"}),
                "username",
            ),
            (
                json!({"url": "http://h:1", "username": "u", "password_file": value}),
                "password_file",
            ),
            (
                json!({"url": "https://h:1", "tls": {"ca_file": value}}),
                "tls.ca_file",
            ),
            (json!({"url": value}), "url"),
            (
                json!({"url": "http://h:1", "via": [{"url": value}]}),
                "via[0].url",
            ),
            (
                json!({"url": "http://h:1", "handshake": value}),
                "handshake",
            ),
            (
                json!({"pool": {"proxies": [{"url": "http://h:1", "username": "u", "password": value}]}}),
                "pool.proxies[0].password",
            ),
        ] {
            let error = from::<ProxyRule>(rule).unwrap_err();
            assert_eq!(error, format!("{key}: {lost}"));
        }
        assert_eq!(from::<ExchangeId>(value.clone()), Err(lost.to_owned()));
        assert_eq!(from::<ProxyUrl>(value), Err(lost.to_owned()));
    }
    let default = json!({"url": "http://h:1", "username": "u", "password": 16});
    let error = from::<ProxySettings>(json!({"enabled": true, "default": default})).unwrap_err();
    assert!(
        error.starts_with(&format!("default.password: {lost}")),
        "{error}"
    );
    assert!(!error.contains("16"), "{error}");
    let quoted = json!({"url": "http://h:1", "username": "u", "password": "0x10"});
    assert_eq!(from(quoted), Ok(proxy("http://u:0x10@h:1")));
}

#[test]
fn numbers_and_booleans_stay_what_they_are_where_they_are_expected() {
    let text = json!({
        "enabled": "yes",
        "strict": "0",
        "default": {"pool": {"proxies": [{"url": "http://h:1", "weight": "2", "enabled": "true"}]}},
    });
    let typed = json!({
        "enabled": true,
        "strict": 0,
        "default": {"pool": {"proxies": [{"url": "http://h:1", "weight": 2, "enabled": 1}]}},
    });
    let [text, typed] = [text, typed].map(|settings| from::<ProxySettings>(settings).unwrap());
    assert_eq!(text, typed);
    for wrong in [json!(7), json!(true)] {
        let error = from::<ConnectionProxies>(wrong).unwrap_err();
        assert_eq!(error, "expected a table, found a number or a boolean");
    }
}

#[test]
fn what_is_serialized_is_deserialized_again_if_it_has_no_credentials() {
    let settings: ProxySettings = from(json!({
        "enabled": true,
        "default": {"http": "http://h:1"},
        "exchanges": {"okx": "direct"},
    }))
    .unwrap();
    assert_eq!(from(serde_json::to_value(&settings).unwrap()), Ok(settings));
    let secret = serde_json::to_value(proxy("http://u:p@h:1")).unwrap();
    assert!(from::<ProxyConfig>(secret).unwrap_err().contains("***"));
}
