use futures_util::FutureExt;
use rust_decimal::Decimal;

use super::*;
use crate::event::{Covers, FeedEventKind, InvalidReason, L2Delta, L2Snapshot, Ticker};
use crate::level::Level;

/// A connection, and what it has gathered.
struct Connection {
    queue: EventQueue,
    lane: Arc<Lane>,
    gathered: Mutex<Gathered>,
}

impl Connection {
    fn of(queue: &EventQueue, backpressure: Backpressure) -> Self {
        Self {
            queue: queue.clone(),
            lane: Lane::of(Arc::new(Source::new(backpressure))),
            gathered: Mutex::default(),
        }
    }

    /// Puts an event into the queue, and tells whether there was room for it. What finds no room waits.
    fn put(&self, kind: FeedEventKind) -> bool {
        self.gathered.lock().push(FeedEvent {
            sequence: 0,
            exchange: "binance".into(),
            connection: None,
            received_ns: 0,
            kind,
        });
        let put = self.queue.put(&self.lane, &self.gathered).now_or_never();
        put.is_some_and(|outcome| outcome.is_ok())
    }

    fn broken(&self) -> Option<Vec<String>> {
        let broken = self.queue.broken(&self.lane, &self.gathered);
        let broken = broken.now_or_never()?;
        Some(broken.iter().map(ToString::to_string).collect())
    }
}

fn queue(events: usize, bytes: usize) -> (EventQueue, Events) {
    event_queue(QueueLimits {
        events,
        bytes,
        ..QueueLimits::default()
    })
}

fn notice(length: usize) -> FeedEventKind {
    FeedEventKind::Notice {
        text: "x".repeat(length),
    }
}

fn ticker() -> FeedEventKind {
    FeedEventKind::Ticker(Ticker {
        symbol: "A-B".parse().unwrap(),
        bid: None,
        bid_size: None,
        ask: None,
        ask_size: None,
        last_id: None,
        timestamp_ns: None,
    })
}

fn change(symbol: &str, id: u64) -> FeedEventKind {
    FeedEventKind::L2Delta(L2Delta {
        symbol: symbol.parse().unwrap(),
        epoch: 1,
        first_id: Some(id),
        last_id: Some(id),
        bids: vec![Level {
            price: Decimal::ONE,
            size: Decimal::ONE,
        }],
        asks: Vec::new(),
        timestamp_ns: None,
    })
}

fn snapshot(symbol: &str, id: u64) -> FeedEventKind {
    FeedEventKind::L2Snapshot(L2Snapshot {
        symbol: symbol.parse().unwrap(),
        epoch: 1,
        covers: Covers::Top { levels: 1 },
        verified_levels: None,
        last_id: Some(id),
        bids: Vec::new(),
        asks: Vec::new(),
        timestamp_ns: None,
    })
}

/// What waits, shortened. It is numbered without a hole.
fn taken(events: &mut Events, first: u64) -> Vec<String> {
    let mut told = Vec::new();
    while !events.is_empty() {
        let event = events.recv().now_or_never().flatten().unwrap();
        assert_eq!(event.sequence, first + told.len() as u64);
        told.push(match event.kind {
            FeedEventKind::L2Delta(delta) => {
                format!("{} {}", delta.symbol, delta.last_id.unwrap())
            }
            FeedEventKind::L2Snapshot(snapshot) => format!("{} whole", snapshot.symbol),
            FeedEventKind::ChangesDropped { symbol, count } => format!("{symbol} -{count}"),
            FeedEventKind::BookInvalid { symbol, reason } => {
                assert_eq!(reason, InvalidReason::Dropped);
                format!("{symbol} invalid")
            }
            FeedEventKind::Ticker(_) => "ticker".to_owned(),
            other => panic!("unexpected: {other:?}"),
        });
    }
    told
}

#[tokio::test]
async fn an_event_waits_until_there_is_room_for_its_bytes() {
    let (queue, mut events) = queue(100, 10_000);
    let connection = Connection::of(&queue, Backpressure::Slow);
    assert!(connection.put(notice(6_000)));
    assert!(!connection.put(notice(6_000)), "no room");
    let other = Connection::of(&queue, Backpressure::Slow);
    assert!(other.put(notice(100)), "a smaller one has");
    assert_eq!(events.len(), 2);
    events.recv().await.unwrap();
    assert!(connection.put(notice(1)));
    let mut batch = Vec::new();
    assert_eq!(events.recv_many(&mut batch, 10).await, 3);
    // Larger than everything: alone.
    assert!(connection.put(notice(50_000)));
    assert!(!connection.put(notice(1)));
    assert!(events.recv().await.is_some());
    assert!(connection.put(notice(1)));
}

#[tokio::test]
async fn who_waits_for_room_goes_on_when_half_of_it_is_free() {
    let (queue, mut events) = queue(4, 1 << 20);
    let connection = Connection::of(&queue, Backpressure::Slow);
    for _ in 0..4 {
        assert!(connection.put(ticker()));
    }
    assert!(!connection.put(ticker()));
    let mut waiting = std::pin::pin!(queue.put(&connection.lane, &connection.gathered));
    assert!(waiting.as_mut().now_or_never().is_none());
    events.recv().await.unwrap();
    assert!(waiting.as_mut().now_or_never().is_none(), "three of four");
    events.recv().await.unwrap();
    assert!(waiting.now_or_never().is_some());
}

#[tokio::test]
async fn who_waits_for_room_learns_that_the_subscriber_has_gone() {
    let (queue, events) = queue(10, 1);
    let connection = Connection::of(&queue, Backpressure::Slow);
    assert!(connection.put(notice(1)));
    assert!(!connection.put(notice(1)));
    let waiting = queue.put(&connection.lane, &connection.gathered);
    let (outcome, ()) = tokio::join!(waiting, async { drop(events) });
    assert!(outcome.is_err());
    queue.closed(connection.lane.source()).await;
}

#[tokio::test]
async fn who_waits_for_an_event_learns_that_none_will_come() {
    let (queue, mut events) = queue(10, 1 << 20);
    let connection = Connection::of(&queue, Backpressure::Slow);
    assert!(connection.put(ticker()));
    drop((queue, connection));
    assert!(events.recv().await.is_some());
    assert!(events.recv().await.is_none());
}

#[test]
fn dropped_changes_are_told_with_their_number_and_the_book_goes_on_with_a_snapshot() {
    let (queue, mut events) = queue(16, 1 << 20);
    let connection = Connection::of(&queue, Backpressure::DropBookChanges);
    assert!(connection.put(snapshot("A-B", 0)));
    assert!(connection.put(snapshot("C-D", 0)));
    for id in 1..=9 {
        assert!(connection.put(change("A-B", id)));
    }
    assert!(connection.put(ticker()));
    for id in 1..=4 {
        assert!(connection.put(change("C-D", id)));
    }
    assert_eq!(events.len(), 16);
    // No room: those of the book with the most of them go.
    assert!(connection.put(ticker()));
    // It is invalid; what follows would change nothing.
    assert!(connection.put(change("A-B", 10)));
    assert!(connection.put(change("C-D", 5)));
    // Who does not read needs no snapshot.
    assert_eq!(connection.broken(), None);
    assert_eq!(
        taken(&mut events, 1),
        [
            "A-B whole",
            "C-D whole",
            "A-B -9",
            "A-B invalid",
            "ticker",
            "C-D 1",
            "C-D 2",
            "C-D 3",
            "C-D 4",
            "ticker",
            "C-D 5",
        ]
    );
    assert_eq!(connection.broken(), Some(vec!["A-B".to_owned()]));
    assert_eq!(connection.broken(), None);
    assert!(connection.put(snapshot("A-B", 11)));
    assert!(connection.put(change("A-B", 12)));
    assert_eq!(taken(&mut events, 12), ["A-B whole", "A-B 12"]);
}

#[test]
fn a_book_whose_snapshot_waits_needs_no_other() {
    let (queue, mut events) = queue(8, 1 << 20);
    let connection = Connection::of(&queue, Backpressure::DropBookChanges);
    for id in 1..=6 {
        assert!(connection.put(change("A-B", id)));
    }
    assert!(connection.put(snapshot("A-B", 7)));
    assert!(connection.put(ticker()));
    assert!(connection.put(change("A-B", 8)));
    let told = ["A-B -6", "A-B invalid", "A-B whole", "ticker", "A-B 8"];
    assert_eq!(taken(&mut events, 1), told);
    assert_eq!(connection.broken(), None);
}

#[test]
fn changes_that_are_on_their_way_when_a_book_begins_anew_go_too() {
    let (queue, mut events) = queue(8, 1 << 20);
    let connection = Connection::of(&queue, Backpressure::DropBookChanges);
    for id in 1..=8 {
        assert!(connection.put(change("A-B", id)));
    }
    assert!(connection.put(ticker()));
    assert_eq!(taken(&mut events, 1), ["A-B -8", "A-B invalid", "ticker"]);
    let on_its_way = FeedEvent {
        sequence: 0,
        exchange: "binance".into(),
        connection: None,
        received_ns: 0,
        kind: change("A-B", 9),
    };
    connection.gathered.lock().push(on_its_way);
    assert_eq!(connection.broken(), Some(vec!["A-B".to_owned()]));
    assert!(connection.put(ticker()));
    assert_eq!(taken(&mut events, 4), ["ticker"]);
}

#[test]
fn what_is_no_change_of_a_book_is_never_dropped() {
    let (queue, mut events) = queue(8, 1 << 20);
    let connection = Connection::of(&queue, Backpressure::DropBookChanges);
    for _ in 0..8 {
        assert!(connection.put(ticker()));
    }
    assert!(!connection.put(ticker()), "it is slow");
    assert!(!connection.put(change("A-B", 1)));
    assert_eq!(taken(&mut events, 1), ["ticker"; 8]);
    assert!(connection.put(ticker()));
    assert_eq!(taken(&mut events, 9), ["ticker", "A-B 1", "ticker"]);
}

#[test]
fn changes_of_a_feed_that_drops_none_stay() {
    let (queue, mut events) = queue(8, 1 << 20);
    let slow = Connection::of(&queue, Backpressure::Slow);
    let dropping = Connection::of(&queue, Backpressure::DropBookChanges);
    for id in 1..=4 {
        assert!(slow.put(change("A-B", id)));
    }
    for id in 1..=4 {
        assert!(dropping.put(change("A-B", id)));
    }
    assert!(!slow.put(change("A-B", 5)), "it is not its to drop");
    assert!(dropping.put(change("A-B", 5)));
    let mut batch = Vec::new();
    events.recv_many(&mut batch, 100).now_or_never();
    let changes = batch
        .iter()
        .filter(|it| matches!(it.kind, FeedEventKind::L2Delta(_)));
    assert_eq!(changes.count(), 4);
    assert_eq!(slow.broken(), None);
    assert_eq!(dropping.broken(), Some(vec!["A-B".to_owned()]));
}

#[tokio::test]
async fn a_feed_that_is_to_stop_ends_when_its_subscriber_is_behind() {
    let (queue, mut events) = queue(2, 1 << 20);
    let stopping = Connection::of(&queue, Backpressure::Stop);
    assert!(stopping.put(ticker()));
    assert!(stopping.put(ticker()));
    assert!(!stopping.put(ticker()));
    assert!(stopping.lane.source().is_behind());
    queue.closed(stopping.lane.source()).await;
    // What waits can be taken, and other feeds go on.
    assert_eq!(taken(&mut events, 1), ["ticker", "ticker"]);
    assert!(!stopping.put(ticker()));
    assert!(Connection::of(&queue, Backpressure::Slow).put(ticker()));
}

#[test]
fn what_is_gathered_is_noted_once_also_if_some_is_forgotten() {
    let event = |kind| FeedEvent {
        sequence: 0,
        exchange: "binance".into(),
        connection: None,
        received_ns: 0,
        kind,
    };
    let mut gathered = Gathered::default();
    gathered.push(event(ticker()));
    gathered.push(event(change("A-B", 1)));
    assert_eq!(gathered.take_unnoted().count(), 2);
    gathered.push(event(change("A-B", 2)));
    gathered.push(event(ticker()));
    gathered.forget(|event| matches!(event.kind, FeedEventKind::L2Delta(_)));
    assert_eq!(gathered.len(), 2);
    assert_eq!(gathered.take_unnoted().count(), 1);
    assert_eq!(gathered.take_unnoted().count(), 0);
}
