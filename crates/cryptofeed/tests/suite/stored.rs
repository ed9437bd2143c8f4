//! What a stream of a real NATS server has of trades.

use std::time::Duration;

use feeds::{ExchangeName, FeedEvent, FeedEventKind, Side, Symbol, Trade, TradeId};
use sinks::tail::read_stream;
use sinks::{Fanout, NatsLogin, NatsSettings, NatsSink, NatsStream, OutletSettings, StoredTrades};

use crate::nats_server::{NatsServer, now_ns};
use crate::workspace::Workspace;

fn settings(server: &NatsServer, duplicate_window: Duration) -> NatsSettings {
    NatsSettings {
        stream: NatsStream {
            duplicate_window,
            ..NatsStream::default()
        },
        ..server.settings()
    }
}

fn symbol(number: usize) -> Symbol {
    Symbol::parse(&format!("T{number}-USDT")).unwrap()
}

fn trade(symbol: Symbol, id: u64, backfilled: bool, received_ns: i64) -> FeedEventKind {
    FeedEventKind::Trade(Trade {
        symbol,
        id: Some(TradeId::Number(id)),
        count: 1,
        side: Side::Buy,
        price: 1.into(),
        amount: 1.into(),
        backfilled,
        timestamp_ns: Some(received_ns),
    })
}

/// A stream of the server, and what it has of trades.
async fn opened(server: &NatsServer) -> (NatsSettings, StoredTrades) {
    let settings = settings(server, Duration::from_secs(120));
    let client = settings.server.connect().await.unwrap();
    let stored = StoredTrades::open(client, &settings.stream).await.unwrap();
    (settings, stored)
}

/// One collector stores these.
async fn store(settings: &NatsSettings, received_ns: i64, kinds: Vec<FeedEventKind>) {
    let mut fanout = Fanout::default();
    let sink = NatsSink::new(settings.clone());
    fanout.add("nats", sink, OutletSettings::default());
    for (sequence, kind) in (1..).zip(kinds) {
        fanout.push_event(&FeedEvent {
            sequence,
            exchange: "binance".into(),
            connection: Some(1),
            received_ns,
            kind,
        });
    }
    fanout.send().await.unwrap();
    assert_eq!(fanout.close(Duration::from_secs(20)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_trade_of_many_symbols_is_found_also_behind_one_that_was_fetched() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let (settings, stored) = opened(&server).await;
    let exchange = ExchangeName::from("binance");
    let asked = || {
        (0..300)
            .map(symbol)
            .chain([Symbol::parse("X.Y-USDT").unwrap()])
    };
    assert!(stored.newest(&exchange, asked()).await.unwrap().is_empty());

    let now = now_ns();
    let live = (0..300).flat_map(|number| {
        let id = number as u64;
        [id, id + 1].map(|id| trade(symbol(number), id, false, now))
    });
    let mut kinds: Vec<_> = live.collect();
    kinds.push(trade(symbol(7), 2, true, now));
    store(&settings, now, kinds).await;
    // What waited at a collector that could not reach the server.
    let late = vec![trade(symbol(8), 3, false, now)];
    store(&settings, now - 60_000_000_000, late).await;

    let newest = stored.newest(&exchange, asked()).await.unwrap();
    assert_eq!(newest.len(), 300);
    for number in 0..300 {
        let id = TradeId::Number(number as u64 + 1);
        assert_eq!(newest[&symbol(number)].trade.id, Some(id), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_has_told_to_be_missing_and_has_not_fetched_is_for_its_successor() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let (settings, stored) = opened(&server).await;
    let (exchange, now) = (ExchangeName::from("binance"), now_ns());
    let live = |id| trade(symbol(1), id, false, now);
    let fetched = |id| trade(symbol(1), id, true, now);
    let gap = |from, to| FeedEventKind::TradeGap {
        symbol: symbol(1),
        from,
        to,
    };
    let begun = vec![live(1), live(2), gap(3, 4), live(5), gap(6, 7), live(8)];
    for (kinds, expected) in [
        (vec![live(1), live(2)], (2, None)),
        (begun, (8, Some(2))),
        (vec![fetched(3)], (8, Some(2))),
        (vec![fetched(4)], (8, Some(5))),
        (vec![fetched(7), fetched(6)], (8, None)),
    ] {
        store(&settings, now, kinds).await;
        let newest = stored.newest(&exchange, [symbol(1)]).await.unwrap();
        let newest = &newest[&symbol(1)];
        let id = |trade: &Trade| match trade.id {
            Some(TradeId::Number(id)) => id,
            _ => 0,
        };
        let found = (id(&newest.trade), newest.before_missing.as_ref().map(id));
        assert_eq!(found, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_that_waits_for_longer_than_the_server_knows_it_is_stored_once() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let settings = settings(&server, Duration::from_millis(200));
    let received_ns = now_ns();
    let trades = |ids: std::ops::RangeInclusive<u64>| {
        let trades = ids.map(|id| trade(symbol(1), id, false, received_ns));
        trades.collect::<Vec<_>>()
    };
    store(&settings, received_ns, trades(1..=5)).await;
    // The server forgets by its own clock.
    tokio::time::sleep(Duration::from_secs(1)).await;
    store(&settings, received_ns, trades(3..=7)).await;
    let summary = read_stream(&settings.server, "MD").await.unwrap();
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!(summary.trades, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_may_not_log_in_shows_no_secret() {
    let workspace = Workspace::new();
    let users = "authorization: {user: alice, password: s3cret-word}";
    let Some(server) = NatsServer::start(&workspace, users) else {
        return;
    };
    let mut settings = settings(&server, Duration::from_secs(120));
    settings.server.login = NatsLogin::Password {
        username: "alice".to_owned(),
        password: "an0ther-word".to_owned(),
    };
    let refused = settings.server.connect().await.unwrap_err();
    let shown = format!("{refused} {refused:?}");
    assert!(
        !shown.contains("an0ther-word") && !shown.contains("alice"),
        "{shown}"
    );
}
