use proxy_config::Sources;

use crate::support::{Folder, defaults, messages, of_exchange, proxy, yaml};

#[test]
fn a_file_of_every_accepted_form_is_loaded() {
    let settings = yaml(
        "proxy:
           enabled: yes
           default:
             rest: socks5h://user:pass@proxy.example:1080
             ws: {url: http://proxy.example:8080, timeout_seconds: '45'}
           exchanges:
             binance:
               http: &eu {url: https://eu.proxy.example:8443, timeout_seconds: 10}
               websocket: *eu
             okx: http://okx.example:1
             kraken: {http: direct}
             backpack: direct",
    )
    .unwrap();
    assert!(settings.is_enabled());
    assert_eq!(
        defaults(&settings),
        [
            "socks5h://***@proxy.example:1080",
            "http://proxy.example:8080"
        ]
    );
    assert_eq!(
        of_exchange(&settings, "binance"),
        ["https://eu.proxy.example:8443"; 2]
    );
    assert_eq!(of_exchange(&settings, "okx"), ["http://okx.example:1"; 2]);
    assert_eq!(of_exchange(&settings, "kraken"), ["direct", "-"]);
    assert_eq!(of_exchange(&settings, "backpack"), ["direct"; 2]);
    let eu = proxy("https://eu.proxy.example:8443")
        .with_timeout_seconds(10)
        .unwrap();
    let binance = settings.exchange(&crate::support::id("binance")).unwrap();
    assert_eq!(binance.websocket(), Some(&eu.into()));
}

#[test]
fn a_url_for_the_whole_section_enables_it() {
    let settings = yaml("proxy: socks5h://proxy:1080").unwrap();
    assert!(settings.is_enabled());
    assert_eq!(defaults(&settings), ["socks5h://proxy:1080"; 2]);
}

#[test]
fn files_are_read_when_loading_by_extension() {
    let folder = Folder::new();
    let load = |name: &str, text: &[u8]| Sources::new().with_file(folder.write(name, text)).load();
    let yaml = b"\xEF\xBB\xBFproxy: http://h:1\r\n";
    let json = b"\xEF\xBB\xBF{\"proxy\": \"http://h:1\"}";
    let toml = b"\xEF\xBB\xBFproxy = 'http://h:1'\r\n";
    for (name, text) in [
        ("a.yaml", &yaml[..]),
        ("a.yml", yaml),
        ("a.json", json),
        ("a.toml", toml),
    ] {
        let loaded = load(name, text).unwrap();
        assert_eq!(defaults(loaded.settings()), ["http://h:1"; 2], "{name}");
    }
    for (name, text) in [("a.ini", &b"x"[..]), ("a", b"x"), ("b.yaml", b"\xFF")] {
        let path = folder.path(name).display().to_string();
        let messages = messages(load(name, text));
        assert!(
            messages[0].starts_with(&format!("{path}: ")),
            "{messages:?}"
        );
    }
    let missing = messages(Sources::new().with_file(folder.path("none.yaml")).load());
    assert!(
        missing[0].contains("none.yaml: could not be read: "),
        "{missing:?}"
    );
}

#[test]
fn what_is_no_configuration_is_refused_with_its_place() {
    for (text, expected) in [
        (
            "proxy:\n  enabled: true\n  enabled: false",
            "3:3: the key `enabled` is given twice",
        ),
        (
            "proxy: {\"enabled\": true, enabled: 1}",
            "1:26: the key `enabled` is given twice",
        ),
        (
            "proxy:\n  <<: {enabled: true}",
            "2:3: merge keys (<<) are not supported",
        ),
        ("proxy: !secret x", "1:8: tags (!) have no meaning here"),
        (
            "proxy: !secret {a: x}",
            "1:8: tags (!) have no meaning here",
        ),
        ("a: 1\n---\nb: 2", "3:1: expected a single document"),
        ("? [a]\n: b", "1:3: expected a key that is text"),
        ("a: &x [*x]", "1:8: an alias within its anchor"),
        ("- a", "1:1: expected a table, found a list"),
        ("text", "1:1: expected a table, found text"),
    ] {
        assert_eq!(
            messages(yaml(text)),
            [format!("test.yaml:{expected}")],
            "{text}"
        );
    }
}

#[test]
fn a_syntax_error_has_a_place_and_shows_nothing_of_the_text() {
    for text in [
        "proxy:\n  default: http://u:s3cret@h:1\n bad: s3cret",
        "proxy: {default: s3cret",
        "proxy: @s3cret",
        "proxy: `s3cret",
        "proxy: \"s3cret",
        "proxy: *s3cret",
        "s3cret: s3cret: s3cret",
        "proxy: |9s3cret",
    ] {
        let messages = messages(yaml(text));
        assert!(messages[0].starts_with("test.yaml:"), "{messages:?}");
        assert!(
            !messages.concat().contains("s3cret"),
            "{text}: {messages:?}"
        );
    }
}

#[test]
fn nesting_has_a_limit() {
    let deep = format!("a: {}x{}", "[".repeat(40), "]".repeat(40));
    assert_eq!(messages(yaml(&deep)), ["test.yaml:1:35: nested too deeply"]);
    let deep = "- ".repeat(100_000);
    assert!(messages(yaml(&deep))[0].ends_with("nested too deeply"));
}

#[test]
fn an_unknown_section_is_refused_unless_it_was_added() {
    assert_eq!(
        messages(yaml("proxi: http://u:s3cret@h:1")),
        ["proxi (from test.yaml:1:8): unknown key; did you mean `proxy`? (known keys: proxy)"]
    );
    let sources = Sources::new()
        .with_section("feeds")
        .with_text("test.yaml", "feeds: {binance: {}}");
    assert!(sources.load().is_ok());
}
