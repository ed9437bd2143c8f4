//! JSON, which is read exactly.

use proxy_config::{ProxyRule, Sources};

use crate::support::{defaults, enabled, env, messages};

fn errors(json: &str) -> Vec<String> {
    messages(Sources::new().with_text("test.json", json).load())
}

#[test]
fn tabs_escapes_and_long_keys_are_read() {
    let json = "{\n\t\"proxy\": {\n\t\t\"enabled\" :true,\n\t\t\"default\": \
                \"http:\\/\\/h\\u006f:1\"\r\n\t}\n}\n";
    let loaded = Sources::new().with_text("test.json", json).load().unwrap();
    assert_eq!(defaults(loaded.settings()), ["http://ho:1"; 2]);
    let json = format!(r#"{{"{}": 1}}"#, "k".repeat(5_000));
    assert!(errors(&json)[0].contains("unknown key"));
}

#[test]
fn escaped_surrogates_are_one_character_and_numbers_keep_their_text() {
    for (password, expected) in [
        (r#""\ud83d\ude00 \u00e9""#, "😀 é"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("1.10", "1.10"),
        ("-0", "-0"),
        ("1E+2", "1E+2"),
        ("true", "true"),
    ] {
        let json = format!(
            r#"{{"proxy": {{"default": {{"http":
            {{"url": "http://h:1", "username": "u", "password": {password}}}}}}}}}"#
        );
        let loaded = enabled().with_text("test.json", json).load().unwrap();
        let Some(ProxyRule::Proxy(proxy)) = loaded.settings().default_proxies().http() else {
            panic!("a proxy was set");
        };
        let credentials = proxy.url().credentials().unwrap();
        assert_eq!(credentials.password(), Some(expected.as_bytes()));
    }
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for (json, expected) in [
        ("", "1:1: EOF while parsing a value"),
        ("{\n  \"ä\": 1,\n  \"ö\": s3cret}", "3:8: expected value"),
        ("{proxy: 1}", "1:2: key must be a string"),
        ("{\"a\": 1,}", "1:9: key must be a string"),
        ("{\"a\": 01}", "1:8: invalid number"),
        ("{} {}", "1:4: trailing characters"),
        ("{\"a\": 'x'}", "1:7: expected value"),
        (
            "{\"proxy\": \"s3cret\\ud800\"}",
            "1:24: unexpected end of hex escape",
        ),
        ("{\"proxy\":\n\"s3cret\\x\"}", "2:9: invalid escape"),
        ("{\"a\": 1, \"a\": 2}", "1:10: a key is given twice"),
        (
            "{\"a\": {\"a b\": 1, \"\\u0061 b\": 2}}",
            "1:18: a key is given twice",
        ),
        ("[1]", "1:1: expected a table, found a list"),
    ] {
        let messages = errors(json);
        assert_eq!(messages, [format!("test.json:{expected}")], "{json}");
    }
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(40), "]".repeat(40));
    assert_eq!(errors(&deep), ["test.json:1:38: nested too deeply"]);
    let deep = "[".repeat(200_000);
    assert_eq!(errors(&deep).len(), 1);
}

#[test]
fn values_in_variables_are_json_and_not_something_like_it() {
    for wrong in [
        "{http: direct}",
        "{'http': 'direct'}",
        "{\"http\": \"direct\"} x",
        "{}}",
    ] {
        let messages = messages(env(&[("_DEFAULT", wrong)]));
        let start = "proxy.default (from CRYPTOFEED_PROXY_DEFAULT): cannot be read as JSON: ";
        assert!(messages[0].starts_with(start), "{messages:?}");
    }
}
