//! Subscribers that are behind, and what is done about it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use feeds::{
    Backpressure, Binance, Channel, Feed, FeedEventKind, InvalidReason, TradeId, Unavailable,
};
use tokio::time::sleep;

use crate::fake::{Dial, Events, LISTED, Rig, Step, depth, ok, queue_of, snapshot, trade};

const CHANGES: u64 = 400;
const TRADES: u64 = 20;

/// A book whose changes are many, and now and then a trade. In the end a change.
fn busy() -> Rig {
    let mut script = vec![depth(1, 1, "8"), Step::Wait(5)];
    for id in 2..=CHANGES {
        script.push(depth(id, id, "8"));
        if id.is_multiple_of(CHANGES / TRADES) {
            script.push(trade(id / (CHANGES / TRADES)));
        }
    }
    script.extend([Step::Wait(1100), depth(CHANGES + 1, CHANGES + 1, "8")]);
    Rig::new([ok(LISTED)], [Dial::Open(script)])
        .with_snapshots([snapshot(0), snapshot(CHANGES)])
        .with_silence_limit(Duration::from_secs(10_000))
}

fn feed(rig: &Rig, backpressure: Backpressure) -> Feed {
    let channels = [Channel::Trades, Channel::L2Book];
    let feed = rig.feed(Binance::default(), &["BTC-USDT"], &channels);
    feed.with_backpressure(backpressure)
}

/// How many have been asked for.
fn snapshots(rig: &Rig) -> usize {
    let requests = rig.http.requests.lock().unwrap();
    requests
        .iter()
        .filter(|(_, target)| target.contains("/depth"))
        .count()
}

/// The next event, shortened.
async fn told(events: &mut Events) -> String {
    match events.next().await {
        FeedEventKind::Connected { .. } => "connected".to_owned(),
        FeedEventKind::L2Snapshot(it) => format!("snapshot {}", it.last_id.unwrap()),
        FeedEventKind::L2Delta(it) => format!("delta {}", it.last_id.unwrap()),
        FeedEventKind::ChangesDropped { count, .. } => format!("dropped {count}"),
        FeedEventKind::BookInvalid { reason, .. } => {
            assert_eq!(reason, InvalidReason::Dropped);
            "invalid".to_owned()
        }
        FeedEventKind::Trade(it) => match it.id {
            Some(TradeId::Number(id)) => format!("trade {id}"),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_changes_are_told_and_the_book_goes_on_with_a_snapshot_when_there_is_room() {
    let rig = busy();
    // Of which half is as much as what is not dropped.
    let mut events = Events::of(feed(&rig, Backpressure::DropBookChanges), 64);
    sleep(Duration::from_secs(1000)).await;
    let taken = rig.ws.taken.load(Ordering::Relaxed) as u64;
    assert_eq!(taken, CHANGES + TRADES, "the exchange is not held up");
    assert_eq!(snapshots(&rig), 1);

    for expected in ["connected", "snapshot 0"] {
        assert_eq!(told(&mut events).await, expected);
    }
    let dropped = told(&mut events).await;
    let count: u64 = dropped.strip_prefix("dropped ").unwrap().parse().unwrap();
    assert!((32..CHANGES).contains(&count), "{count}");
    assert_eq!(told(&mut events).await, "invalid");
    // Every trade, and no change of a book that is invalid.
    for id in 1..=TRADES {
        assert_eq!(told(&mut events).await, format!("trade {id}"));
    }
    assert_eq!(told(&mut events).await, format!("snapshot {CHANGES}"));
    assert_eq!(told(&mut events).await, format!("delta {}", CHANGES + 1));
    assert_eq!(snapshots(&rig), 2);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_never_reads_is_asked_for_no_snapshots_and_holds_bounded_memory() {
    let rig = busy();
    let (queue, events) = queue_of(16);
    let running = tokio::spawn(feed(&rig, Backpressure::DropBookChanges).run(queue));
    sleep(Duration::from_secs(5000)).await;
    // Trades fill it, and then the exchange is held up.
    assert_eq!(events.len(), 16);
    assert!((rig.ws.taken.load(Ordering::Relaxed) as u64) < CHANGES + TRADES);
    assert_eq!(snapshots(&rig), 1);
    drop(events);
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_to_stop_says_so_and_what_waits_can_be_taken() {
    let rig = busy();
    let (queue, mut events) = queue_of(16);
    let ended = feed(&rig, Backpressure::Stop).run(queue).await;
    let exchange = "binance";
    assert_eq!(ended, Err(Unavailable::Behind { exchange }));
    let mut batch = Vec::new();
    assert_eq!(events.recv_many(&mut batch, 100).await, 16);
    assert_eq!(events.recv().await, None);
    assert_eq!(rig.ws.farewells.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_keeps_up_loses_nothing_under_any_policy() {
    for backpressure in [
        Backpressure::Slow,
        Backpressure::DropBookChanges,
        Backpressure::Stop,
    ] {
        let rig = busy();
        let mut events = Events::of(feed(&rig, backpressure), 4096);
        let (mut changes, mut trades) = (0, 0);
        while changes <= CHANGES {
            match events.next().await {
                FeedEventKind::L2Delta(_) => changes += 1,
                FeedEventKind::Trade(_) => trades += 1,
                FeedEventKind::Connected { .. } | FeedEventKind::L2Snapshot(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(trades, TRADES, "{backpressure:?}");
    }
}
