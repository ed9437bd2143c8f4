use proxy_config::Sources;

use crate::support::{env, messages, named, shown, yaml};

#[test]
fn an_error_names_the_variable_and_the_reason_and_no_secret() {
    let result = env(&[
        ("_ENABLED", "true"),
        ("_DEFAULT__HTTP__URL", "ftp://u:s3cret@h:1"),
    ]);
    let errors = result.unwrap_err();
    assert_eq!(
        errors.to_string(),
        "proxy.default.http.url (from CRYPTOFEED_PROXY_DEFAULT__HTTP__URL): \
         Unsupported proxy scheme: ftp; expected http, https, socks4, socks4a, socks5 or socks5h"
    );
    let error = errors.iter().next().unwrap();
    assert_eq!(error.path(), "proxy.default.http.url");
    assert_eq!(
        shown(error.origin()).as_deref(),
        Some("CRYPTOFEED_PROXY_DEFAULT__HTTP__URL")
    );
    assert!(error.problem().starts_with("Unsupported proxy scheme"));
    assert!(!format!("{errors:?}").contains("s3cret"));
}

#[test]
fn everything_that_is_wrong_is_reported_at_once_one_per_line() {
    let sources = Sources::new()
        .with_text(
            "test.yaml",
            "proxy:\n  enabled: maybe\n  default:\n    htpp: http://h:1\n    websocket:\n      \
             url: http://h\n      timeout_seconds: 0\n  exchanges:\n    okx: []\n",
        )
        .with_env(named(&[("_STRICT", "perhaps"), ("_FOO", "1")]));
    let errors = sources.load().unwrap_err().to_string();
    let lines: Vec<_> = errors.lines().collect();
    let expected = [
        "proxy.foo (from CRYPTOFEED_PROXY_FOO): unknown variable; ",
        "proxy.default.? (from test.yaml:4:11): unknown key; did you mean `http`? ",
        "proxy.exchanges.okx (from test.yaml:9:10): expected a table, found a list",
        "proxy.enabled (from test.yaml:2:12): expected true or false",
        "proxy.strict (from CRYPTOFEED_PROXY_STRICT): expected true or false",
        "proxy.default.websocket.timeout_seconds (from test.yaml:7:24): expected a whole number",
        "proxy.default.websocket.url (from test.yaml:6:12): Proxy URL must include port",
    ];
    assert_eq!(lines.len(), expected.len(), "{errors}");
    for start in expected {
        assert!(
            lines.iter().any(|line| line.starts_with(start)),
            "{start}\n{errors}"
        );
    }
}

#[test]
fn a_url_that_stands_for_both_transports_is_wrong_once() {
    assert_eq!(
        messages(env(&[("", "h:1080")])),
        [
            "proxy (from CRYPTOFEED_PROXY): Proxy URL must include scheme (http://, https://, \
             socks4://, socks4a://, socks5:// or socks5h://)"
        ]
    );
    assert_eq!(
        messages(yaml("proxy: {default: 'socks5://:1080'}")).len(),
        1
    );
}

#[test]
fn enabled_without_any_rule_is_refused() {
    for nothing in [
        "proxy: {enabled: true}",
        "proxy: {enabled: true, exchanges: {}}",
    ] {
        assert_eq!(
            messages(yaml(nothing)),
            ["proxy (from test.yaml:1:18): \
                 enabled, but no proxy is configured; set `default` or one of `exchanges`"]
        );
    }
    assert!(yaml("proxy: {enabled: true, exchanges: {okx: direct}}").is_ok());
    assert!(yaml("proxy: {enabled: false}").is_ok());
}

#[test]
fn a_slot_under_two_names_is_refused() {
    assert_eq!(
        messages(yaml(
            "proxy: {default: {http: 'http://a:1', rest: 'http://b:1'}}"
        )),
        ["proxy.default.rest (from test.yaml:1:45): \
             `http` is given as well and means the same"]
    );
}

#[test]
fn an_exchange_under_two_spellings_is_refused() {
    assert_eq!(
        messages(yaml("proxy: {exchanges: {OKX: direct, okx: direct}}")),
        ["proxy.exchanges.okx (from test.yaml:1:39): \
             the exchange is given twice; names are case-insensitive"]
    );
}

#[test]
fn keys_of_other_places_are_refused() {
    for (key, place) in [
        ("weight", "{}"),
        ("strategy", "{}"),
        ("pool", "{via: [{}]}"),
    ] {
        let fields = place.replace("{}", &format!("{{url: 'http://h:1', {key}: s3cret}}"));
        let messages = messages(yaml(&format!("proxy: {{default: {{http: {fields}}}}}")));
        let refused = messages.iter().find(|m| m.contains("unknown key")).unwrap();
        assert!(
            refused.contains(&format!(".{key} (from test.yaml:1:")),
            "{messages:?}"
        );
        assert!(!messages.concat().contains("s3cret"), "{messages:?}");
    }
}

#[test]
fn a_url_in_the_place_of_a_key_is_not_shown() {
    for text in [
        "proxy: {default: {http: {http://u:s3cret@h:1}}}",
        "proxy: {default: {http://u:s3cret@h:1}}",
        "proxy: {exchanges: {http://u:s3cret@h:1}}",
        "http://u:s3cret@h:1:",
        "proxy: {http://u:s3cret@h:1: x, http://u:s3cret@h:1: x}",
    ] {
        let messages = messages(yaml(text));
        assert!(!messages.concat().contains("s3cret"), "{messages:?}");
    }
    let variable = env(&[("_HTTP://U:S3CRET@H:1", "x")]);
    assert!(messages(variable)[0].starts_with("CRYPTOFEED_PROXY_HTTP…: unknown variable"));
}

#[test]
fn a_wrong_url_never_shows_its_credentials() {
    for url in [
        "user:s3cret@h:1",
        "ftp://user:s3cret@h:1",
        "http://user:s3cret@h",
        "http://user:s3cret@:1",
        "http://user:s3cret@h:0",
        "http://user:s3cret",
        "http://user:s3/cret@h:1",
        "http://user:s3cret@h:1/path",
        "http://user:s3cret%zz@h:1",
        "socks4://user:s3cret@h:1",
        "http://user:s3cret@a b:1",
        "http://user:s3cret:h:1",
    ] {
        let text = format!("proxy: {{default: {{http: '{url}'}}}}");
        let errors = yaml(&text).unwrap_err();
        for shown in [errors.to_string(), format!("{errors:?}")] {
            assert!(!shown.contains("s3"), "{url}: {shown}");
            assert!(!shown.contains("user:"), "{url}: {shown}");
        }
    }
}
