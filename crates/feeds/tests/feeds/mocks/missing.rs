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
    /// Whether something was missing, and nothing is.
    fn is_whole(&self) -> bool {
        let all = self.come.last().unwrap() - self.come.first().unwrap() + 1;
        self.late > 0 && self.missing.is_empty() && self.come.len() as u64 == all
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
    mock.inject(fault);
    sleep(Duration::from_millis(500)).await;
    mock.resume();
    while !(seen.values().all(Seen::is_whole)) {
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
    check_all(EXCHANGES.iter().filter(is_contiguous), Fault::Mute).await;
}
