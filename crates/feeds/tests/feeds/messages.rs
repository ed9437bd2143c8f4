//! Messages that are no data, and subscribers that are slow.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use feeds::{Binance, Channel, FeedEventKind, TradeId};
use tokio::time::sleep;
use transport::Message;

use crate::fake::{Dial, Events, LISTED, Rig, Step, ok, say, trade};

#[tokio::test(start_paused = true)]
async fn what_is_not_understood_is_an_event_and_the_connection_stays() {
    let script = vec![
        say(r#"{"e":"newThing","x":1}"#),
        say("not json\n"),
        Step::Send(Message::Binary(Bytes::from_static(b"\x01\"bin"))),
        Step::Send(Message::Text(Bytes::from_static(b"{\"e\":\"\xff\"}"))),
        say(r#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#),
        say(r#"{"code":3,"msg":"Invalid JSON"}"#),
        say(r#"{"result":null,"id":1}"#),
        Step::Send(Message::Pong(Bytes::new())),
        trade(1),
    ];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]);
    let mut events = rig.start(Channel::Trades);
    let mut told = Vec::new();
    while told.len() < 8 {
        told.push(match events.next().await {
            FeedEventKind::Unknown { kind, excerpt, .. } => format!("unknown {kind}: {excerpt}"),
            FeedEventKind::Malformed {
                reason, excerpt, ..
            } => format!("malformed {reason}: {excerpt}"),
            FeedEventKind::Rejected { code, message, .. } => {
                format!("rejected {} {message}", code.unwrap())
            }
            FeedEventKind::Trade(trade) => format!("trade {}", trade.id.unwrap()),
            FeedEventKind::Connected { .. } => "connected".to_owned(),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(
        told,
        [
            "connected",
            r#"unknown newThing: {"e":"newThing","x":1}"#,
            "malformed expected ident at line 1 column 2: not json",
            "malformed binary, not text: \u{1}\"bin",
            "malformed not utf-8: {\"e\":\"\u{fffd}\"}",
            "rejected 2 Invalid request",
            "rejected 3 Invalid JSON",
            "trade 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_holds_up_the_exchange_and_loses_nothing() {
    let mut script: Vec<_> = (1..=50).map(trade).collect();
    script.push(Step::Wait(60));
    script.push(trade(51));
    let rig = Rig::new([ok(LISTED)], [Dial::Open(script)]);
    let feed = rig.feed(Binance::default(), &["BTC-USDT"], &[Channel::Trades]);
    let mut events = Events::of(feed, 4);

    // Much longer than an exchange may be silent.
    sleep(Duration::from_secs(1000)).await;
    let taken = rig.ws.taken.load(Ordering::Relaxed);
    assert!(taken <= 5, "{taken} messages were taken from the socket");

    assert!(matches!(
        events.next().await,
        FeedEventKind::Connected { .. }
    ));
    for id in 1..=51 {
        let FeedEventKind::Trade(trade) = events.next().await else {
            panic!("not a trade");
        };
        assert_eq!(trade.id, Some(TradeId::Number(id)));
    }
}
