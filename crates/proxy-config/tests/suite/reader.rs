use std::path::Path;

use proxy_config::{
    ConfigError, ConfigErrors, ConnectionProxies, Document, Node, ProxySettings, Sources,
};

use crate::support::{Folder, proxy, shown};

fn merge(text: &str, variables: &[(&str, &str)]) -> Document {
    Sources::new()
        .with_section("feeds")
        .with_text("test.yaml", text)
        .with_env(variables.iter().copied())
        .merge()
}

#[derive(Debug, PartialEq)]
struct Feed {
    exchange: String,
    symbols: Vec<String>,
    depth: Option<u64>,
    raw: bool,
}

fn feeds(node: &Node<'_>) -> Option<Vec<Feed>> {
    let feed = |(exchange, node): (&str, Node<'_>)| {
        let fields = node.table(&["symbols", "depth", "raw"])?;
        let symbols = fields.required("symbols")?.list()?;
        Some(Feed {
            exchange: exchange.to_owned(),
            symbols: symbols
                .iter()
                .filter_map(|symbol| symbol.text().map(str::to_owned))
                .collect(),
            depth: fields
                .field("depth")
                .and_then(|depth| depth.integer(1..=5000)),
            raw: fields
                .field("raw")
                .and_then(|raw| raw.boolean())
                .unwrap_or_default(),
        })
    };
    Some(node.entries()?.into_iter().filter_map(feed).collect())
}

fn read(document: Document) -> Result<Option<Vec<Feed>>, ConfigErrors> {
    let feeds = document.read("feeds", feeds);
    document.into_loaded()?;
    Ok(feeds.flatten())
}

#[test]
fn a_section_of_others_is_merged_and_read_like_our_own() {
    let document = merge(
        "feeds: {okx: {symbols: [BTC-USDT], raw: on}, binance: {symbols: [1.10, 007], depth: 5}}",
        &[
            ("CRYPTOFEED_FEEDS_BINANCE__DEPTH", "100"),
            ("CRYPTOFEED_FEEDS_OKX__SYMBOLS", r#"["ETH-USDT"]"#),
        ],
    );
    let feed = |exchange: &str, symbols: &[&str], depth, raw| Feed {
        exchange: exchange.to_owned(),
        symbols: symbols.iter().map(ToString::to_string).collect(),
        depth,
        raw,
    };
    assert_eq!(
        read(document).unwrap().unwrap(),
        [
            feed("binance", &["1.10", "007"], Some(100), false),
            feed("okx", &["ETH-USDT"], None, true),
        ]
    );
}

#[test]
fn a_section_that_is_not_set_is_none() {
    assert_eq!(read(merge("proxy: direct", &[])).unwrap(), None);
    assert_eq!(read(merge("feeds: {}", &[])).unwrap(), Some(Vec::new()));
}

#[test]
fn every_error_of_a_section_has_its_path_and_origin() {
    let document = merge(
        "feeds:\n  okx: {symbols: BTC, depht: 1}\n  binance:\n  kraken: {symbols: [[x], ~, y]}\n  \
         bybit: {symbols: [], raw: 7}\n  backpack: 1",
        &[("CRYPTOFEED_FEEDS_BYBIT__DEPTH", "5001")],
    );
    let errors = read(document).unwrap_err();
    let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "feeds.kraken.symbols[1] (from test.yaml:4:27): the key has no value; \
             quote it if it is text, or remove the key",
            "feeds.? (from test.yaml:3:10): the key has no value; \
             quote it if it is text, or remove the key",
            "feeds.backpack (from test.yaml:6:13): expected a table, found text",
            "feeds.bybit.depth (from CRYPTOFEED_FEEDS_BYBIT__DEPTH): \
             expected a whole number from 1 to 5000",
            "feeds.bybit.raw (from test.yaml:5:29): \
             expected true or false, yes or no, on or off, 1 or 0",
            "feeds.kraken.symbols[0] (from test.yaml:4:22): expected text, found a list",
            "feeds.okx.depht (from test.yaml:2:30): unknown key; did you mean `depth`? \
             (known keys: symbols, depth, raw)",
            "feeds.okx.symbols (from test.yaml:2:18): expected a list, found text",
        ]
    );
}

#[test]
fn a_reader_parses_and_reports_by_itself() {
    let document = merge("feeds: {url: 'wss://u:s3cret@h'}", &[]);
    let read = document.read("feeds", |node| {
        let url = node.table(&["url"])?.required("url")?;
        assert_eq!(url.path(), "feeds.url");
        assert_eq!(
            shown(url.origin().as_ref()).as_deref(),
            Some("test.yaml:1:14")
        );
        assert_eq!(url.as_text(), Some("wss://u:s3cret@h"));
        assert!(!format!("{url:?} {node:?} {document:?}").contains("s3cret"));
        node.report("first");
        url.parse(|_| Err::<(), _>("second"))
    });
    assert_eq!(read, Some(None));
    let errors = document.into_loaded().unwrap_err();
    assert_eq!(
        errors.to_string(),
        "feeds (from test.yaml:1:14): first\nfeeds.url (from test.yaml:1:14): second"
    );
}

#[test]
fn variables_set_and_add_items_of_a_list_by_place() {
    let symbols = |text: &str, variables: &[(&str, &str)]| {
        let document = merge(text, variables);
        read(document).map(|feeds| feeds.unwrap().remove(0).symbols)
    };
    let file = "feeds: {okx: {symbols: [A-B, C-D]}}";
    let variables = [
        ("CRYPTOFEED_FEEDS_OKX__SYMBOLS__1", "X-Y"),
        ("CRYPTOFEED_FEEDS_OKX__SYMBOLS__2", "Z-Z"),
    ];
    assert_eq!(symbols(file, &variables).unwrap(), ["A-B", "X-Y", "Z-Z"]);
    let many: Vec<_> = (0..12)
        .map(|n| (format!("CRYPTOFEED_FEEDS_OKX__SYMBOLS__{n}"), n.to_string()))
        .collect();
    let many: Vec<_> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let expected: Vec<_> = (0..12).map(|n| n.to_string()).collect();
    let other = "proxy: direct";
    assert_eq!(symbols(other, &many).unwrap(), expected);
    assert_eq!(
        symbols(other, &variables).unwrap_err().to_string(),
        "feeds.okx.symbols (from CRYPTOFEED_FEEDS_OKX__SYMBOLS__1): \
         list indices start at 0 and have no gaps"
    );
}

#[test]
fn a_relative_path_in_a_file_starts_from_its_folder_and_any_other_from_here() {
    let folder = Folder::new();
    let path = |sources: Sources| {
        let document = sources.with_section("feeds").merge();
        let path = document.read("feeds", |node| {
            node.table(&["file"])?.field("file")?.file_path()
        });
        document.into_loaded().unwrap();
        path.flatten().unwrap()
    };
    let file = folder.write("etc/a.toml", "feeds.file = '../data/x'");
    assert_eq!(
        path(Sources::new().with_file(&file)),
        folder.path("etc/../data/x")
    );
    let variable = [("CRYPTOFEED_FEEDS_FILE", "data/x")];
    let sources = Sources::new().with_file(&file).with_env(variable);
    assert_eq!(path(sources), Path::new("data/x"));
    let text = Sources::new().with_text("etc/a.yaml", "feeds: {file: data/x}");
    assert_eq!(path(text), Path::new("data/x"));
    let absolute = Sources::new().with_file(folder.write("b.json", r#"{"feeds":{"file":"/x"}}"#));
    assert_eq!(path(absolute), Path::new("/x"));
}

#[test]
fn what_is_wrong_is_told_of_all_sources_and_all_sections_together() {
    let document = merge(
        "proxy: {enabled: yes, default: 'ftp://u:s3cret@h:1'}\nfeeds: {okx: {symbols: BTC}}\nfeds: {}",
        &[
            ("CRYPTOFEED_PROXY_STRICT", "maybe"),
            ("CRYPTOFEED_FEEDS_BYBIT__SYMBOLS", "BTC"),
            ("CRYPTOFEED_PROXY_DEFAULTS", "direct"),
        ],
    );
    let errors = read(document).unwrap_err();
    let origins: Vec<_> = errors.iter().map(|it| shown(it.origin())).collect();
    let paths = errors.iter().map(ConfigError::path);
    let mut places: Vec<_> = paths.zip(origins.iter().map(Option::as_deref)).collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            ("feds", Some("test.yaml:3:7")),
            (
                "feeds.bybit.symbols",
                Some("CRYPTOFEED_FEEDS_BYBIT__SYMBOLS")
            ),
            ("feeds.okx.symbols", Some("test.yaml:2:24")),
            ("proxy.default", Some("test.yaml:1:32")),
            ("proxy.defaults", Some("CRYPTOFEED_PROXY_DEFAULTS")),
            ("proxy.strict", Some("CRYPTOFEED_PROXY_STRICT")),
        ]
    );
}

#[test]
fn a_section_may_have_a_name_that_looks_like_a_path() {
    let merged = Sources::new()
        .with_section("my.own[0]")
        .with_text("a.yaml", "my.own[0]: {depth: 1, raw: on}")
        .with_text("b.yaml", "my.own[0]: {depth: 2}")
        .merge();
    let read = merged.read("my.own[0]", |node| {
        let fields = node.table(&["depth", "raw"])?;
        Some((
            fields.field("depth")?.integer(1..=5)?,
            fields.field("raw")?.boolean()?,
        ))
    });
    assert_eq!(read, Some(Some((2, true))));
    assert!(merged.into_loaded().is_ok());
}

#[test]
fn a_proxy_url_of_code_is_a_text_to_nobody() {
    let proxy = ConnectionProxies::both(proxy("http://u:s3cret@h:1"));
    let merged = Sources::new()
        .with_code(ProxySettings::enabled().with_default(proxy.clone()))
        .with_env([("CRYPTOFEED_PROXY_DEFAULT__HTTP__TIMEOUT_SECONDS", "30")])
        .merge();
    let url = merged.read("proxy", |section| {
        let default = section
            .table(&["enabled", "default", "from_env"])?
            .field("default")?;
        let http = default.table(&["http", "websocket"])?.field("http")?;
        http.table(&["url", "timeout_seconds"])?
            .field("url")
            .map(|url| url.as_text().map(str::to_owned))
    });
    assert_eq!(url, Some(Some(None)));
    let loaded = merged.into_loaded().unwrap();
    assert_eq!(loaded.settings().default_proxies(), &proxy);
}
