//! A feed of the mock of OKX.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use feeds::{Channel, Feed, FeedEventKind, InvalidReason, Okx, OrderBook, Subscription};
use proxy_config::{ExchangeId, ProxySettings};
use proxy_injector::ProxyInjector;
use testkit::{Fault, MockExchange};

use crate::fake::Events;
use crate::fixtures::symbol;

fn follow(exchange: &MockExchange) -> Events {
    let injector = Arc::new(ProxyInjector::new(ProxySettings::disabled()));
    let scope = injector.exchange(ExchangeId::new("okx").unwrap());
    let feed = Feed::new(
        Arc::new(Okx::new(&exchange.rest_url(), &exchange.ws_url()).unwrap()),
        Subscription::new([symbol("BTC-USDT")], Channel::ALL).unwrap(),
        Arc::new(scope.http()),
        Arc::new(scope.websocket()),
    );
    Events::of(feed, 64)
}

#[tokio::test]
async fn books_have_the_best_prices_of_their_id_and_mend_themselves() {
    let exchange = Okx::mock().tick_interval(Duration::from_millis(2));
    let exchange = exchange.start().await.unwrap();
    let mut events = follow(&exchange);
    let mut book = OrderBook::new();
    let mut best = HashMap::new();
    let (mut compared, mut trades, mut snapshots, mut gaps) = (0, 0, 0, 0);
    // Half of the comparisons before a change is lost, half after it.
    while compared < 40 || trades < 10 || snapshots < 2 {
        match events.next().await {
            FeedEventKind::Connected { .. } => {}
            FeedEventKind::Trade(_) => trades += 1,
            FeedEventKind::Ticker(ticker) => {
                best.insert(ticker.last_id, [ticker.bid, ticker.ask]);
            }
            FeedEventKind::L2Snapshot(snapshot) => {
                book.apply_snapshot(&snapshot);
                snapshots += 1;
            }
            FeedEventKind::L2Delta(delta) => {
                book.apply_delta(&delta).unwrap();
                if let Some(told) = best.remove(&delta.last_id) {
                    let tops = [book.best_bid(), book.best_ask()];
                    assert_eq!(tops.map(|top| top.map(|level| level.price)), told);
                    compared += 1;
                    if compared == 20 {
                        exchange.inject(Fault::DropDepth(1));
                    }
                }
            }
            FeedEventKind::BookInvalid {
                reason: InvalidReason::Gap { .. },
                ..
            } => {
                book.clear();
                gaps += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((snapshots, gaps), (2, 1));
}
