//! SIGHUP and the section `feeds`.

use serde_json::Value;
use testkit::{ExchangeTransport, MockExchange};

use crate::child::Running;
use crate::workspace::Workspace;
use crate::world::World;

/// A feed of `exchange`: `binance: {symbols: [BTC-USDT], …}`.
fn feed(name: &str, exchange: &MockExchange, symbols: &str, channels: &str) -> String {
    format!(
        "  {name}: {{symbols: [{symbols}], channels: [{channels}], rest_url: '{}', ws_url: '{}'}}\n",
        exchange.rest_url(),
        exchange.ws_url(),
    )
}

fn write(workspace: &Workspace, feeds: &[String]) {
    let feeds = feeds.concat();
    workspace.file(
        "cryptofeed.yaml",
        &format!("tls: {{ca_file: ca.pem}}\nfeeds:\n{feeds}"),
    );
}

/// How many WebSockets have been opened at `exchange`.
fn streams(exchange: &MockExchange) -> usize {
    let connections = exchange.ledger().connections();
    let is_stream =
        |it: &&testkit::ExchangeConnection| it.transport == ExchangeTransport::WebSocket;
    connections.iter().filter(is_stream).count()
}

fn find(run: &Running, kind: &str, exchange: &str, symbol: &str) -> Value {
    run.find(|line| {
        assert_ne!(line["type"], "disconnected", "{line}");
        line["type"] == kind && line["exchange"] == exchange && line["symbol"] == symbol
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn symbols_and_channels_are_added_and_removed_without_a_new_connection() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let backpack = feed("backpack", &world.backpack, "SOL-USDC", "trades");
    let with = |symbols: &str, channels: &str| {
        let binance = feed("binance", &world.binance, symbols, channels);
        write(&workspace, &[binance, backpack.clone()]);
    };
    with("BTC-USDT", "l2_book");
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    find(&run, "l2_snapshot", "binance", "BTC-USDT");

    with("BTC-USDT, ETH-USDT", "l2_book");
    run.reload();
    find(&run, "l2_snapshot", "binance", "ETH-USDT");
    run.logged(
        "feed changes exchange=binance symbols_added=\"1: ETH-USDT\" symbols_removed=\"0\" \
         channels_added=\"0\" channels_removed=\"0\"",
        1,
    );

    with("ETH-USDT", "l2_book, ticker");
    run.reload();
    let invalid = find(&run, "book_invalid", "binance", "BTC-USDT");
    assert_eq!(invalid["reason"]["kind"], "unsubscribed");
    find(&run, "unsubscribed", "binance", "BTC-USDT");
    find(&run, "ticker", "binance", "ETH-USDT");
    run.logged("channels_added=\"1: ticker\"", 1);
    let mut epoch = None;
    let mut deltas = 0;
    run.find(|line| {
        assert_ne!(line["symbol"], "BTC-USDT", "{line}");
        assert_ne!(line["type"], "book_invalid", "{line}");
        if line["type"] == "l2_delta" {
            let known = epoch.get_or_insert_with(|| line["epoch"].clone());
            assert_eq!(line["epoch"], *known);
            deltas += 1;
        }
        deltas > 20
    });

    run.terminate();
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("applies after a restart"), "{stderr}");
    assert_eq!((streams(&world.binance), streams(&world.backpack)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_are_added_and_removed_and_the_others_are_not_touched() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let binance = feed("binance", &world.binance, "BTC-USDT", "trades");
    let backpack = feed("backpack", &world.backpack, "SOL-USDC", "trades, l2_book");
    write(&workspace, std::slice::from_ref(&binance));
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    find(&run, "trade", "binance", "BTC-USDT");

    write(&workspace, &[binance.clone(), backpack.clone()]);
    run.reload();
    find(&run, "l2_snapshot", "backpack", "SOL-USDC");
    run.logged("feed added exchange=backpack", 1);
    let routes = run.logged("route exchange=backpack", 2);
    let (told, _) = routes.split_once("feed added").unwrap();
    assert_eq!(told.matches("route exchange=backpack").count(), 2, "{told}");

    write(&workspace, std::slice::from_ref(&binance));
    run.reload();
    let invalid = find(&run, "book_invalid", "backpack", "SOL-USDC");
    assert_eq!(invalid["reason"]["kind"], "unsubscribed");
    find(&run, "unsubscribed", "backpack", "SOL-USDC");
    run.logged("feed removed exchange=backpack", 1);
    let mut trades = 0;
    run.find(|line| {
        assert_ne!(line["exchange"], "backpack", "{line}");
        trades += usize::from(line["type"] == "trade");
        trades > 20
    });

    // It may come back at once.
    write(&workspace, &[backpack.clone(), binance.clone()]);
    run.reload();
    find(&run, "l2_snapshot", "backpack", "SOL-USDC");
    run.terminate();
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!((streams(&world.binance), streams(&world.backpack)), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_at_other_addresses_restarts_alone() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let tls = world.ca.server_config(&[]).unwrap();
    let other = feeds::Binance::mock().tls(tls).start().await.unwrap();
    let backpack = feed("backpack", &world.backpack, "SOL-USDC", "trades");
    let at = |binance: &MockExchange| {
        let binance = feed("binance", binance, "BTC-USDT", "l2_book");
        write(&workspace, &[binance, backpack.clone()]);
    };
    at(&world.binance);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    find(&run, "l2_snapshot", "binance", "BTC-USDT");
    at(&other);
    run.reload();
    // The old one is void before the new one comes.
    find(&run, "book_invalid", "binance", "BTC-USDT");
    find(&run, "unsubscribed", "binance", "BTC-USDT");
    let snapshot = find(&run, "l2_snapshot", "binance", "BTC-USDT");
    assert_eq!(snapshot["connection"], 1);
    run.terminate();
    let (code, stderr) = run.finish();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("feed restarts: it has other addresses, another depth or another redundancy exchange=binance")
    );
    let counts = [&world.binance, &other, &world.backpack].map(streams);
    assert_eq!(counts, [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_that_cannot_be_used_change_nothing() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let binance = |symbols, channels| feed("binance", &world.binance, symbols, channels);
    write(&workspace, &[binance("BTC-USDT", "trades")]);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    find(&run, "trade", "binance", "BTC-USDT");
    let wrong = [
        (
            binance("BTC-USDT, ETHUSDT", "trades"),
            "patterns like *-USDT",
        ),
        (binance("ETH-USDT, '-*'", "trades"), "patterns like *-USDT"),
        (
            binance("ETH-USDT", "candles"),
            "expected trades, ticker or l2_book",
        ),
        (binance("", "trades"), "feeds.binance.symbols"),
    ];
    for (count, (feed, problem)) in wrong.into_iter().enumerate() {
        write(&workspace, &[feed]);
        run.reload();
        run.logged("new settings refused; the old ones stay", count + 1);
        run.logged(problem, 1);
        find(&run, "trade", "binance", "BTC-USDT");
    }
    // One that is not trading can be used: it may be listed later.
    write(&workspace, &[binance("BTC-USDT, LUNA-EUR", "trades")]);
    run.reload();
    find(&run, "not_trading", "binance", "LUNA-EUR");
    find(&run, "trade", "binance", "BTC-USDT");
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
    assert_eq!(streams(&world.binance), 1);
}
