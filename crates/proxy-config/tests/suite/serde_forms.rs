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
         (known keys: enabled, strict, default, exchanges, from_env); \
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
