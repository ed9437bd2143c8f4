//! A second connection that takes over from the first one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use feeds::exchange::Acknowledgement;
use feeds::{Binance, Channel, FeedEventKind, TradeId};
use tokio::time::{Instant, sleep};
use transport::Message;

use crate::fake::{Dial, Events, LISTED, Rig, Step, depth, dial_error, ok, say, snapshot, trade};
use crate::tape::Tape;

const HOUR: u64 = 3600;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn shutdown() -> Step {
    say(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#)
}

/// A change of a book that the exchange tells so many milliseconds later.
pub(crate) fn later(step: Step, ms: u64) -> Step {
    let Step::Send(message) = step else {
        panic!("no change");
    };
    let time = 1_723_161_255_208 + ms;
    say(message
        .as_text()
        .unwrap()
        .replace("1723161255208", &time.to_string()))
}

/// The next events, in a word or two each.
pub(crate) async fn told(events: &mut Events, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < count {
        told.push(match events.next().await {
            FeedEventKind::Connected { replaces, .. } => match replaces {
                Some(number) => format!("connected for {number}"),
                None => "connected".to_owned(),
            },
            FeedEventKind::Disconnected { planned, .. } => match planned {
                true => "ended as planned".to_owned(),
                false => "disconnected".to_owned(),
            },
            FeedEventKind::ReplacementFailed { reason, .. } => reason,
            FeedEventKind::ShutdownAnnounced => "shutdown".to_owned(),
            FeedEventKind::Trade(trade) => match trade.id {
                Some(TradeId::Number(id)) => format!("trade {id}"),
                other => panic!("{other:?}"),
            },
            FeedEventKind::L2Snapshot(book) => format!("snapshot {}", book.last_id.unwrap()),
            FeedEventKind::L2Delta(delta) => format!("change {}", delta.last_id.unwrap()),
            FeedEventKind::Ticker(ticker) => format!("ticker {}", ticker.last_id.unwrap()),
            FeedEventKind::BookInvalid { .. } => "invalid".to_owned(),
            FeedEventKind::NumberingRestarted { .. } => "restarted".to_owned(),
            FeedEventKind::Unsubscribed { symbol, .. } => format!("unsubscribed {symbol}"),
            FeedEventKind::Stale { symbol, .. } => format!("stale {symbol}"),
            FeedEventKind::Live { symbol, .. } => format!("live {symbol}"),
            FeedEventKind::Unanswered { symbols, retry_in } => {
                let names: Vec<_> = symbols.iter().map(ToString::to_string).collect();
                format!("unanswered {} {}", names.join(","), retry_in.as_secs())
            }
            FeedEventKind::Rejected {
                symbols, retry_in, ..
            } => {
                let retry_in = retry_in.map(|retry_in| retry_in.as_secs());
                format!("rejected {} {retry_in:?}", symbols[0])
            }
            other => panic!("{other:?}"),
        });
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_replaced_before_its_end_and_each_trade_comes_once() {
    let of_the_first = (1..=150).flat_map(|id| [trade(id), Step::Wait(600)]);
    let first = of_the_first.chain([Step::Break]).collect();
    let second = (1..=200).map(trade).collect();
    let rig = Rig::new([ok(LISTED)], [Dial::Open(first), Dial::Open(second)]);
    rig.listen();
    let mut events = Events::of(
        rig.feed(Binance::default(), &["BTC-USDT"], &[Channel::Trades])
            .with_silence_limit(seconds(HOUR)),
        1024,
    );
    let all = told(&mut events, 202).await;
    let expected: Vec<_> = (1..=200).map(|id| format!("trade {id}")).collect();
    let trades: Vec<_> = all.iter().filter(|it| it.starts_with("trade")).collect();
    assert_eq!(trades, expected.iter().collect::<Vec<_>>());
    assert_eq!(all[0], "connected");
    assert!(all.contains(&"connected for 1".to_owned()), "{all:?}");
    let dials = rig.dial_times();
    let age = dials[1] - dials[0];
    assert!(
        (seconds(22 * HOUR + 1800)..=seconds(23 * HOUR + 1800)).contains(&age),
        "{age:?}"
    );
    assert!(events.are_over_for(30).await);
    assert_eq!(rig.ws.farewells.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn connections_that_were_opened_together_are_not_replaced_together() {
    let ages = async || {
        let quiet = || Dial::Open(vec![]);
        let rig = Rig::new([ok(LISTED)], [quiet(), quiet()]).with_silence_limit(Duration::MAX);
        rig.listen();
        let mut events = rig.start(Channel::Trades);
        told(&mut events, 2).await;
        let dials = rig.dial_times();
        dials[1] - dials[0]
    };
    let mut seen = vec![ages().await, ages().await, ages().await];
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_book_whose_changes_follow_by_their_ids_goes_on_without_an_interruption() {
    let first = vec![
        depth(1, 10, "8"),
        shutdown(),
        depth(11, 20, "8"),
        Step::Wait(1),
        depth(21, 30, "8"),
        Step::Wait(100),
    ];
    // Cut in other places, and told at other times.
    let second = vec![
        later(depth(5, 15, "8"), 791),
        later(depth(16, 25, "8"), 791),
        later(depth(26, 35, "8"), 791),
        Step::Wait(30),
        depth(36, 40, "8"),
    ];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(first), Dial::Open(second)])
        .with_snapshots([snapshot(10)]);
    rig.listen();
    let mut events = rig.start(Channel::L2Book);
    assert_eq!(
        told(&mut events, 8).await,
        [
            "connected",
            "snapshot 10",
            "shutdown",
            "change 20",
            "change 30",
            "connected for 1",
            "change 35",
            "change 40"
        ]
    );
    assert!(events.are_over_for(60).await);
    assert_eq!(rig.http.requests.lock().unwrap().len(), 2, "one snapshot");
}

#[tokio::test(start_paused = true)]
async fn a_book_that_begins_with_the_connection_is_told_as_it_is_when_that_takes_over() {
    let first = vec![
        say("snapshot A-B 5 9x1"),
        say("change A-B 5>6 9x2"),
        say("shutdown"),
        Step::Wait(1),
        say("change A-B 6>7 8x7"),
        Step::Wait(100),
    ];
    let second = vec![
        say("snapshot A-B 6 9x2"),
        Step::Wait(1),
        say("change A-B 6>7 8x7"),
        say("change A-B 7>8 7x8"),
        Step::Wait(10),
        say("change A-B 8>9 6x9"),
    ];
    let rig = Rig::new([ok("A-B")], [Dial::Open(first), Dial::Open(second)]);
    rig.listen();
    let mut events = Events::of(rig.feed(Tape::default(), &["A-B"], &[Channel::L2Book]), 64);
    assert_eq!(
        told(&mut events, 5).await,
        [
            "connected",
            "snapshot 5",
            "change 6",
            "shutdown",
            "change 7"
        ]
    );
    assert_eq!(told(&mut events, 1).await, ["connected for 1"]);
    let FeedEventKind::L2Snapshot(book) = events.next().await else {
        panic!("no snapshot");
    };
    assert_eq!((book.last_id, book.epoch), (Some(8), 2));
    assert_eq!(book.bids.len(), 3);
    assert_eq!(told(&mut events, 1).await, ["change 9"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_meanwhile_loses_nothing_once_the_second_is_open() {
    let first = || {
        let mut steps = vec![Step::Wait(20), trade(1), shutdown()];
        steps.extend([Step::Wait(1), trade(2), Step::Break]);
        Dial::Open(steps)
    };
    let second = vec![trade(2), trade(3), trade(4)];
    let after = async |second| {
        let rig = Rig::new([ok(LISTED)], [first(), second]);
        rig.listen();
        let mut events = rig.start(Channel::Trades);
        let all = told(&mut events, 7).await;
        assert_eq!(all[..4], ["connected", "trade 1", "shutdown", "trade 2"]);
        (all[4..].to_vec(), rig)
    };
    let (all, _) = after(Dial::Open(second.clone())).await;
    assert_eq!(all, ["connected for 1", "trade 3", "trade 4"]);
    // Its dial is not given up, either.
    let (all, rig) = after(Dial::Late(5, second)).await;
    assert_eq!(all, ["ended as planned", "connected", "trade 3"]);
    assert_eq!(rig.dial_times().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_that_fails_is_told_and_tried_again_while_the_first_goes_on() {
    let first = vec![
        Step::Wait(20),
        shutdown(),
        Step::Wait(60),
        trade(1),
        Step::Wait(60),
    ];
    let fail = Dial::Fail(dial_error(transport::DialErrorKind::Refused));
    let cut = Dial::Open(vec![Step::Break]);
    let rig = Rig::new(
        [ok(LISTED)],
        [
            Dial::Open(first),
            fail,
            cut,
            Dial::Open(vec![trade(1), trade(2)]),
        ],
    );
    rig.listen();
    let mut events = rig.start(Channel::Trades);
    assert_eq!(
        told(&mut events, 6).await,
        [
            "connected",
            "shutdown",
            "failed to connect to exchange.example:443: connection refused",
            "stream.binance.com:9443: failed to keep the websocket open: the connection broke: reset by peer",
            "connected for 1",
            "trade 1",
        ]
    );
    assert_eq!(told(&mut events, 1).await, ["trade 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_close_of_a_second_connection_is_told_with_its_code_and_reason() {
    let close = Message::Close(Some((1008, "Too many requests".to_owned())));
    let script = [vec![shutdown()], vec![Step::Send(close)], vec![]];
    let rig = Rig::new([ok(LISTED)], script.map(Dial::Open));
    rig.listen();
    let mut events = rig.start(Channel::Trades);
    assert_eq!(
        told(&mut events, 4).await,
        [
            "connected",
            "shutdown",
            "stream.binance.com:9443: closed by the exchange: 1008 Too many requests",
            "connected for 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_is_told_and_each_symbol_asked_for_apart() {
    let mut exchange = Tape::default();
    exchange.rules.acknowledgement = Acknowledgement::PerStream;
    exchange.limits.streams_per_request = Some(2);
    let script = ["ack 1 A-B", "ack 1 C-D", "refuse 2 E-F"];
    let rig = Rig::new(
        [ok("A-B C-D E-F G-H")],
        [Dial::Open(script.map(say).into())],
    );
    let spoken = rig.listen();
    let names = ["A-B", "C-D", "E-F", "G-H"];
    let mut events = Events::of(rig.feed(exchange, &names, &[Channel::Trades]), 64);
    let start = Instant::now();
    assert_eq!(
        told(&mut events, 3).await,
        ["connected", "rejected E-F Some(60)", "unanswered G-H 60"]
    );
    assert_eq!(start.elapsed(), seconds(10));
    assert_eq!(told(&mut events, 1).await, ["unanswered E-F 120"]);
    assert_eq!(start.elapsed(), seconds(70));
    sleep(seconds(1)).await;
    let spoken = spoken.lock().unwrap();
    let said: Vec<_> = spoken.iter().map(|(_, said)| said.as_text()).collect();
    assert_eq!(
        said,
        [
            Some("subscribe 3 E-F:trades"),
            Some("subscribe 4 G-H:trades")
        ]
    );
}
