//! Keys that have nothing after them, tables and files that have nothing in them.

use proxy_config::{ConfigErrors, Sources};

use crate::support::{Folder, messages};

const BLANK: &str = "the key has no value; quote it if it is text, or remove the key";

const EMPTY: &str = "the table is empty; set a key in it, or remove it";

/// The paths and the problems of one text.
fn problems(name: &str, text: &str) -> Vec<(String, String)> {
    let sources = Sources::new().with_section("feeds").with_text(name, text);
    let document = sources.merge();
    document.read("feeds", |feeds| {
        let feed = feeds.table(&["okx"])?.field("okx")?;
        let fields = feed.table(&["symbols", "channels"])?;
        fields.required("symbols")?.list().map(drop)
    });
    told(&document.into_loaded().unwrap_err())
}

fn told(errors: &ConfigErrors) -> Vec<(String, String)> {
    let told =
        |error: &proxy_config::ConfigError| (error.path().to_owned(), error.problem().into());
    errors.iter().map(told).collect()
}

fn blank(path: &str) -> [(String, String); 1] {
    [(path.to_owned(), BLANK.to_owned())]
}

/// What a URL and what may stand beside it, each without its value, in YAML.
fn rule(fields: &str) -> String {
    format!("proxy: {{enabled: true, default: {{websocket: {{{fields}}}}}}}")
}

#[test]
fn every_key_of_a_proxy_needs_a_value() {
    for key in [
        "timeout_seconds",
        "username",
        "password",
        "password_file",
        "tls",
        "handshake",
        "quick_ack",
        "headers",
        "headers_file",
        "bind",
        "egress",
        "direct",
        "via",
        "pool",
    ] {
        for nothing in ["", " ~", " null", " Null", " NULL", " #x"] {
            let text = rule(&format!(
                "url: 'http://h:1', username: 'u', {key}:{nothing}\n"
            ));
            let text = match key {
                "username" => text.replace("username: 'u', ", ""),
                _ => text,
            };
            let path = format!("proxy.default.websocket.{key}");
            assert_eq!(problems("test.yaml", &text), blank(&path), "{text}");
        }
    }
    assert_eq!(
        problems("test.yaml", &rule("url: , timeout_seconds: 5")),
        blank("proxy.default.websocket.url")
    );
}

#[test]
fn an_anchor_is_no_value() {
    let text = rule("url: 'http://h:1', username: u, password: &s3cret");
    assert_eq!(
        problems("test.yaml", &text),
        blank("proxy.default.websocket.password")
    );
}

#[test]
fn every_place_in_every_section_needs_a_value() {
    for (text, path) in [
        ("proxy:", "proxy"),
        ("proxy: {enabled: }", "proxy.enabled"),
        (
            "proxy: {enabled: true, default: direct, strict: }",
            "proxy.strict",
        ),
        ("proxy: {enabled: no, default: }", "proxy.default"),
        (
            "proxy: {enabled: no, default: {rest: }}",
            "proxy.default.http",
        ),
        ("proxy: {enabled: no, exchanges: }", "proxy.exchanges"),
        ("proxy: {enabled: no, from_env: }", "proxy.from_env"),
        ("proxy: {enabled: no, egress_url: }", "proxy.egress_url"),
        (
            "proxy: {enabled: no, exchanges: {OKX: {ws: }}}",
            "proxy.exchanges.okx.websocket",
        ),
        (
            "proxy: {enabled: no, default: {http: {url: 'http://h:1', via: ['http://h:2', ~]}}}",
            "proxy.default.http.via[1]",
        ),
        (
            "proxy: {enabled: no, default: {http: {url: 'https://h:1', tls: {ca_file: }}}}",
            "proxy.default.http.tls.ca_file",
        ),
        (
            "proxy: {enabled: no, default: {http: {pool: {strategy: , proxies: 'http://h:1'}}}}",
            "proxy.default.http.pool.strategy",
        ),
        ("feeds:", "feeds"),
        ("feeds: {okx: }", "feeds.okx"),
        ("feeds: {okx: {symbols: }}", "feeds.okx.symbols"),
        (
            "feeds: {okx: {symbols: [A-B], channels: ~}}",
            "feeds.okx.channels",
        ),
        ("feeds: {okx: {symbols: [A-B, ~]}}", "feeds.okx.symbols[1]"),
    ] {
        assert_eq!(problems("test.yaml", text), blank(path), "{text}");
    }
}

#[test]
fn null_in_json_is_nothing_in_files_and_in_variables() {
    let json = r#"{"proxy": {"enabled": false, "default": {"http": null}}}"#;
    assert_eq!(problems("test.json", json), blank("proxy.default.http"));
    for (name, value, path) in [
        ("DEFAULT", r#"{"http": null}"#, "proxy.default.http"),
        ("DEFAULT__HTTP__VIA", "[null]", "proxy.default.http.via[0]"),
    ] {
        let sources = Sources::new().with_env([
            ("CRYPTOFEED_PROXY_ENABLED", "false"),
            ("CRYPTOFEED_PROXY_DEFAULT__HTTP__URL", "http://h:1"),
            (&format!("CRYPTOFEED_PROXY_{name}"), value),
        ]);
        assert_eq!(told(&sources.load().unwrap_err()), blank(path));
    }
}

#[test]
fn what_a_stronger_source_says_is_no_excuse() {
    let text = "proxy: {enabled: false, default: {http: {url: }}}\nfeeds: {okx: {symbols: }}";
    let document = Sources::new()
        .with_section("feeds")
        .with_text("test.yaml", text)
        .with_env([
            ("CRYPTOFEED_PROXY_DEFAULT__HTTP__URL", "http://h:1"),
            ("CRYPTOFEED_FEEDS_OKX__SYMBOLS", "A-B"),
        ])
        .merge();
    assert_eq!(
        messages(document.into_loaded()),
        [
            format!("proxy.default.http.url (from test.yaml:1:45): {BLANK}"),
            // Nobody read the section, and so nobody knows the key.
            format!("feeds.okx.? (from test.yaml:2:22): {BLANK}"),
        ]
    );
}

#[test]
fn a_text_in_quotes_is_a_value() {
    for password in ["''", "'~'", "\"null\"", "'#x'"] {
        let text = rule(&format!(
            "url: 'http://h:1', username: u, password: {password}"
        ));
        let loaded = Sources::new().with_text("test.yaml", text).load();
        assert!(loaded.is_ok(), "{password}: {loaded:?}");
    }
}

#[test]
fn a_key_without_a_value_is_shown_only_if_it_is_a_known_one() {
    let rest = "the key has no value; quote a value that contains a comma";
    for (text, path, nearest) in [
        (
            rule("url: 'http://h:1', username: u, password: abc,s3cret"),
            "proxy.default.websocket.?",
            "",
        ),
        (
            rule("url: 'http://h:1', pasword: "),
            "proxy.default.websocket.?",
            "`password`",
        ),
        (
            "feeds: {okx: {symbols: [A-B], s3cret}}".to_owned(),
            "feeds.okx.?",
            "",
        ),
    ] {
        let problems = problems("test.yaml", &text);
        let [(at, problem)] = &*problems else {
            panic!("{problems:?}");
        };
        assert_eq!(at, path);
        assert!(problem.starts_with("unknown key"), "{problem}");
        assert!(
            problem.contains(nearest) && problem.ends_with(rest),
            "{problem}"
        );
    }
    let exchange = "proxy: {enabled: no, exchanges: {okx: direct,s3cret}}";
    assert_eq!(problems("test.yaml", exchange), blank("proxy.exchanges.?"));
}

#[test]
fn a_key_that_is_not_known_is_not_shown_within_a_proxy() {
    for text in [
        rule("url: 'http://h:1', username: u, password: abc,s3cret"),
        rule("url: 'http://h:1', username: u, password: abc,s3cret: 1"),
        rule("url: 'http://h:1', username: u, password: abc,s3cret,s3cret"),
        rule("url: 'http://h:1', tls: {s3cret: {s3cret: 1}}"),
        rule("url: 'http://h:1', via: [{s3cret: 1}]"),
        rule("pool: {s3cret: [s3cret: 1]}"),
        "proxy: {s3cret: {s3cret: }}".to_owned(),
        "proxy: {enabled: no, exchanges: {s3cret}}".to_owned(),
        "s3cret:".to_owned(),
        "feeds: {okx: {symbols: [A-B],s3cret}}".to_owned(),
        "feeds: {okx: {symbols: [A-B],s3cret,s3cret}}".to_owned(),
    ] {
        let problems = format!("{:?}", problems("test.yaml", &text));
        assert!(!problems.contains("s3cret"), "{text}: {problems}");
    }
    // What we know of is shown wherever it stands.
    let text = rule("url: 'http://h:1', weight: 1, url: 'http://h:2'");
    let expected = "the key `url` is given twice";
    assert_eq!(problems("test.yaml", &text)[0].1, expected);
    let text = rule("url: 'http://h:1', weight: 1");
    assert_eq!(
        problems("test.yaml", &text)[0].0,
        "proxy.default.websocket.weight"
    );
}

#[test]
fn a_table_of_known_keys_needs_one() {
    for (text, path) in [
        ("proxy: {}", "proxy"),
        ("proxy: {enabled: no, default: {}}", "proxy.default"),
        (
            "proxy: {enabled: no, default: {http: {}}}",
            "proxy.default.http",
        ),
        (
            "proxy: {enabled: no, exchanges: {okx: {}}}",
            "proxy.exchanges.okx",
        ),
        (
            "proxy: {enabled: no, default: {http: {url: 'https://h:1', tls: {}}}}",
            "proxy.default.http.tls",
        ),
        (
            "proxy: {enabled: no, default: {http: {url: 'http://h:1', via: [{}]}}}",
            "proxy.default.http.via[0]",
        ),
        ("feeds: {}", "feeds"),
        ("feeds: {okx: {}}", "feeds.okx"),
    ] {
        let expected = [(path.to_owned(), EMPTY.to_owned())];
        assert_eq!(problems("test.yaml", text), expected, "{text}");
    }
    let variable = [
        ("CRYPTOFEED_PROXY_DEFAULT", "{}"),
        ("CRYPTOFEED_PROXY_ENABLED", "no"),
    ];
    assert_eq!(
        messages(Sources::new().with_env(variable).load()),
        [format!(
            "proxy.default (from CRYPTOFEED_PROXY_DEFAULT): {EMPTY}"
        )]
    );
}

#[test]
fn an_empty_list_of_exchanges_or_of_proxies_on_the_way_is_a_value() {
    let text = "proxy: {enabled: no, exchanges: {}, default: {http: {url: 'http://h:1', via: []}}}";
    assert!(Sources::new().with_text("test.yaml", text).load().is_ok());
}

#[test]
fn a_file_with_nothing_in_it_is_refused() {
    let folder = Folder::new();
    for (name, text) in [
        ("a.yaml", ""),
        ("a.yaml", "# proxy: http://h:1\n"),
        ("a.yaml", "---\n"),
        ("a.yaml", "~"),
        ("a.yaml", "{}"),
        ("a.yaml", "\u{FEFF}"),
        ("a.json", "null"),
        ("a.json", "{}"),
        ("a.toml", ""),
        ("a.toml", "# [proxy]"),
    ] {
        let path = folder.write(name, text);
        let expected = format!("{}: there is nothing in it", path.display());
        assert_eq!(
            messages(Sources::new().with_file(&path).load()),
            [expected],
            "{text}"
        );
        let in_memory = Sources::new().with_text(name, text);
        assert_eq!(
            messages(in_memory.load()),
            [format!("{name}: there is nothing in it")]
        );
    }
}
