//! `cryptofeed run`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;
use testkit::{ExchangeConnection, ExchangeTransport, MockProxy, ProxyKind};

use crate::child::Stalled;
use crate::schema::rejected;
use crate::workspace::Workspace;
use crate::world::{World, peers};

const MARKET_DATA: [&str; 4] = ["l2_delta", "l2_snapshot", "ticker", "trade"];

/// The kinds of market data that lines hold of an exchange.
fn kinds<'a>(lines: &'a [Value], exchange: &str) -> BTreeSet<&'a str> {
    let lines = lines.iter().filter(|line| line["exchange"] == exchange);
    lines
        .filter_map(|line| line["type"].as_str())
        .filter(|kind| MARKET_DATA.contains(kind))
        .collect()
}

/// The lines, each of which is an event by the schema.
fn parse(lines: &str) -> Vec<Value> {
    let lines: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rejected(&["schema", "--events"], &lines), [] as [&Value; 0]);
    lines
}

fn from(number: u8) -> BTreeSet<IpAddr> {
    BTreeSet::from([[127, 0, 0, number].into()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_makes_both_exchanges_stream_all_channels_through_their_proxies() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxies = [
        world.proxy(ProxyKind::Http, 2).await,
        world.proxy(ProxyKind::Socks5h, 3).await,
        world.proxy(ProxyKind::Https, 4).await,
    ];
    let [http, socks, https] = proxies.each_ref().map(MockProxy::url);
    // The path is relative to the file, which is not in the working directory.
    std::fs::create_dir(workspace.path("etc")).unwrap();
    std::fs::rename(&world.ca_file, workspace.path("etc/ca.pem")).unwrap();
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\n\
         proxy:\n\
         \x20 enabled: true\n\
         \x20 strict: true\n\
         \x20 default: {{http: '{http}', websocket: '{socks}'}}\n\
         \x20 exchanges: {{backpack: {{websocket: '{https}'}}}}\n\
         {}",
        world.feeds()
    );
    workspace.file("etc/feeds.yml", &yaml);

    let arguments = [
        "run",
        "--config",
        "etc/feeds.yml",
        "--count",
        "1500",
        "--duration",
        "30s",
    ];
    let run = workspace.output(&arguments, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let lines = parse(&run.stdout);
    assert_eq!(lines.len(), 1500, "{}", run.stderr);
    for exchange in ["binance", "backpack"] {
        assert_eq!(
            kinds(&lines, exchange),
            BTreeSet::from(MARKET_DATA),
            "{exchange}"
        );
        assert!(
            run.stderr.contains(&format!("{exchange}: ")),
            "{}",
            run.stderr
        );
        let connected = |line: &&Value| line["type"] == "connected" && line["exchange"] == exchange;
        assert_eq!(lines.iter().filter(connected).count(), 1);
    }
    assert_eq!(peers(&world.binance, ExchangeTransport::Rest), from(2));
    assert_eq!(peers(&world.backpack, ExchangeTransport::Rest), from(2));
    assert_eq!(peers(&world.binance, ExchangeTransport::WebSocket), from(3));
    assert_eq!(
        peers(&world.backpack, ExchangeTransport::WebSocket),
        from(4)
    );
    assert!(!(run.stdout + &run.stderr).contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_alone_is_enough() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let proxy = world.proxy(ProxyKind::Socks5, 2).await;
    let (rest_url, ws_url, proxy_url) = (
        world.binance.rest_url(),
        world.binance.ws_url(),
        proxy.url(),
    );
    let variables = [
        ("CRYPTOFEED_FEEDS_BINANCE__SYMBOLS", "BTC-USDT, ETH-USDT"),
        ("CRYPTOFEED_FEEDS_BINANCE__CHANNELS", r#"["ticker"]"#),
        ("CRYPTOFEED_FEEDS_BINANCE__REST_URL", &rest_url),
        ("CRYPTOFEED_FEEDS_BINANCE__WS_URL", &ws_url),
        ("CRYPTOFEED_TLS_CA_FILE", "ca.pem"),
        ("CRYPTOFEED_PROXY_ENABLED", "true"),
        ("CRYPTOFEED_PROXY_DEFAULT", &proxy_url),
    ];
    let run = workspace.output(&["run", "--count", "50", "--duration", "30s"], &variables);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let lines = parse(&run.stdout);
    assert_eq!(kinds(&lines, "binance"), BTreeSet::from(["ticker"]));
    let symbols: BTreeSet<_> = lines
        .iter()
        .filter_map(|line| line["symbol"].as_str())
        .collect();
    assert_eq!(symbols, BTreeSet::from(["BTC-USDT", "ETH-USDT"]));
    assert_eq!(peers(&world.binance, ExchangeTransport::Rest), from(2));
    assert_eq!(peers(&world.binance, ExchangeTransport::WebSocket), from(2));
}

/// A configuration without proxies, which is enough where routes are not the subject.
async fn direct(workspace: &Workspace) -> World {
    let world = World::start(workspace).await;
    let yaml = format!("tls: {{ca_file: ca.pem}}\n{}", world.feeds());
    workspace.file("cryptofeed.yaml", &yaml);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_with_0_and_a_summary() {
    let workspace = Workspace::new();
    let _world = direct(&workspace).await;
    let run = workspace.start(&["run"], &[]);
    run.find(|line| line["type"] == "trade");
    run.terminate();
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(0), "{stderr}");
    for exchange in ["binance", "backpack"] {
        let summary = stderr
            .lines()
            .find(|line| line.starts_with(exchange))
            .unwrap();
        assert!(summary.ends_with(" events, reconnects: 0"), "{summary}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_even_if_nobody_reads_its_output() {
    let workspace = Workspace::new();
    let world = direct(&workspace).await;
    let run = Stalled::start(workspace.cryptofeed(&["run"], &[]));
    // More than any pipe holds has been sent by then, so the command waits for its reader.
    let messages = |connections: &[ExchangeConnection]| {
        connections
            .iter()
            .map(|connection| connection.messages_sent)
            .sum::<u64>()
    };
    world
        .backpack
        .ledger()
        .wait_for(|connections| messages(connections) > 3000)
        .await;
    run.terminate();
    let (code, _, log) = run.finish();
    assert_eq!(code, Some(3), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_it_with_3() {
    let workspace = Workspace::new();
    let _world = direct(&workspace).await;
    let mut run = workspace.start(&["run"], &[]);
    run.line();
    run.hang_up();
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(3), "{stderr}");
    let message =
        "error: the reader of standard output has closed it; events that were not written: ";
    assert!(stderr.contains(message), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_has_a_line_per_event_and_only_market_data() {
    let workspace = Workspace::new();
    let _world = direct(&workspace).await;
    let arguments = [
        "run",
        "--format",
        "text",
        "--count",
        "200",
        "--duration",
        "30s",
    ];
    let run = workspace.output(&arguments, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 200);
    for line in run.stdout.lines() {
        let kind = line.split_whitespace().nth(3).unwrap();
        assert!(
            ["trade", "ticker", "book", "change"].contains(&kind),
            "{line}"
        );
    }
    assert!(
        run.stderr.contains("connected exchange=\"binance\""),
        "{}",
        run.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbol_that_is_not_trading_is_a_warning_and_everything_else_streams() {
    let workspace = Workspace::new();
    let _world = direct(&workspace).await;
    let variables = [("CRYPTOFEED_FEEDS_BINANCE__SYMBOLS", "BTC-USTD, ETH-USDT")];
    let run = workspace.start(&["run"], &variables);
    let told = run.find(|line| line["type"] == "not_trading");
    assert_eq!(told["symbol"], "BTC-USTD");
    assert_eq!(told["nearest"], serde_json::json!(["BTC-USDT"]));
    for exchange in ["binance", "backpack"] {
        run.find(|line| line["type"] == "trade" && line["exchange"] == exchange);
    }
    run.logged(
        "symbol is unknown or not trading exchange=\"binance\" symbol=BTC-USTD",
        1,
    );
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_of_which_nothing_is_trading_does_not_end_the_others() {
    let workspace = Workspace::new();
    let _world = direct(&workspace).await;
    let variables = [("CRYPTOFEED_FEEDS_BINANCE__SYMBOLS", "BTC-USTD")];
    let run = workspace.start(&["run"], &variables);
    run.find(|line| line["type"] == "not_trading");
    run.find(|line| line["type"] == "trade" && line["exchange"] == "backpack");
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_symbols_that_no_exchange_lists_are_a_configuration_error() {
    let workspace = Workspace::new();
    let _world = direct(&workspace).await;
    let variables = [
        ("CRYPTOFEED_FEEDS_BINANCE__SYMBOLS", "BTC-USTD, DOGE-EUR"),
        ("CRYPTOFEED_FEEDS_BACKPACK__SYMBOLS", "LUNA-EUR"),
    ];
    let run = workspace.output(&["run", "--duration", "30s"], &variables);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let cause = "is unknown or not trading";
    for problem in [
        format!("feeds.binance.symbols: symbol BTC-USTD {cause}; the nearest known is BTC-USDT\n"),
        format!("feeds.binance.symbols: symbol DOGE-EUR {cause}\n"),
        format!("feeds.backpack.symbols: symbol LUNA-EUR {cause}\n"),
    ] {
        assert!(run.stderr.contains(&problem), "{}", run.stderr);
    }
    // A pattern may have something later.
    let variables = [
        ("CRYPTOFEED_FEEDS_BINANCE__SYMBOLS", "BTC-USTD"),
        ("CRYPTOFEED_FEEDS_BACKPACK__SYMBOLS", "LUNA-*"),
    ];
    let run = workspace.output(&["run", "--duration", "2s"], &variables);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stdout
            .contains(r#""type":"no_match","pattern":"LUNA-*""#)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_streams_all_that_is_listed() {
    let workspace = Workspace::new();
    let world = direct(&workspace).await;
    let variables = [("CRYPTOFEED_FEEDS_BINANCE__SYMBOLS", "*")];
    let run = workspace.start(&["run"], &variables);
    let pairs = world.binance.pairs().len();
    let connected = run.find(|line| line["type"] == "connected" && line["exchange"] == "binance");
    assert_eq!(connected["symbols"], pairs);
    let mut symbols = BTreeSet::new();
    run.find(|line| {
        if line["exchange"] == "binance" && line["type"] == "l2_snapshot" {
            symbols.insert(line["symbol"].to_string());
        }
        symbols.len() == pairs
    });
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[test]
fn without_a_feed_a_minimal_configuration_is_shown() {
    let run = Workspace::new().output(&["run"], &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("binance: {symbols: [BTC-USDT]}"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_log_filter_that_is_not_understood_is_a_usage_error() {
    for filter in ["verbose", "a=b=c", "feedz=info", "socks5h://u:s3cret@h:1"] {
        let by_variable = Workspace::new().output(&["run"], &[("CRYPTOFEED_LOG", filter)]);
        let by_argument = Workspace::new().output(&["run", "--log", filter], &[]);
        for run in [by_variable, by_argument] {
            assert_eq!(run.code, Some(2));
            assert!(run.stderr.contains("log filter"), "{}", run.stderr);
            assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
        }
    }
    // An empty variable is how containers set none.
    let check = Workspace::new().output(&["check"], &[("CRYPTOFEED_LOG", "")]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
}
