//! Books whose snapshots come in the stream.

use std::time::Duration;

use feeds::exchange::{Acknowledgement, Renewal, by_ranges};
use feeds::{Channel, FeedEventKind, InvalidReason, OrderBook, QueueLimits, event_queue};
use tokio::time::sleep;
use transport::Message;

use crate::fake::{Dial, Events, Rig, Spoken, Step, ok, say};
use crate::fixtures::level;
use crate::tape::{COUNT, Tape, without_ids};

fn start(exchange: Tape, dials: Vec<Dial>, names: &[&str]) -> (Rig, Events, Spoken) {
    let rig = Rig::new([ok("A-B C-D")], dials);
    let spoken = rig.listen();
    let events = Events::of(rig.feed(exchange, names, &[Channel::L2Book]), 64);
    (rig, events, spoken)
}

fn script(lines: &[&str]) -> Vec<Dial> {
    vec![Dial::Open(lines.iter().map(|line| say(*line)).collect())]
}

fn texts(spoken: &Spoken) -> Vec<String> {
    let spoken = spoken.lock().unwrap();
    let text = |(_, message): &(_, Message)| message.as_text().unwrap().to_owned();
    spoken.iter().map(text).collect()
}

/// The next events, in a word or two each.
async fn told(events: &mut Events, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < count {
        let id = |id: Option<u64>| id.map_or("-".to_owned(), |id| id.to_string());
        told.push(match events.next().await {
            FeedEventKind::Connected { .. } => "connected".to_owned(),
            FeedEventKind::Disconnected { reason, .. } => reason,
            FeedEventKind::L2Snapshot(book) => {
                format!("{} snapshot {}", book.symbol, id(book.last_id))
            }
            FeedEventKind::L2Delta(delta) => {
                format!("{} change {}", delta.symbol, id(delta.last_id))
            }
            FeedEventKind::BookInvalid { symbol, reason, .. } => match reason {
                InvalidReason::Gap { expected, received } => {
                    format!("{symbol} gap {expected} {received}")
                }
                InvalidReason::Checksum { expected, computed } => {
                    format!("{symbol} checksum {expected} {computed}")
                }
                InvalidReason::Missed => format!("{symbol} missed"),
                InvalidReason::Unsubscribed => format!("{symbol} unsubscribed"),
                InvalidReason::Silent => format!("{symbol} silent"),
                InvalidReason::Disconnected => format!("{symbol} disconnected"),
                other => panic!("{other:?}"),
            },
            FeedEventKind::SnapshotFailed { symbol, reason, .. } => format!("{symbol}: {reason}"),
            FeedEventKind::Rejected { .. } => "rejected".to_owned(),
            FeedEventKind::Malformed { .. } => "malformed".to_owned(),
            FeedEventKind::MessagesMissed => "messages missed".to_owned(),
            other => panic!("{other:?}"),
        });
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_mended_by_a_new_subscription() {
    let lines = [
        "change A-B 3>4 9x1",
        "snapshot A-B 5 9x1 10x1",
        "change A-B 5>6 9x2; change A-B 6>6; change A-B 6>2 9x3",
        "change A-B 3>4 9x4",
        "change A-B 4>7 9x4",
        "snapshot A-B 9 9x1 10x1",
        "change A-B 9>10 9x5",
    ];
    let (rig, mut events, spoken) = start(Tape::default(), script(&lines), &["A-B"]);
    assert_eq!(
        told(&mut events, 8).await,
        [
            "connected",
            "A-B snapshot 5",
            "A-B change 6",
            "A-B change 6",
            "A-B change 2",
            "A-B gap 2 3",
            "A-B snapshot 9",
            "A-B change 10"
        ]
    );
    sleep(Duration::from_secs(100)).await;
    assert_eq!(
        texts(&spoken),
        ["unsubscribe 2 A-B:l2_book", "subscribe 3 A-B:l2_book"]
    );
    let dials = rig.ws.dials.lock().unwrap();
    assert_eq!(
        dials[0].1.first_messages,
        [Message::text("subscribe 1 A-B:l2_book")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_does_not_come_is_asked_for_again_and_again() {
    let mut steps = vec![say("snapshot A-B 5 9x1"), say("change A-B 7>8 9x1")];
    steps.extend([Step::Wait(30), say("snapshot A-B 9 9x1")]);
    let (_rig, mut events, spoken) = start(Tape::default(), vec![Dial::Open(steps)], &["A-B"]);
    let overdue = "A-B: no snapshot came in the stream";
    let all = told(&mut events, 6).await;
    assert_eq!(
        all[..5],
        [
            "connected",
            "A-B snapshot 5",
            "A-B gap 5 7",
            overdue,
            overdue
        ]
    );
    events
        .find(|event| matches!(event, FeedEventKind::L2Snapshot(_)).then_some(()))
        .await;
    let said = texts(&spoken);
    assert_eq!(
        said[..4],
        [
            "unsubscribe 2 A-B:l2_book",
            "subscribe 3 A-B:l2_book",
            "unsubscribe 4 A-B:l2_book",
            "subscribe 5 A-B:l2_book"
        ]
    );
    let times: Vec<_> = spoken.lock().unwrap().iter().map(|(at, _)| *at).collect();
    assert!(
        times[2] - times[0] >= Duration::from_secs(6),
        "five and a delay"
    );
    sleep(Duration::from_secs(100)).await;
    assert_eq!(texts(&spoken), said);
}

#[tokio::test(start_paused = true)]
async fn a_first_snapshot_that_does_not_come_is_asked_for_too() {
    let (_rig, mut events, spoken) = start(Tape::default(), script(&[]), &["A-B"]);
    assert_eq!(
        told(&mut events, 2).await,
        ["connected", "A-B: no snapshot came in the stream"]
    );
    sleep(Duration::from_secs(3)).await;
    assert_eq!(
        texts(&spoken),
        ["unsubscribe 2 A-B:l2_book", "subscribe 3 A-B:l2_book"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_book_whose_subscription_is_refused_is_void_and_stays_so() {
    let exchange = Tape::default().with_books(|books| {
        books.renewal = Renewal::Request {
            joins: by_ranges,
            depths: &[100],
        };
    });
    let steps = vec![Step::Wait(2), say("refuse 1 A-B"), Step::Wait(60)];
    for (seconds, expected) in [
        (1, vec!["A-B snapshot 5", "rejected", "A-B unsubscribed"]),
        // It comes when nobody wants it any longer.
        (3, vec!["rejected"]),
    ] {
        let rig = Rig::new([ok("A-B")], vec![Dial::Open(steps.clone())])
            .with_snapshots([ok("snapshot A-B 5 9x1").after(seconds)]);
        rig.listen();
        let feed = rig.feed(exchange.clone(), &["A-B"], &[Channel::L2Book]);
        let mut events = Events::of(feed, 64);
        assert_eq!(told(&mut events, 1).await, ["connected"]);
        assert_eq!(told(&mut events, expected.len()).await, expected);
        assert!(events.are_over_for(30).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_not_acknowledged_has_a_second_before_its_snapshot() {
    for (first_change, expected) in [(None, 1000), (Some("change A-B 5>6 9x2"), 0)] {
        let mut exchange = Tape::default().with_books(|books| {
            books.follows = by_ranges;
            books.renewal = Renewal::Request {
                joins: by_ranges,
                depths: &[100],
            };
        });
        exchange.rules.acknowledgement = Acknowledgement::Never;
        let steps = first_change.into_iter().map(say).collect();
        let rig =
            Rig::new([ok("A-B")], [Dial::Open(steps)]).with_snapshots([ok("snapshot A-B 6 9x1")]);
        rig.listen();
        let mut events = Events::of(rig.feed(exchange, &["A-B"], &[Channel::L2Book]), 64);
        assert_eq!(told(&mut events, 2).await, ["connected", "A-B snapshot 6"]);
        let waited = rig.request_times()[1] - rig.dial_times()[0];
        assert_eq!(waited, Duration::from_millis(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_book_with_another_checksum_is_not_true() {
    let exchange = Tape::default().with_books(|books| books.checksum = Some(COUNT));
    let lines = [
        "snapshot A-B 5 9x1 10x1 #2",
        "change A-B 5>6 8x1 #3",
        "change A-B 6>7 7x1",
        "change A-B 7>8 6x1 #4",
        "change A-B 8>9 5x1 #6",
        "snapshot A-B 9 9x1 #2",
        "snapshot A-B 9 9x1 10x1 #2",
    ];
    let (_rig, mut events, _spoken) = start(exchange, script(&lines), &["A-B"]);
    assert_eq!(
        told(&mut events, 7).await,
        [
            "connected",
            "A-B snapshot 5",
            "A-B change 6",
            "A-B change 7",
            "A-B checksum 4 5",
            "A-B checksum 2 1",
            "A-B snapshot 9"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_tells_how_many_levels_a_checksum_verifies() {
    let exchange = Tape::default().with_books(|books| books.checksum = Some(COUNT));
    let lines = ["snapshot A-B 5 9x1 #1", "snapshot A-B 6 9x1"];
    let (_rig, mut events, _spoken) = start(exchange, script(&lines), &["A-B"]);
    for verified in [Some(COUNT.levels), None] {
        let snapshot = events.find(|event| match event {
            FeedEventKind::L2Snapshot(snapshot) => Some(snapshot.verified_levels),
            _ => None,
        });
        assert_eq!(snapshot.await, verified);
    }
}

#[tokio::test(start_paused = true)]
async fn who_applies_the_changes_of_a_book_that_is_cut_has_the_same_book() {
    let exchange = Tape::default().with_books(|books| {
        books.checksum = Some(COUNT);
        books.cut = Some(2);
    });
    let lines = [
        "snapshot A-B 1 9x1 8x1 7x1 10x1 11x1 #4",
        "change A-B 1>2 8.5x1 12x1 #4",
        "change A-B 2>3 9x0 #3",
    ];
    let (_rig, mut events, _spoken) = start(exchange, script(&lines), &["A-B"]);
    let mut book = OrderBook::new();
    for _ in 0..4 {
        match events.next().await {
            FeedEventKind::L2Snapshot(snapshot) => book.apply_snapshot(&snapshot),
            FeedEventKind::L2Delta(delta) => book.apply_delta(&delta).unwrap(),
            FeedEventKind::Connected { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(book.bids().collect::<Vec<_>>(), [level("8.5", "1")]);
    let asks = [level("10", "1"), level("11", "1")];
    assert_eq!(book.asks().collect::<Vec<_>>(), asks);
}

#[tokio::test(start_paused = true)]
async fn a_hole_in_the_counter_of_the_connection_voids_every_book() {
    let lines = [
        "snapshot A-B 5 9x1; snapshot C-D 6 9x1; tick 1",
        "change A-B 5>6 9x2; tick 3",
        "snapshot C-D 8 9x1",
    ];
    let (_rig, mut events, spoken) = start(Tape::default(), script(&lines), &["A-B", "C-D"]);
    let mut all = told(&mut events, 8).await;
    all[5..7].sort();
    assert_eq!(
        all,
        [
            "connected",
            "A-B snapshot 5",
            "C-D snapshot 6",
            "A-B change 6",
            "messages missed",
            "A-B missed",
            "C-D missed",
            "C-D snapshot 8"
        ]
    );
    let mut said = texts(&spoken);
    for text in &mut said {
        // Which book comes first is not said.
        text.retain(|letter| !letter.is_ascii_digit());
    }
    said.sort();
    assert_eq!(
        said,
        [
            "subscribe  A-B:l_book",
            "subscribe  C-D:l_book",
            "unsubscribe  A-B:l_book",
            "unsubscribe  C-D:l_book"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_malformed_frame_voids_only_books_that_would_not_show_the_loss() {
    let lines = ["snapshot A-B 5 9x1", "nonsense", "change A-B 5>6 9x2"];
    let (_rig, mut events, _spoken) = start(Tape::default(), script(&lines), &["A-B"]);
    assert_eq!(
        told(&mut events, 4).await,
        ["connected", "A-B snapshot 5", "malformed", "A-B change 6"]
    );

    let lines = ["snapshot A-B - 9x1", "change A-B - 9x2", "nonsense"];
    let exchange = Tape::default().with_books(|books| books.follows = without_ids);
    let (_rig, mut events, _spoken) = start(exchange, script(&lines), &["A-B"]);
    assert_eq!(
        told(&mut events, 5).await,
        [
            "connected",
            "A-B snapshot -",
            "A-B change -",
            "malformed",
            "A-B missed"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_book_without_the_promised_sign_of_life_is_not_true() {
    let exchange = Tape::default().with_books(|books| books.quiet = Some(Duration::from_secs(60)));
    let script = vec![
        say("snapshot A-B 5 9x1"),
        Step::Wait(50),
        say("change A-B 5>5"),
        Step::Wait(55),
        say("change A-B 5>5"),
        Step::Wait(61),
        say("snapshot A-B 6 9x1"),
    ];
    let (_rig, mut events, spoken) = start(exchange, vec![Dial::Open(script)], &["A-B"]);
    assert_eq!(
        told(&mut events, 6).await,
        [
            "connected",
            "A-B snapshot 5",
            "A-B change 5",
            "A-B change 5",
            "A-B silent",
            "A-B snapshot 6"
        ]
    );
    assert_eq!(
        texts(&spoken),
        ["unsubscribe 2 A-B:l2_book", "subscribe 3 A-B:l2_book"]
    );
}

/// Snapshots come with a connection, within five seconds.
fn only_with_a_connection() -> Tape {
    Tape::default().with_books(|books| {
        books.renewal = Renewal::Reconnect {
            within: Duration::from_secs(5),
        };
    })
}

#[tokio::test(start_paused = true)]
async fn where_nothing_else_helps_another_connection_is_made() {
    let exchange = only_with_a_connection();
    let mut dials = script(&["snapshot A-B 5 9x1; tick 1", "change A-B 7>8 9x1"]);
    dials.extend(script(&["snapshot A-B 1 9x1; tick 1"]));
    let (_rig, mut events, _spoken) = start(exchange, dials, &["A-B"]);
    assert_eq!(
        told(&mut events, 5).await,
        [
            "connected",
            "A-B snapshot 5",
            "A-B gap 5 7",
            "connected",
            "A-B snapshot 1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_begins_without_a_snapshot_is_replaced() {
    // The first frame was lost.
    let mut first = vec![say("tick 2")];
    for _ in 0..10 {
        first.extend([Step::Wait(30), say("ack 9 A-B")]);
    }
    let mut dials = vec![Dial::Open(first)];
    dials.extend(script(&["snapshot A-B 1 9x1; tick 1"]));
    let (_rig, mut events, _spoken) = start(only_with_a_connection(), dials, &["A-B"]);
    assert_eq!(
        told(&mut events, 5).await,
        [
            "connected",
            "messages missed",
            "A-B: no snapshot came in the stream",
            "connected",
            "A-B snapshot 1"
        ]
    );
}

/// A feed whose subscriber takes nothing for a while.
async fn behind_for(seconds: u64, exchange: Tape, steps: Vec<Step>) -> (Events, Spoken) {
    let rig = Rig::new([ok("A-B C-D")], vec![Dial::Open(steps)]);
    let spoken = rig.listen();
    let queue = event_queue(QueueLimits {
        events: 1,
        ..QueueLimits::default()
    });
    let feed = rig.feed(exchange, &["A-B"], &[Channel::L2Book]);
    let events = Events::through(feed, queue);
    sleep(Duration::from_secs(seconds)).await;
    (events, spoken)
}

#[tokio::test(start_paused = true)]
async fn what_has_come_and_was_not_read_yet_is_not_late() {
    let snapshot = vec![
        say("snapshot A-B 5 9x1"),
        say("change A-B 7>8 9x1"),
        say("snapshot A-B 9 9x1"),
    ];
    let (mut events, _spoken) = behind_for(100, Tape::default(), snapshot).await;
    assert_eq!(
        told(&mut events, 4).await,
        [
            "connected",
            "A-B snapshot 5",
            "A-B gap 5 7",
            "A-B snapshot 9"
        ]
    );

    let exchange = Tape::default().with_books(|books| books.quiet = Some(Duration::from_secs(60)));
    let signs_of_life = vec![
        say("snapshot A-B 5 9x1"),
        Step::Wait(50),
        say("change A-B 5>6 9x2"),
        say("change A-B 6>7 9x3"),
    ];
    let (mut events, spoken) = behind_for(100, exchange, signs_of_life).await;
    assert_eq!(
        told(&mut events, 4).await,
        [
            "connected",
            "A-B snapshot 5",
            "A-B change 6",
            "A-B change 7"
        ]
    );
    assert!(texts(&spoken).is_empty());
}
