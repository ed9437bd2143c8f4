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
    let assigned_ns = status["symbols"][2]["book_since_ns"].clone();
    assert!(assigned_ns.is_i64());
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
                    "symbol": "A-B", "is_trading": true, "nearest": [], "connection": 1, "group": 1,
                    "channels": [
                        {"channel": "trades", "last_event_ns": null, "events": 0, "stale_since_ns": null, "gaps": 0},
                        {"channel": "l2_book", "last_event_ns": at("l2_snapshot"), "events": 1, "stale_since_ns": null, "gaps": 0},
                    ],
                    "book": "live", "book_since_ns": at("l2_snapshot"),
                },
                {
                    "symbol": "A-C", "is_trading": false, "nearest": [], "connection": null, "group": null,
                    "channels": [], "book": null, "book_since_ns": null,
                },
                {
                    "symbol": "C-D", "is_trading": true, "nearest": [], "connection": 1, "group": 1,
                    "channels": [
                        {"channel": "trades", "last_event_ns": at("trade"), "events": 1, "stale_since_ns": null, "gaps": 0},
                        {"channel": "l2_book", "last_event_ns": null, "events": 0, "stale_since_ns": null, "gaps": 0},
                    ],
                    "book": "joining", "book_since_ns": assigned_ns,
                },
            ],
            "unmatched": ["*-X"],
            "connections": [
                {"number": 1, "opened_ns": at("connected"), "proxies": [], "symbols": 2, "group": 1, "events": 2},
            ],
            "outages": [],
        })
    );
    market.told_within(20).await;
    let book = &market.handle.status().symbols[0].book;
    let gap = InvalidReason::Gap {
        expected: 2,
        received: 7,
    };
    assert_eq!(*book, Some(BookStatus::Invalid(gap)));
    let status = &market.handle.status().symbols[0];
    assert!(status.book_since_ns > assigned_ns.as_i64());
    let gaps: Vec<_> = status.channels.iter().map(|it| it.gaps).collect();
    assert_eq!(gaps, [0, 1]);

    market.handle.unsubscribe(patterns("A-* *-X"));
    seconds(1).await;
    let status = market.handle.status();
    assert_eq!(status.symbols.len(), 1);
    assert_eq!(status.connections[0].symbols, 1);
    assert!(status.unmatched.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_is_an_outage_until_the_next_one_is_open() {
    let cut = super::Dial::Open(vec![super::Step::Wait(5), super::Step::Break]);
    let again = super::Dial::Late(20, vec![]);
    let market = Market::start(&["A-B"], vec![cut, again], &["A-B"], &[Channel::Trades]);
    seconds(1).await;
    assert_eq!(market.handle.status().connections.len(), 1);
    seconds(10).await;
    let status = market.handle.status();
    assert!(status.connections.is_empty());
    assert!(status.symbols[0].is_trading && status.symbols[0].connection.is_none());
    let [outage] = &status.outages[..] else {
        panic!("{:?}", status.outages);
    };
    assert_eq!(outage.group, status.symbols[0].group);
    assert_eq!((outage.symbols, outage.attempt), (1, 1));
    assert!(!outage.reason.is_empty());
    seconds(20).await;
    let status = market.handle.status();
    assert!(status.outages.is_empty());
    assert_eq!(status.connections[0].number, 2);
}
