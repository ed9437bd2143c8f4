//! The mocks of the exchanges, over real sockets.

mod backpack;
mod binance;
mod books;
mod client;
mod kraken;
mod listings;
mod missing;
mod okx;
mod silent;
mod tickers;

use std::sync::Arc;
use std::time::Duration;

use feeds::{Channel, EXCHANGES, Feed, FeedEventKind, Subscription};

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
    }
}
