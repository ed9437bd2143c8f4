//! A program dies, and another goes on after what is stored, at every exchange.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use feeds::{
    Channel, EXCHANGES, Feed, FeedEventKind, FeedHandle, Registration, Subscription, Symbol, Trade,
    TradeId,
};
use futures_util::future::join_all;
use testkit::MockExchange;
use tokio::time::{sleep, timeout};

use super::client;
use crate::fake::queue_of;
use crate::fixtures::symbol;

/// What is stored of a symbol.
#[derive(Default)]
struct Stored {
    ids: BTreeSet<u64>,
    last_ns: Option<i64>,
    late: usize,
}

impl Stored {
    fn take(&mut self, trade: &Trade) {
        let Some(TradeId::Number(last)) = trade.id else {
            panic!("no number");
        };
        for id in last + 1 - u64::from(trade.count)..=last {
            assert!(self.ids.insert(id), "{id} twice");
        }
        if self.ids.last() == Some(&last) {
            self.last_ns = trade.timestamp_ns;
        }
        self.late += usize::from(trade.backfilled);
    }

    fn is_whole(&self) -> bool {
        let (first, last) = (self.ids.first().unwrap(), self.ids.last().unwrap());
        self.ids.len() as u64 == last - first + 1
    }
}

fn feed(exchange: &Registration, mock: &MockExchange) -> Feed {
    let scope = client::direct();
    let symbols = mock.pairs();
    let symbols = symbols.iter().map(|pair| symbol(pair));
    Feed::new(
        (exchange.at)(&mock.rest_url(), &mock.ws_url()).unwrap(),
        Subscription::new(symbols, [Channel::Trades]).unwrap(),
        Arc::new(scope.http()),
        Arc::new(scope.websocket()),
    )
}

/// Stores the trades of `feed` until `is_enough`, and then ends it without a word.
async fn run(
    feed: Feed,
    stored: &mut BTreeMap<Symbol, Stored>,
    is_enough: impl Fn(&BTreeMap<Symbol, Stored>) -> bool,
) {
    let (queue, mut events) = queue_of(1024);
    let running = tokio::spawn(feed.run(queue));
    while !is_enough(stored) {
        match events.recv().await.unwrap().kind {
            FeedEventKind::Trade(trade) => {
                stored.entry(trade.symbol.clone()).or_default().take(&trade);
            }
            FeedEventKind::Connected { .. } | FeedEventKind::TradeGap { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    running.abort();
}

/// Tells `handle` the last trade of each symbol.
fn go_on(handle: &FeedHandle, stored: &BTreeMap<Symbol, Stored>) {
    for (symbol, stored) in stored {
        let last = TradeId::Number(*stored.ids.last().unwrap());
        handle.backfill(symbol.clone(), &last, stored.last_ns);
    }
}

async fn check(exchange: &Registration) {
    let mock = (exchange.mock)().start().await.unwrap();
    let pairs = mock.pairs().len();
    let mut stored = BTreeMap::new();
    run(feed(exchange, &mock), &mut stored, |stored| {
        stored.len() == pairs && stored.values().all(|it| it.ids.len() >= 5)
    })
    .await;
    sleep(Duration::from_millis(500)).await;
    let next = feed(exchange, &mock);
    go_on(&next.handle(), &stored);
    run(next, &mut stored, |stored| {
        stored.values().all(|it| it.late > 0 && it.is_whole())
    })
    .await;
    assert_eq!(mock.violations(), [], "{}", exchange.id);
}

#[tokio::test]
async fn no_trade_is_missing_and_none_comes_twice_when_another_goes_on() {
    let all = timeout(
        Duration::from_secs(60),
        join_all(EXCHANGES.iter().map(check)),
    )
    .await;
    all.expect("something is missing for a minute");
}
