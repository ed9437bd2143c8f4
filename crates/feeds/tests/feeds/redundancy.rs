//! Two connections that carry the same.

use std::collections::HashSet;
use std::time::Duration;

use feeds::exchange::BookRules;
use feeds::{Binance, Channel, FeedEvent, FeedEventKind, Redundancy, TradeId};
use tokio::time::sleep;
use transport::{DialErrorKind, Egress};

use crate::fake::{Dial, Events, LISTED, Rig, Step, depth, dial_error, ok, say, snapshot, trade};
use crate::takeover::{later, shutdown};
use crate::tape::{COUNT, Tape, without_ids};

/// An event in a word or two, with the number of its connection.
fn word(event: &FeedEvent) -> String {
    let word = match &event.kind {
        FeedEventKind::Connected { replaces: None, .. } => "connected".to_owned(),
        FeedEventKind::Connected { .. } => "replaced".to_owned(),
        FeedEventKind::Disconnected { .. } => "disconnected".to_owned(),
        FeedEventKind::LineUp { is_apart, .. } => format!("up {is_apart}"),
        FeedEventKind::LineDown { planned: true, .. } => "left".to_owned(),
        FeedEventKind::LineDown { .. } => "down".to_owned(),
        FeedEventKind::ReplacementFailed { .. } => "failed".to_owned(),
        FeedEventKind::ShutdownAnnounced => "shutdown".to_owned(),
        FeedEventKind::Trade(trade) => match &trade.id {
            Some(TradeId::Number(id)) => format!("trade {id}"),
            other => panic!("{other:?}"),
        },
        FeedEventKind::TradeGap { from, to, .. } => format!("gap {from}..{to}"),
        FeedEventKind::L2Snapshot(book) => {
            format!(
                "snapshot {} {}",
                book.epoch,
                book.last_id.unwrap_or_default()
            )
        }
        FeedEventKind::L2Delta(it) => match it.first_id {
            Some(first) => format!("change {first}..{}", it.last_id.unwrap()),
            None => format!("change {}", it.last_id.unwrap_or_default()),
        },
        FeedEventKind::BookInvalid { reason, .. } => format!("invalid {reason:?}"),
        FeedEventKind::Ticker(ticker) => format!("ticker {}", ticker.last_id.unwrap()),
        FeedEventKind::Rejected { retry_in, .. } => format!("rejected {retry_in:?}"),
        other => panic!("{other:?}"),
    };
    format!("{} {word}", event.connection.unwrap())
}

async fn told(events: &mut Events, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < count {
        told.push(word(&events.next_event().await));
    }
    told
}

fn start(rig: &Rig, channel: Channel) -> Events {
    rig.listen();
    let feed = rig.feed(Binance::default(), &["BTC-USDT"], &[channel]);
    Events::of(feed.with_redundancy(Redundancy::TwoLines), 1024)
}

fn start_tape(rig: &Rig, tape: Tape) -> Events {
    start_channel(rig, tape, Channel::L2Book)
}

fn start_channel(rig: &Rig, tape: Tape, channel: Channel) -> Events {
    rig.listen();
    let feed = rig.feed(tape, &["A-B"], &[channel]);
    Events::of(feed.with_redundancy(Redundancy::TwoLines), 1024)
}

#[tokio::test(start_paused = true)]
async fn each_trade_comes_once_from_whichever_line_is_first_and_none_is_missing_when_one_ends() {
    //     second    0    1         2          3      4        5    6
    //     first     1    2         3                 4 cut
    //     second         opened    1 2        3 4             5    6
    let first = vec![
        trade(1),
        Step::Wait(1),
        trade(2),
        Step::Wait(1),
        trade(3),
        Step::Wait(2),
        trade(4),
        Step::Break,
    ];
    let second = vec![
        Step::Wait(1),
        trade(1),
        trade(2),
        Step::Wait(1),
        trade(3),
        trade(4),
        Step::Wait(2),
        trade(5),
        Step::Wait(1),
        trade(6),
    ];
    let rig = Rig::new([ok(LISTED)], [first, second, vec![]].map(Dial::Open));
    let mut events = start(&rig, Channel::Trades);
    let all = told(&mut events, 10).await;
    assert_eq!(
        all,
        [
            "1 connected",
            "1 trade 1",
            "1 trade 2",
            "1 trade 3",
            "2 trade 4",
            "2 up false",
            "1 down",
            "2 trade 5",
            "2 trade 6",
            "3 up false",
        ]
    );
    assert_eq!(rig.dial_times().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_a_hole_of_one_line_waits_for_the_other_and_comes_in_order() {
    let first = vec![
        trade(1),
        Step::Wait(3),
        trade(2),
        trade(4),
        Step::Wait(10),
        trade(8),
        Step::Wait(10),
    ];
    let second = vec![
        trade(1),
        Step::Wait(3),
        trade(2),
        trade(3),
        trade(4),
        Step::Wait(9),
        trade(5),
        trade(8),
    ];
    let rig = Rig::new([ok(LISTED)], [first, second].map(Dial::Open)).with_trades([ok("[]")]);
    let mut events = start(&rig, Channel::Trades);
    let all = told(&mut events, 9).await;
    let order: Vec<_> = all.iter().filter(|it| !it.contains("up")).collect();
    assert_eq!(
        order,
        [
            "1 connected",
            "1 trade 1",
            "1 trade 2",
            "2 trade 3",
            "2 trade 4",
            "2 trade 5",
            // Neither has brought them.
            "2 gap 6..7",
            "2 trade 8",
        ]
        .iter()
        .collect::<Vec<_>>(),
        "{all:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_book_goes_on_by_its_ids_whichever_line_is_cut() {
    let first = vec![
        depth(11, 20, "8"),
        Step::Wait(4),
        depth(21, 30, "8"),
        Step::Wait(1),
        Step::Break,
    ];
    // Cut in other places, and told at other times.
    let second = vec![
        later(depth(15, 25, "8"), 500),
        Step::Wait(3),
        later(depth(26, 34, "8"), 900),
        later(depth(35, 40, "8"), 950),
        Step::Wait(10),
        depth(41, 50, "8"),
        Step::Break,
    ];
    let third = vec![Step::Wait(7), depth(45, 60, "8")];
    let rig = Rig::new([ok(LISTED)], [first, second, third, vec![]].map(Dial::Open))
        .with_snapshots([snapshot(10)]);
    let mut events = start(&rig, Channel::L2Book);
    let all = told(&mut events, 13).await;
    assert_eq!(
        all,
        [
            "1 connected",
            "1 snapshot 1 10",
            "1 change 11..20",
            "2 change 21..25",
            "2 up false",
            "1 change 26..30",
            "2 change 31..34",
            "2 change 35..40",
            "1 down",
            "3 up false",
            "2 change 41..50",
            "2 change 51..60",
            "2 down",
        ]
    );
    let requests = rig.http.requests.lock().unwrap();
    assert_eq!(
        requests.len(),
        2,
        "the list, and one snapshot: {requests:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_second_line_is_dialed_a_second_later_and_apart_from_the_first() {
    let rig = Rig::new([ok(LISTED)], [vec![], vec![]].map(Dial::Open));
    let mut events = start(&rig, Channel::Trades);
    told(&mut events, 2).await;
    let dials = rig.ws.dials.lock().unwrap();
    let apart: Vec<_> = dials.iter().map(|(_, dial)| &*dial.apart_from).collect();
    assert_eq!(apart, [&[][..], &[Egress::Direct]]);
    assert_eq!(dials[1].0 - dials[0].0, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_second_line_goes_to_another_host_unless_that_cannot_be_reached() {
    let script = [
        Dial::Open(vec![]),
        Dial::Fail(dial_error(DialErrorKind::Refused)),
        Dial::Fail(dial_error(DialErrorKind::Refused)),
        Dial::Open(vec![Step::Wait(20), trade(1), Step::Break]),
        Dial::Open(vec![]),
    ];
    let rig = Rig::new([ok(LISTED)], script);
    let mut events = start(&rig, Channel::Trades);
    told(&mut events, 7).await;
    let dials = rig.ws.dials.lock().unwrap();
    let hosts = dials.iter().map(|(_, dial)| dial.uri().host().unwrap());
    let (usual, other) = ("stream.binance.com", "data-stream.binance.vision");
    assert_eq!(
        hosts.collect::<Vec<_>>(),
        [usual, other, usual, other, other]
    );
    let paths: HashSet<_> = dials.iter().map(|(_, dial)| dial.uri().query()).collect();
    assert_eq!(paths.len(), 1, "{paths:?}");
}

#[tokio::test(start_paused = true)]
async fn without_redundancy_there_is_one_line() {
    let rig = Rig::new([ok(LISTED)], [vec![], vec![]].map(Dial::Open));
    rig.listen();
    let mut events = rig.start(Channel::Trades);
    told(&mut events, 1).await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(rig.dial_times().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_line_that_fails_is_told_and_tried_again_while_the_first_goes_on() {
    let first = (1..=30).flat_map(|id| [trade(id), Step::Wait(1)]);
    let script = [
        Dial::Open(first.collect()),
        Dial::Fail(dial_error(DialErrorKind::Refused)),
        Dial::Open(vec![Step::Break]),
        Dial::Open(vec![]),
    ];
    let rig = Rig::new([ok(LISTED)], script);
    let mut events = start(&rig, Channel::Trades);
    let all = told(&mut events, 34).await;
    let trades = all.iter().filter(|it| it.contains("1 trade")).count();
    assert_eq!(trades, 30);
    let other: Vec<_> = all.iter().filter(|it| !it.contains("trade")).collect();
    assert_eq!(other, ["1 connected", "1 failed", "2 failed", "3 up false"]);
}

#[tokio::test(start_paused = true)]
async fn a_first_line_that_ends_before_the_second_is_told_is_replaced_by_it() {
    let first = vec![trade(1), Step::Wait(2), trade(2), Step::Break];
    let second = vec![trade(2), Step::Wait(3), trade(3)];
    let rig = Rig::new([ok(LISTED)], [first, second, vec![]].map(Dial::Open));
    let mut events = start(&rig, Channel::Trades);
    assert_eq!(
        told(&mut events, 6).await,
        [
            "1 connected",
            "1 trade 1",
            "2 trade 2",
            "2 replaced",
            "2 trade 3",
            "3 up false"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn when_both_lines_end_it_is_told_as_ever() {
    let first = vec![trade(1), Step::Wait(5), Step::Break];
    let second = vec![trade(1), Step::Wait(6), Step::Break];
    let rig = Rig::new([ok(LISTED)], [Dial::Open(first), Dial::Open(second)]);
    let mut events = start(&rig, Channel::Trades);
    assert_eq!(
        told(&mut events, 5).await,
        [
            "1 connected",
            "1 trade 1",
            "2 up false",
            "1 down",
            "2 disconnected"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_mute_where_the_other_speaks_is_left() {
    for is_first_mute in [true, false] {
        let speaking: Vec<_> = (1..=100)
            .flat_map(|id| [trade(id), Step::Wait(1)])
            .collect();
        let lines = match is_first_mute {
            true => [vec![], speaking, vec![]],
            false => [speaking, vec![], vec![]],
        };
        let rig = Rig::new([ok(LISTED)], lines.map(Dial::Open));
        let mut events = start(&rig, Channel::Trades);
        let mut trades = 0;
        let down = loop {
            match word(&events.next_event().await) {
                it if it.contains("down") => break it,
                it => trades += usize::from(it.contains("trade")),
            }
        };
        let mute = if is_first_mute { 1 } else { 2 };
        assert_eq!(down, format!("{mute} down"));
        assert!((33..=36).contains(&trades), "{trades}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_comes_of_age_and_is_left_for_the_other_without_a_loss() {
    const HOUR: u64 = 3600;
    let ids = |from: u64, count: u64| {
        (from..from + count)
            .flat_map(|id| [trade(id), Step::Wait(600)])
            .collect::<Vec<_>>()
    };
    let lines = [ids(1, 150), ids(1, 150), ids(136, 150), ids(136, 150)];
    let rig =
        Rig::new([ok(LISTED)], lines.map(Dial::Open)).with_silence_limit(Duration::from_secs(HOUR));
    let mut events = start(&rig, Channel::Trades);
    let mut all = Vec::new();
    while !all.iter().any(|it: &String| it.ends_with("trade 150")) {
        all.push(word(&events.next_event().await));
    }
    let trades = all.iter().filter(|it| it.contains("trade")).count();
    assert_eq!(trades, 150, "{all:?}");
    let other: Vec<_> = all.iter().filter(|it| !it.contains("trade")).collect();
    assert_eq!(
        other[..4],
        ["1 connected", "2 up false", "1 left", "3 up false"]
    );
    let dials = rig.dial_times();
    let age = dials[2] - dials[0];
    assert!(age < Duration::from_secs(24 * HOUR), "{age:?}");
}

#[tokio::test(start_paused = true)]
async fn a_line_whose_end_is_announced_is_left_before_that() {
    let first = vec![Step::Wait(20), shutdown(), Step::Wait(60)];
    let second = vec![Step::Wait(30), shutdown(), Step::Wait(60)];
    let rig = Rig::new(
        [ok(LISTED)],
        [first, second, vec![], vec![]].map(Dial::Open),
    );
    let mut events = start(&rig, Channel::Trades);
    assert_eq!(
        told(&mut events, 8).await,
        [
            "1 connected",
            "2 up false",
            "1 shutdown",
            "1 left",
            "3 up false",
            "2 shutdown",
            "2 left",
            "4 up false"
        ]
    );
}

fn unnumbered(rules: &mut BookRules) {
    rules.follows = without_ids;
    rules.checksum = Some(COUNT);
}

#[tokio::test(start_paused = true)]
async fn where_books_have_no_ids_the_other_line_takes_over_with_a_snapshot() {
    let first = vec![
        say("snapshot A-B - 9x1 10x1 #2"),
        Step::Wait(2),
        say("change A-B ->- 8x1 #3"),
        Step::Wait(3),
        Step::Break,
    ];
    let second = vec![
        say("snapshot A-B - 9x1 10x1 #2"),
        Step::Wait(2),
        say("change A-B ->- 8x1 #3"),
        Step::Wait(3),
        say("change A-B ->- 7x1 #4"),
    ];
    let rig = Rig::new([ok("A-B")], [first, second, vec![]].map(Dial::Open));
    let mut events = start_tape(&rig, Tape::default().with_books(unnumbered));
    assert_eq!(
        told(&mut events, 7).await,
        [
            "1 connected",
            "1 snapshot 1 0",
            "1 change 0",
            "2 up false",
            "1 down",
            "2 snapshot 2 0",
            "2 change 0"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_book_that_fails_its_checksum_goes_on_by_the_line_where_it_does_not() {
    let begin = || say("snapshot A-B - 9x1 10x1 #2");
    let first = vec![
        begin(),
        Step::Wait(5),
        say("change A-B ->- 8x1 #4"),
        Step::Wait(9),
    ];
    let second = vec![
        begin(),
        say("change A-B ->- 7x1 #3"),
        Step::Wait(6),
        say("change A-B ->- 8x1 #4"),
    ];
    let rig = Rig::new([ok("A-B")], [first, second, vec![]].map(Dial::Open));
    let mut events = start_tape(&rig, Tape::default().with_books(unnumbered));
    let all = told(&mut events, 4).await;
    assert_eq!(
        all,
        ["1 connected", "1 snapshot 1 0", "2 up false", "1 down"]
    );
    let FeedEventKind::L2Snapshot(book) = events.next().await else {
        panic!("no snapshot");
    };
    assert_eq!((book.epoch, book.bids.len(), book.asks.len()), (2, 2, 1));
    assert_eq!(book.verified_levels, Some(100));
    assert_eq!(told(&mut events, 1).await, ["2 change 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_book_of_the_other_line_that_is_behind_is_told_once_it_is_not() {
    let first = vec![
        say("snapshot A-B 5 9x1"),
        Step::Wait(4),
        say("change A-B 5>6 8x1"),
        say("change A-B 6>7 7x1"),
        Step::Break,
    ];
    let second = vec![
        say("snapshot A-B 5 9x1"),
        Step::Wait(4),
        say("change A-B 5>6 8x1"),
        say("change A-B 6>7 7x1"),
        say("change A-B 7>8 6x1"),
    ];
    let rig = Rig::new([ok("A-B")], [first, second, vec![]].map(Dial::Open));
    let mut events = start_tape(&rig, Tape::default());
    assert_eq!(
        told(&mut events, 8).await,
        [
            "1 connected",
            "1 snapshot 1 5",
            "2 up false",
            "1 change 6",
            "1 change 7",
            "1 down",
            "2 snapshot 2 7",
            "2 change 8"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn history_that_is_late_fills_the_hole_although_the_other_line_is_open_by_then() {
    let before = vec![say("trade A-B 1 1"), Step::Break];
    // The second one is open after a second. Of its own history, nothing is news.
    let first = vec![
        Step::Wait(2),
        say("past A-B 1 1; past A-B 2 2; past A-B 3 3"),
        Step::Wait(2),
        say("trade A-B 4 4"),
    ];
    let second = vec![
        Step::Wait(2),
        say("past A-B 1 1; past A-B 2 2; past A-B 3 3"),
        Step::Wait(60),
    ];
    let rig = Rig::new([ok("A-B")], [before, first, second].map(Dial::Open));
    let mut events = start_channel(&rig, Tape::default(), Channel::Trades);
    assert_eq!(
        told(&mut events, 8).await,
        [
            "1 connected",
            "1 trade 1",
            "1 disconnected",
            "2 connected",
            "2 trade 2",
            "2 trade 3",
            "3 up false",
            "2 trade 4",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn both_lines_are_told_as_open() {
    let quiet = [vec![], vec![Step::Wait(60), Step::Break]];
    let rig = Rig::new([ok(LISTED)], quiet.map(Dial::Open));
    rig.listen();
    let feed = rig
        .feed(Binance::default(), &["BTC-USDT"], &[Channel::Trades])
        .with_redundancy(Redundancy::TwoLines);
    let handle = feed.handle();
    let mut events = Events::of(feed, 64);
    told(&mut events, 2).await;
    let open = || {
        let connections = handle.status().connections;
        let open = connections.iter().map(|it| (it.number, it.symbols));
        open.collect::<Vec<_>>()
    };
    assert_eq!(open(), [(1, 1), (2, 1)]);
    assert_eq!(told(&mut events, 1).await, ["2 down"]);
    assert_eq!(open(), [(1, 1)]);
}
