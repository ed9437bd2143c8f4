//! How a snapshot and deltas are joined, case by case.

use feeds::{BookAction, BookSync, FeedEvent, InvalidReason, L2Delta, L2Snapshot};

use crate::fixtures::{level, symbol};

fn delta(first_id: u64, last_id: u64) -> L2Delta {
    L2Delta {
        exchange: "binance",
        symbol: symbol("BTC-USDT"),
        first_id,
        last_id,
        bids: vec![level("9", &last_id.to_string())],
        asks: vec![],
        timestamp_ns: None,
        received_ns: 0,
    }
}

fn snapshot(last_id: u64) -> L2Snapshot {
    L2Snapshot {
        exchange: "binance",
        symbol: symbol("BTC-USDT"),
        last_id,
        bids: vec![level("9", "1")],
        asks: vec![level("10", "1")],
        timestamp_ns: None,
        received_ns: 0,
    }
}

fn sync() -> BookSync {
    BookSync::new("binance", symbol("BTC-USDT"))
}

/// What the synchroniser wants done, in a word or two each.
fn actions(sync: &mut BookSync) -> Vec<String> {
    let actions = std::iter::from_fn(|| sync.next_action());
    actions
        .map(|action| match action {
            BookAction::NeedSnapshot => "need".to_owned(),
            BookAction::Emit(FeedEvent::L2Snapshot(snapshot)) => {
                format!("snapshot {}", snapshot.last_id)
            }
            BookAction::Emit(FeedEvent::L2Delta(delta)) => {
                format!("{}-{}", delta.first_id, delta.last_id)
            }
            BookAction::Emit(FeedEvent::BookInvalid { reason, .. }) => match reason {
                InvalidReason::Gap { expected, received } => format!("gap {expected} {received}"),
                InvalidReason::Crossed { .. } => "crossed".to_owned(),
                InvalidReason::Disconnected => "disconnected".to_owned(),
                _ => panic!("a new reason"),
            },
            BookAction::Emit(other) => panic!("{other:?}"),
        })
        .collect()
}

/// Buffers 11-20 and 21-30, then takes a snapshot.
fn buffered(snapshot_id: u64) -> BookSync {
    let mut sync = sync();
    sync.update(delta(11, 20));
    sync.update(delta(21, 30));
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(snapshot_id));
    sync
}

#[test]
fn the_first_delta_asks_for_a_snapshot() {
    let mut sync = sync();
    assert!(actions(&mut sync).is_empty());
    sync.update(delta(1, 1));
    sync.update(delta(2, 2));
    assert_eq!(actions(&mut sync), ["need"]);
}

#[test]
fn a_snapshot_joins_where_the_next_delta_starts_at_or_before_the_id_after_its_own() {
    for (snapshot_id, expected) in [
        (9, vec!["need"]),
        (10, vec!["snapshot 10", "11-20", "21-30"]),
        (15, vec!["snapshot 15", "11-20", "21-30"]),
        (19, vec!["snapshot 19", "11-20", "21-30"]),
        (20, vec!["snapshot 20", "21-30"]),
        (29, vec!["snapshot 29", "21-30"]),
        (30, vec![]),
        (99, vec![]),
    ] {
        assert_eq!(
            actions(&mut buffered(snapshot_id)),
            expected,
            "{snapshot_id}"
        );
    }
}

#[test]
fn a_snapshot_ahead_of_the_stream_waits_for_it() {
    let mut sync = buffered(35);
    sync.update(delta(31, 35));
    assert!(actions(&mut sync).is_empty());
    assert!(sync.book().is_none());
    sync.update(delta(36, 36));
    assert_eq!(actions(&mut sync), ["snapshot 35", "36-36"]);
    assert_eq!(sync.book().unwrap().1, 36);
}

#[test]
fn a_snapshot_ahead_of_the_stream_is_void_if_the_stream_skips_its_id() {
    let mut sync = buffered(35);
    sync.update(delta(37, 40));
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(36));
    assert_eq!(actions(&mut sync), ["snapshot 36", "37-40"]);
}

#[test]
fn an_older_snapshot_does_not_replace_one_that_waits_for_the_stream() {
    let mut sync = buffered(35);
    sync.snapshot(snapshot(15));
    sync.update(delta(11, 20));
    assert!(actions(&mut sync).is_empty());
    sync.update(delta(31, 36));
    assert_eq!(actions(&mut sync), ["snapshot 35", "31-36"]);
}

#[test]
fn a_snapshot_that_is_too_old_leaves_the_buffer_as_it_is() {
    let mut sync = buffered(9);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(10));
    assert_eq!(actions(&mut sync), ["snapshot 10", "11-20", "21-30"]);
}

#[test]
fn a_gap_while_buffering_forgets_what_came_before_it() {
    let mut sync = sync();
    sync.update(delta(1, 5));
    sync.update(delta(7, 9));
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(3));
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(6));
    assert_eq!(actions(&mut sync), ["snapshot 6", "7-9"]);
}

#[test]
fn repeated_and_overlapping_deltas_do_no_harm() {
    let mut sync = buffered(20);
    for repeated in [delta(21, 30), delta(11, 20), delta(30, 30)] {
        sync.update(repeated);
    }
    sync.update(delta(25, 31));
    sync.update(delta(32, 32));
    assert_eq!(
        actions(&mut sync),
        ["snapshot 20", "21-30", "25-31", "32-32"]
    );
}

#[test]
fn a_gap_makes_the_book_invalid_and_its_delta_the_first_of_the_next() {
    let mut sync = buffered(20);
    sync.update(delta(32, 33));
    sync.update(delta(34, 34));
    assert_eq!(
        actions(&mut sync),
        ["snapshot 20", "21-30", "gap 31 32", "need"]
    );
    assert!(sync.book().is_none());
    sync.snapshot(snapshot(31));
    assert_eq!(actions(&mut sync), ["snapshot 31", "32-33", "34-34"]);
}

#[test]
fn a_delta_that_crosses_the_book_makes_it_invalid() {
    let mut sync = buffered(20);
    let mut crossing = delta(31, 31);
    crossing.bids.push(level("10.0", "1"));
    sync.update(crossing);
    assert_eq!(
        actions(&mut sync),
        ["snapshot 20", "21-30", "crossed", "need"]
    );
    sync.snapshot(snapshot(31));
    sync.update(delta(32, 32));
    assert_eq!(actions(&mut sync), ["snapshot 31", "32-32"]);
}

#[test]
fn a_crossed_snapshot_is_not_delivered() {
    let mut sync = sync();
    sync.update(delta(1, 1));
    let mut crossed = snapshot(0);
    crossed.bids.push(level("11", "1"));
    sync.snapshot(crossed);
    assert_eq!(actions(&mut sync), ["need", "crossed", "need"]);
    sync.snapshot(snapshot(0));
    assert_eq!(actions(&mut sync), ["snapshot 0", "1-1"]);
}

#[test]
fn a_snapshot_of_a_true_book_is_ignored() {
    let mut sync = buffered(20);
    sync.snapshot(snapshot(25));
    assert_eq!(actions(&mut sync), ["snapshot 20", "21-30"]);
    assert_eq!(sync.book().unwrap().1, 30);
}

#[test]
fn only_so_many_deltas_are_kept_and_the_oldest_go_first() {
    let mut sync = sync();
    for id in 1..=3000 {
        sync.update(delta(id, id));
    }
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(951));
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(952));
    assert_eq!(actions(&mut sync).len(), 1 + 2048);
}

#[test]
fn the_end_of_the_stream_makes_a_true_book_invalid_and_only_that() {
    let mut sync = buffered(20);
    actions(&mut sync);
    sync.restart(5);
    assert_eq!(actions(&mut sync), ["disconnected"]);
    sync.restart(6);
    assert!(actions(&mut sync).is_empty());
    sync.update(delta(40, 40));
    assert_eq!(actions(&mut sync), ["need"]);
    sync.restart(7);
    sync.update(delta(50, 50));
    assert_eq!(actions(&mut sync), ["need"]);
}

#[test]
fn ids_at_the_end_of_their_range_do_not_overflow() {
    let mut sync = sync();
    sync.update(delta(u64::MAX, u64::MAX));
    sync.snapshot(snapshot(u64::MAX - 1));
    sync.update(delta(u64::MAX, u64::MAX));
    assert_eq!(
        actions(&mut sync),
        [
            "need",
            &format!("snapshot {}", u64::MAX - 1),
            &format!("{0}-{0}", u64::MAX)
        ]
    );
}
