//! The mocks of the exchanges, over real sockets.

mod backpack;
mod binance;
mod books;
mod client;
mod kraken;
mod listings;
mod missing;
mod okx;
mod resumption;
mod share;
mod silent;
mod strict;
mod tickers;

use std::sync::Arc;
use std::time::Duration;

use feeds::{BookStatus, Channel, EXCHANGES, Feed, FeedEventKind, Subscription, Symbol};

use crate::fake::Events;
use crate::fixtures::symbol;

#[tokio::test]
async fn the_codec_of_every_exchange_follows_its_mock() {
    for registration in EXCHANGES {
        let exchange = (registration.mock)().tick_interval(Duration::from_millis(2));
        let exchange = exchange.start().await.unwrap();
        let scope = client::direct();
        let pairs = exchange.pairs();
        let feed = Feed::new(
            (registration.at)(&exchange.rest_url(), &exchange.ws_url()).unwrap(),
            Subscription::new(pairs.iter().map(|pair| symbol(pair)), Channel::ALL).unwrap(),
            Arc::new(scope.http()),
            Arc::new(scope.websocket()),
        );
        let mut events = Events::of(feed, 64);
        let (mut trades, mut tickers, mut snapshots, mut changes) = (0, 0, 0, 0);
        while trades < 10 || tickers < 10 || snapshots < pairs.len() || changes < 100 {
            match events.next().await {
                FeedEventKind::Connected { .. } => {}
                FeedEventKind::Trade(_) => trades += 1,
                FeedEventKind::Ticker(_) => tickers += 1,
                FeedEventKind::L2Snapshot(_) => snapshots += 1,
                FeedEventKind::L2Delta(_) => changes += 1,
                other => panic!("{}: {other:?}", registration.id),
            }
        }
        assert_eq!(exchange.violations(), [], "{}", registration.id);
    }
}

#[tokio::test]
async fn symbols_come_and_go_on_one_connection_at_every_exchange() {
    for registration in EXCHANGES {
        let exchange = (registration.mock)().tick_interval(Duration::from_millis(10));
        let exchange = exchange.start().await.unwrap();
        let scope = client::direct();
        let pairs: Vec<_> = exchange.pairs().iter().map(|pair| symbol(pair)).collect();
        let feed = Feed::new(
            (registration.at)(&exchange.rest_url(), &exchange.ws_url()).unwrap(),
            Subscription::new([pairs[0].clone()], Channel::ALL).unwrap(),
            Arc::new(scope.http()),
            Arc::new(scope.websocket()),
        );
        let handle = feed.handle();
        let mut events = Events::of(feed, 64);
        let is_snapshot = |wanted: &Symbol, event: FeedEventKind| match event {
            FeedEventKind::L2Snapshot(it) => (it.symbol == *wanted).then_some(()),
            FeedEventKind::Rejected { .. } | FeedEventKind::Disconnected { .. } => {
                panic!("{}: {event:?}", registration.id)
            }
            _ => None,
        };
        events.find(|event| is_snapshot(&pairs[0], event)).await;
        // Twice, to see that what has been left can be had again.
        for (new, old) in [(1, 0), (0, 1), (1, 0)] {
            handle.subscribe([pairs[new].clone()]);
            events.find(|event| is_snapshot(&pairs[new], event)).await;
            handle.unsubscribe([pairs[old].clone()]);
            let is_left = |event| match event {
                FeedEventKind::Unsubscribed { symbol, .. } => Some(symbol),
                _ => None,
            };
            assert_eq!(events.find(is_left).await, pairs[old]);
            let mut changes = 0;
            while changes < 50 {
                let event = events.next_event().await;
                assert_ne!(event.symbol(), Some(&pairs[old]), "{event:?}");
                match event.kind {
                    FeedEventKind::L2Delta(_) => changes += 1,
                    FeedEventKind::Trade(_) | FeedEventKind::Ticker(_) => {}
                    other => panic!("{}: {other:?}", registration.id),
                }
            }
        }
        let status = handle.status();
        assert_eq!((status.symbols.len(), status.connections.len()), (1, 1));
        assert_eq!(status.symbols[0].book, Some(BookStatus::Live));
        assert_eq!(status.connections[0].number, 1);
        assert_eq!(exchange.violations(), [], "{}", registration.id);
    }
}
