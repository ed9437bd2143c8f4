//! Trades that the stream does not bring, and REST does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use feeds::exchange::TradeIds;
use feeds::{Channel, EXCHANGES, Feed, FeedEventKind, Registration, Subscription, Symbol, TradeId};
use futures_util::future::join_all;
use testkit::{Fault, MockExchange};
use tokio::time::{sleep, timeout};

use super::client;
use crate::fake::Events;
use crate::fixtures::symbol;

/// The trades of a symbol, as a subscriber sees them.
#[derive(Default)]
struct Seen {
    come: BTreeSet<u64>,
    missing: BTreeSet<u64>,
    /// How many were backfilled.
    late: usize,
}

impl Seen {
    /// Whether nothing is missing.
    fn is_whole(&self) -> bool {
        let all = self.come.last().unwrap() - self.come.first().unwrap() + 1;
        self.missing.is_empty() && self.come.len() as u64 == all
    }
}

async fn start(exchange: &Registration) -> (MockExchange, Events) {
    let mock = (exchange.mock)().start().await.unwrap();
    let scope = client::direct();
    let pairs = mock.pairs();
    let symbols = pairs.iter().map(|pair| symbol(pair));
    let feed = Feed::new(
        (exchange.at)(&mock.rest_url(), &mock.ws_url()).unwrap(),
        Subscription::new(symbols, [Channel::Trades]).unwrap(),
        Arc::new(scope.http()),
        Arc::new(scope.websocket()),
    );
    (mock, Events::of(feed, 1024))
}

/// Takes an event. Nothing comes twice, and nothing is lost.
fn take(seen: &mut BTreeMap<Symbol, Seen>, event: FeedEventKind) {
    match event {
        FeedEventKind::Trade(trade) => {
            let Some(TradeId::Number(last)) = trade.id else {
                panic!("no number");
            };
            let seen = seen.entry(trade.symbol).or_default();
            for id in last + 1 - u64::from(trade.count)..=last {
                assert!(seen.come.insert(id), "{id} twice");
                seen.missing.remove(&id);
            }
            seen.late += usize::from(trade.backfilled);
        }
        FeedEventKind::TradeGap { symbol, from, to } => {
            seen.entry(symbol).or_default().missing.extend(from..=to);
        }
        FeedEventKind::Connected { .. } | FeedEventKind::Disconnected { .. } => {}
        other => panic!("{other:?}"),
    }
}

/// Lets `fault` happen for a while, and then looks whether every trade has come.
async fn check(exchange: &Registration, fault: Fault) {
    let (mock, mut events) = start(exchange).await;
    let mut seen = BTreeMap::new();
    let pairs = mock.pairs().len();
    let has_all = |seen: &BTreeMap<Symbol, Seen>, count: usize| {
        seen.len() == pairs && seen.values().all(|seen| seen.come.len() >= count)
    };
    while !has_all(&seen, 5) {
        take(&mut seen, events.next().await);
    }
    mock.inject(fault.clone());
    sleep(Duration::from_millis(500)).await;
    mock.resume();
    // Of each symbol unless so many trades of any are dropped.
    let is_each = !matches!(fault, Fault::DropTrades(_));
    let is_mended = |seen: &BTreeMap<Symbol, Seen>| {
        let mended = seen.values().filter(|seen| seen.late > 0).count();
        let enough = if is_each { pairs } else { 1 };
        mended >= enough && seen.values().all(Seen::is_whole)
    };
    while !is_mended(&seen) {
        take(&mut seen, events.next().await);
    }
}

/// Exchanges side by side.
async fn check_all(exchanges: impl Iterator<Item = &'static Registration>, fault: Fault) {
    let checks = exchanges.map(|exchange| check(exchange, fault.clone()));
    let all = timeout(Duration::from_secs(60), join_all(checks)).await;
    all.expect("something is missing for a minute");
}

#[tokio::test]
async fn no_trade_is_missing_after_a_cut() {
    check_all(EXCHANGES.iter(), Fault::CloseFrame { code: 1001 }).await;
}

#[tokio::test]
async fn no_trade_is_missing_that_the_stream_left_out() {
    let is_contiguous = |exchange: &&Registration| {
        let codec = (exchange.at)("http://127.0.0.1:1", "ws://127.0.0.1:1").unwrap();
        // Elsewhere, nobody can tell.
        codec.rules().trades == TradeIds::Contiguous
    };
    for fault in [Fault::Mute, Fault::DropTrades(7)] {
        check_all(EXCHANGES.iter().filter(is_contiguous), fault).await;
    }
}

/// Has an exchange number its trades anew, and takes some of the new ones.
async fn restart(exchange: &Registration) {
    let (mock, mut events) = start(exchange).await;
    let pairs = mock.pairs().len();
    let (mut seen, mut restarted) = (BTreeMap::new(), BTreeMap::new());
    while seen.len() < pairs {
        take(&mut seen, events.next().await);
    }
    mock.inject(Fault::RestartIds);
    let has_some = |seen: &Seen| seen.come.len() >= 20 && seen.missing.is_empty();
    while restarted.len() < pairs || !restarted.values().all(has_some) {
        match events.next().await {
            FeedEventKind::NumberingRestarted { symbol } => {
                let before = restarted.insert(symbol, Seen::default());
                assert!(before.is_none(), "{}: restarted twice", exchange.id);
            }
            FeedEventKind::Trade(trade) if !restarted.contains_key(&trade.symbol) => {}
            event => take(&mut restarted, event),
        }
    }
    for (symbol, seen) in &restarted {
        let all = seen.come.last().unwrap() - seen.come.first().unwrap() + 1;
        assert_eq!(seen.come.len() as u64, all, "{} {symbol}", exchange.id);
    }
}

#[tokio::test]
async fn trades_go_on_where_numbering_begins_anew() {
    let all = join_all(EXCHANGES.iter().map(restart));
    let all = timeout(Duration::from_secs(60), all).await;
    all.expect("no new numbers for a minute");
}
