//! The state that a handle tells.

use feeds::{BookStatus, Channel, InvalidReason};
use serde_json::json;

use super::{Market, open_later, patterns, seconds};

#[tokio::test(start_paused = true)]
async fn the_status_has_every_symbol_channel_book_and_connection() {
    let mut market = Market::start(
        &["A-B C-D"],
        vec![open_later(&[
            (1, "snapshot A-B 1 9x1 10x2; trade C-D 1 0"),
            (10, "change A-B 1>2 9x0 9.5x1"),
            (10, "change A-B 7>8 9x0"),
        ])],
        &["A-B", "C-D", "A-C", "*-X"],
        &[Channel::Trades, Channel::L2Book],
    );
    assert!(!market.handle.status().is_listed);
    seconds(5).await;
    let status = serde_json::to_value(market.handle.status()).unwrap();
    let mut events = Vec::new();
    while events.len() < 5 {
        events.push(market.events.recv().await.unwrap());
    }
    let at = |kind: &str| {
        let is_this =
            |event: &&feeds::FeedEvent| serde_json::to_value(event).unwrap()["type"] == kind;
        events.iter().find(is_this).unwrap().received_ns
    };
    assert_eq!(
        status,
        json!({
            "exchange": "tape",
            "is_listed": true,
            "symbols": [
                {
                    "symbol": "A-B", "is_trading": true, "nearest": [], "connection": 1,
                    "channels": [
                        {"channel": "trades", "last_event_ns": null},
                        {"channel": "l2_book", "last_event_ns": at("l2_snapshot")},
                    ],
                    "book": "live",
                },
                {
                    "symbol": "A-C", "is_trading": false, "nearest": [], "connection": null,
                    "channels": [], "book": null,
                },
                {
                    "symbol": "C-D", "is_trading": true, "nearest": [], "connection": 1,
                    "channels": [
                        {"channel": "trades", "last_event_ns": at("trade")},
                        {"channel": "l2_book", "last_event_ns": null},
                    ],
                    "book": "joining",
                },
            ],
            "unmatched": ["*-X"],
            "connections": [
                {"number": 1, "opened_ns": at("connected"), "proxies": [], "symbols": 2},
            ],
        })
    );
    market.told_within(20).await;
    let book = &market.handle.status().symbols[0].book;
    let gap = InvalidReason::Gap {
        expected: 2,
        received: 7,
    };
    assert_eq!(*book, Some(BookStatus::Invalid(gap)));

    market.handle.unsubscribe(patterns("A-* *-X"));
    seconds(1).await;
    let status = market.handle.status();
    assert_eq!(status.symbols.len(), 1);
    assert_eq!(status.connections[0].symbols, 1);
    assert!(status.unmatched.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_is_in_no_status() {
    let cut = super::Dial::Open(vec![super::Step::Wait(5), super::Step::Break]);
    let market = Market::start(&["A-B"], vec![cut], &["A-B"], &[Channel::Trades]);
    seconds(1).await;
    assert_eq!(market.handle.status().connections.len(), 1);
    seconds(10).await;
    let status = market.handle.status();
    assert!(status.connections.is_empty());
    assert!(status.symbols[0].is_trading && status.symbols[0].connection.is_none());
}
