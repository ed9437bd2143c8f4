//! Symbols that programs share among themselves, at every exchange.

use std::sync::Arc;
use std::time::Duration;

use feeds::{
    BookStatus, Channel, EXCHANGES, Feed, FeedEventKind, Subscription, Symbol, SymbolFilter,
    SymbolPattern,
};

use super::client;
use crate::fake::Events;
use crate::fixtures::symbol;

fn only(symbols: &[Symbol]) -> SymbolFilter {
    let symbols = symbols.to_vec();
    SymbolFilter::new(move |symbol| symbols.contains(symbol))
}

/// A symbol goes to another program and one comes, while a third stays.
#[tokio::test]
async fn what_comes_into_a_share_and_what_leaves_it_does_not_touch_what_stays() {
    for registration in EXCHANGES {
        let exchange = (registration.mock)().symbols(3);
        let exchange = exchange.tick_interval(Duration::from_millis(10));
        let exchange = exchange.start().await.unwrap();
        let scope = client::direct();
        let pairs: Vec<_> = exchange.pairs().iter().map(|pair| symbol(pair)).collect();
        let feed = Feed::new(
            (registration.at)(&exchange.rest_url(), &exchange.ws_url()).unwrap(),
            Subscription::new([SymbolPattern::parse("*").unwrap()], Channel::ALL).unwrap(),
            Arc::new(scope.http()),
            Arc::new(scope.websocket()),
        );
        let handle = feed.handle();
        handle.limit_to(only(&pairs[..2]));
        let mut events = Events::of(feed, 64);
        let mut snapshots = Vec::new();
        let mut left = None;
        while left.is_none() || snapshots.len() < 3 {
            match events.next().await {
                FeedEventKind::L2Snapshot(it) => {
                    snapshots.push(it.symbol);
                    if snapshots.len() == 2 {
                        handle.limit_to(only(&pairs[1..3]));
                    }
                }
                FeedEventKind::Unsubscribed { symbol, .. } => left = Some(symbol),
                FeedEventKind::BookInvalid { symbol, .. } => assert_eq!(symbol, pairs[0]),
                FeedEventKind::Connected { .. }
                | FeedEventKind::Trade(_)
                | FeedEventKind::Ticker(_)
                | FeedEventKind::L2Delta(_) => {}
                other => panic!("{}: {other:?}", registration.id),
            }
        }
        assert_eq!(left.as_ref(), Some(&pairs[0]), "{}", registration.id);
        assert_eq!(snapshots[2], pairs[2], "{}", registration.id);
        let status = handle.status();
        let streamed = status.symbols.iter().map(|it| &it.symbol);
        assert!(streamed.eq(&pairs[1..3]), "{status:?}");
        assert_eq!(status.connections[0].number, 1);
        let is_live = |book: &Option<BookStatus>| *book == Some(BookStatus::Live);
        assert!(status.symbols.iter().all(|it| is_live(&it.book)));
        assert_eq!(exchange.violations(), [], "{}", registration.id);
    }
}
