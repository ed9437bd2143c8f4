//! What requests and dials use of the budgets of an exchange.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use feeds::exchange::{Draw, Draws, TradeHole, Window, faults};
use feeds::{Channel, EXCHANGES, Exchange, FeedEventKind, Instrument};
use http::Request;

use crate::fake::{Dial, Events, Rig, ok};
use crate::fixtures::symbol;
use crate::tape::Tape;

/// What the requests of an exchange use: `metadata 20 of 6000 in 60s: weight`.
fn used(exchange: &dyn Exchange) -> Vec<String> {
    let instrument = Instrument::new(symbol("BTC-USDT"), "BTCUSDT");
    let hole = TradeHole {
        after_id: 1,
        after_ns: None,
        before_id: 9,
    };
    let trades = exchange.trades_request(&instrument, &hole, None).unwrap();
    let snapshot = exchange.snapshot_request(&instrument, 1000).unwrap();
    let activity = |channel| exchange.activity_request(&[channel]).unwrap();
    let requests: [(&str, Option<Request<Bytes>>); 6] = [
        ("metadata", exchange.metadata_request().ok()),
        ("ping", exchange.ping_request().ok()),
        ("snapshot", snapshot),
        ("trades", trades),
        ("activity", activity(Channel::Ticker)),
        ("activity of trades", activity(Channel::Trades)),
    ];
    let mut used = Vec::new();
    for (what, request) in requests {
        for draw in Draws::of(request.unwrap_or_default().extensions()).iter() {
            let Draw { window, units } = draw;
            let Window {
                name,
                units: of,
                per,
                ..
            } = window;
            used.push(format!("{what} {units} of {of} in {per:?}: {name}"));
        }
    }
    used
}

#[test]
fn every_request_says_what_it_uses() {
    let exchanges = EXCHANGES.iter().map(|it| (it.id, used(&*(it.default)())));
    let expected = [
        ("backpack", vec![]),
        (
            "binance",
            vec![
                "metadata 20 of 6000 in 60s: weight",
                "ping 1 of 6000 in 60s: weight",
                "snapshot 50 of 6000 in 60s: weight",
                "trades 25 of 6000 in 60s: weight",
                "activity 4 of 6000 in 60s: weight",
                "activity of trades 80 of 6000 in 60s: weight",
            ],
        ),
        (
            "kraken",
            vec![
                "metadata 1 of 1 in 1s: requests",
                "ping 1 of 1 in 1s: requests",
                "trades 1 of 1 in 1s: requests",
                "activity 1 of 1 in 1s: requests",
                "activity of trades 1 of 1 in 1s: requests",
            ],
        ),
        (
            "okx",
            vec![
                "metadata 1 of 20 in 2s: instruments",
                "ping 1 of 10 in 2s: time",
                "trades 1 of 20 in 2s: history-trades",
                "activity 1 of 20 in 2s: tickers",
                "activity of trades 1 of 20 in 2s: tickers",
            ],
        ),
    ];
    let expected = expected.map(|(id, used)| (id, used.into_iter().map(str::to_owned).collect()));
    assert_eq!(
        exchanges.collect::<BTreeMap<_, _>>(),
        BTreeMap::from(expected)
    );
}

#[tokio::test(start_paused = true)]
async fn a_dial_uses_one_of_the_dials_that_the_exchange_allows() {
    let dials = Window::new("dials", 7, Duration::from_secs(70));
    for limit in [None, Some(dials)] {
        let mut exchange = Tape::default();
        exchange.limits.dials = limit;
        let rig = Rig::new([ok("A-B")], vec![Dial::Open(vec![])]);
        let mut events = Events::of(rig.feed(exchange, &["A-B"], &[Channel::Trades]), 64);
        let event = events.next().await;
        assert!(matches!(event, FeedEventKind::Connected { .. }));
        let dials = rig.ws.dials.lock().unwrap();
        let expected = limit.map(|window| Draw { window, units: 1 });
        assert_eq!(*dials[0].1.draws, *expected.as_slice());
    }
}

#[test]
fn a_request_that_uses_what_no_limit_lists_does_not_fit() {
    let unlisted = Window::new("orders", 10, Duration::from_secs(1));
    let [listed] = *Tape::default().limits.rest else {
        panic!("one budget");
    };
    for (window, units, expected) in [
        (listed, 6000, None),
        (listed, 6001, Some("6001 of 6000 units of weight")),
        (listed, 0, Some("0 of 6000 units of weight")),
        (unlisted, 1, Some("orders is not in the limits")),
    ] {
        let exchange = Tape {
            draws: Draws::from(Draw { window, units }),
            ..Tape::default()
        };
        // It has no requests for snapshots and trades.
        let expected: Vec<_> = ["metadata", "ping"]
            .iter()
            .filter_map(|what| Some(format!("{what} request: {}", expected?)))
            .collect();
        assert_eq!(faults(&exchange), expected);
    }
}
