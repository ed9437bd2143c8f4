//! TOML.

use proxy_config::{ProxyRule, Sources, Transport};

use crate::support::{defaults, enabled, id, messages, of_exchange, shown};

fn errors(toml: &str) -> Vec<String> {
    messages(Sources::new().with_text("test.toml", toml).load())
}

#[test]
fn tables_dotted_keys_and_lists_of_tables_are_read() {
    let toml = "
proxy.enabled = true
[proxy.default]
http = 'socks5h://proxy:1080'
websocket.url = \"http://pro\\u0078y:8080\"
[proxy.exchanges]
backpack = 'direct'
[proxy.exchanges.BINANCE.rest]
url = 'http://exit:1'
[[proxy.exchanges.BINANCE.rest.via]]
url = 'http://near:2'
[[proxy.exchanges.BINANCE.rest.via]]
url = 'http://far:3'
";
    let loaded = Sources::new().with_text("test.toml", toml).load().unwrap();
    let settings = loaded.settings();
    assert!(settings.is_enabled());
    assert_eq!(
        defaults(settings),
        ["socks5h://proxy:1080", "http://proxy:8080"]
    );
    assert_eq!(of_exchange(settings, "backpack"), ["direct"; 2]);
    let binance = "http://exit:1 via http://far:3 via http://near:2";
    assert_eq!(of_exchange(settings, "binance"), [binance, "-"]);
    let origins = loaded
        .explain(&id("any"), Transport::WebSocket, None)
        .unwrap();
    assert_eq!(shown(origins.rule()).as_deref(), Some("test.toml:5:17"));
}

#[test]
fn a_password_that_looks_like_something_else_stays_the_text_it_is() {
    for (password, expected) in [
        ("12345", "12345"),
        ("1.10", "1.10"),
        ("+1_000", "+1_000"),
        ("0x1F", "0x1F"),
        ("1e3", "1e3"),
        ("inf", "inf"),
        ("true", "true"),
        ("2024-01-02", "2024-01-02"),
        ("2024-01-02T03:04:05.600Z", "2024-01-02T03:04:05.600Z"),
        ("'0123'", "0123"),
        ("'''\n a\\b'''", " a\\b"),
        ("\"\\u00E9\"", "é"),
    ] {
        let toml = format!(
            "[proxy.default.http]\nurl = 'socks5://h:1'\nusername = 'u'\npassword = {password} # x"
        );
        let loaded = enabled().with_text("test.toml", toml).load().unwrap();
        let Some(ProxyRule::Proxy(proxy)) = loaded.settings().default_proxies().http() else {
            panic!("a proxy was set");
        };
        let credentials = proxy.url().credentials().unwrap();
        assert_eq!(
            credentials.password(),
            Some(expected.as_bytes()),
            "{password}"
        );
    }
}

#[test]
fn errors_have_their_places() {
    assert_eq!(
        errors(
            "# ä\n[proxy]\nenabled = 'maybe'\n[proxy.default.http]\n\
             url = 'ftp://u:s3cret@h:1'\nulr = 's3cret'\n[[proxy.exchanges.okx]]\nx = 1"
        ),
        [
            "proxy.default.http.? (from test.toml:6:7): unknown key; did you mean `url`? \
             (known keys: url, timeout_seconds, username, password, password_file, headers, headers_file, tls, handshake, quick_ack, bind, egress, via, pool, direct)",
            "proxy.exchanges.okx (from test.toml:7:1): expected a table, found a list",
            "proxy.enabled (from test.toml:3:11): \
             expected true or false, yes or no, on or off, 1 or 0",
            "proxy.default.http.url (from test.toml:5:7): Unsupported proxy scheme: ftp; \
             expected http, https, socks4, socks4a, socks5 or socks5h",
        ]
    );
}

#[test]
fn what_is_not_toml_is_refused_with_its_place_and_not_shown() {
    for (toml, place) in [
        ("proxy = s3cret", "1:9"),
        ("[proxy]\nä = 1\nenabled = true\nenabled = 's3cret'", "2:1"),
        ("[proxy]\nenabled = true\nenabled = 's3cret'", "3:1"),
        ("[proxy]\n[proxy]", "2:2"),
        ("a = 's3cret", "1:12"),
        ("a = \"s3cret\\q\"", "1:13"),
        ("a = 2024-13-99", "1:5"),
        ("[s3cret", "1:8"),
        ("a = 1 s3cret", "1:5"),
    ] {
        let messages = errors(toml);
        assert!(
            messages[0].starts_with(&format!("test.toml:{place}: ")),
            "{messages:?}"
        );
        assert!(!messages.concat().contains("s3cret"), "{messages:?}");
    }
    let deep = format!("a = {}1{}", "[".repeat(40), "]".repeat(40));
    assert_eq!(errors(&deep), ["test.toml:1:36: nested too deeply"]);
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(!errors(&deep).is_empty());
}
