//! How a snapshot and deltas are joined, case by case.

use feeds::exchange::{BookChange, BookContent, Ids, Time};
use feeds::{Binance, BookAction, BookSync, Exchange, FeedEventKind, InvalidReason};

use crate::fixtures::{level, symbol};

fn delta(first_id: u64, last_id: u64) -> BookChange {
    BookChange {
        symbol: symbol("BTC-USDT"),
        content: BookContent::Change,
        ids: Ids {
            previous: None,
            first: Some(first_id),
            last: Some(last_id),
        },
        checksum: None,
        bids: vec![level("9", &last_id.to_string())],
        asks: vec![],
        time: Time::Absent,
    }
}

fn snapshot(last_id: u64) -> BookChange {
    BookChange {
        symbol: symbol("BTC-USDT"),
        content: BookContent::Snapshot,
        ids: Ids {
            last: Some(last_id),
            ..Ids::default()
        },
        checksum: None,
        bids: vec![level("9", "1")],
        asks: vec![level("10", "1")],
        time: Time::Absent,
    }
}

fn sync() -> BookSync {
    BookSync::new(symbol("BTC-USDT"), &Binance::default().rules().books, None)
}

/// What the synchroniser wants done, in a word or two each.
fn actions(sync: &mut BookSync) -> Vec<String> {
    let actions = std::iter::from_fn(|| sync.next_action());
    actions
        .map(|action| match action {
            BookAction::NeedSnapshot { .. } => "need".to_owned(),
            BookAction::Emit(FeedEventKind::L2Snapshot(snapshot), _) => {
                format!("snapshot {}", snapshot.last_id.unwrap())
            }
            BookAction::Emit(FeedEventKind::L2Delta(delta), _) => {
                format!("{}-{}", delta.first_id.unwrap(), delta.last_id.unwrap())
            }
            BookAction::Emit(FeedEventKind::BookInvalid { reason, .. }, _) => match reason {
                InvalidReason::Gap { expected, received } => format!("gap {expected} {received}"),
                InvalidReason::Crossed { .. } => "crossed".to_owned(),
                InvalidReason::Disconnected => "disconnected".to_owned(),
                InvalidReason::Restarted => "restarted".to_owned(),
                InvalidReason::TooLarge => "too large".to_owned(),
                InvalidReason::Missed => "missed".to_owned(),
                _ => panic!("a new reason"),
            },
            BookAction::Emit(other, _) => panic!("{other:?}"),
        })
        .collect()
}

/// Buffers 11-20 and 21-30, then takes a snapshot.
fn buffered(snapshot_id: u64) -> BookSync {
    let mut sync = sync();
    sync.update(delta(11, 20), 0);
    sync.update(delta(21, 30), 0);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(snapshot_id), 0);
    sync
}

#[test]
fn the_first_delta_asks_for_a_snapshot() {
    let mut sync = sync();
    assert!(actions(&mut sync).is_empty());
    sync.update(delta(1, 1), 0);
    sync.update(delta(2, 2), 0);
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
        (30, vec!["snapshot 30"]),
        (99, vec!["snapshot 99"]),
    ] {
        assert_eq!(
            actions(&mut buffered(snapshot_id)),
            expected,
            "{snapshot_id}"
        );
    }
}

#[test]
fn a_snapshot_ahead_of_the_stream_is_the_book_and_what_it_holds_does_not_come() {
    let mut sync = buffered(35);
    assert_eq!(actions(&mut sync), ["snapshot 35"]);
    assert_eq!(sync.book().unwrap().1, 35);
    sync.update(delta(31, 35), 0);
    // Repeated, and from before the snapshot that was taken.
    sync.update(delta(11, 20), 0);
    sync.snapshot(snapshot(15), 0);
    assert!(actions(&mut sync).is_empty());
    sync.update(delta(36, 36), 0);
    assert_eq!(actions(&mut sync), ["36-36"]);
    assert_eq!(sync.book().unwrap().1, 36);
}

#[test]
fn a_snapshot_ahead_of_the_stream_is_void_if_the_stream_skips_its_id() {
    let mut sync = buffered(35);
    sync.update(delta(37, 40), 0);
    assert_eq!(actions(&mut sync), ["snapshot 35", "gap 36 37", "need"]);
    sync.snapshot(snapshot(36), 0);
    assert_eq!(actions(&mut sync), ["snapshot 36", "37-40"]);
}

#[test]
fn what_a_snapshot_holds_may_be_missing_in_the_stream() {
    let mut sync = buffered(35);
    sync.update(delta(33, 36), 0);
    assert_eq!(actions(&mut sync), ["snapshot 35", "33-36"]);
}

#[test]
fn a_quiet_market_has_a_book_without_any_change() {
    let mut sync = sync();
    sync.note_subscribed();
    sync.note_subscribed();
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(7), 0);
    sync.note_subscribed();
    assert_eq!(actions(&mut sync), ["snapshot 7"]);
    sync.update(delta(5, 6), 0);
    sync.update(delta(7, 8), 0);
    assert_eq!(actions(&mut sync), ["7-8"]);
}

#[test]
fn a_snapshot_that_the_stream_does_not_come_to_is_void() {
    const SECOND: i64 = 1_000_000_000;
    let mut sync = sync();
    sync.update(delta(1, 1), 0);
    sync.snapshot(snapshot(u64::MAX - 1), SECOND);
    let told = format!("snapshot {}", u64::MAX - 1);
    assert_eq!(actions(&mut sync), ["need", &told]);
    // A subscriber that takes long for the snapshot is not the exchange's delay.
    sync.update(delta(2, 2), 20 * SECOND);
    sync.update(delta(3, 3), 30 * SECOND);
    assert!(actions(&mut sync).is_empty());
    sync.update(delta(4, 4), 30 * SECOND + 1);
    assert_eq!(actions(&mut sync), ["restarted", "need"]);
    sync.snapshot(snapshot(3), 31 * SECOND);
    assert_eq!(actions(&mut sync), ["snapshot 3", "4-4"]);
}

/// A subscriber that is behind holds up the reading: what is read was sent long ago.
#[test]
fn a_stream_that_is_read_late_comes_to_its_snapshot_however_long_that_takes() {
    const SECOND: i64 = 1_000_000_000;
    let sent_at = |id: u64| {
        let second = i64::try_from(id).unwrap();
        BookChange {
            time: Time::At((1000 + second) * SECOND),
            ..delta(id, id)
        }
    };
    let mut sync = sync();
    // On time, then a minute late, and read half as fast as it is sent.
    sync.update(sent_at(1), 1001 * SECOND);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(70), 1070 * SECOND);
    assert_eq!(actions(&mut sync), ["snapshot 70"]);
    for id in 2..=70 {
        let read_at = 1070 + 2 * i64::try_from(id).unwrap();
        sync.update(sent_at(id), read_at * SECOND);
        assert_eq!(actions(&mut sync), [""; 0], "{id}");
    }
    sync.update(sent_at(71), 1300 * SECOND);
    assert_eq!(actions(&mut sync), ["71-71"]);
    // One whose id is none is found out all the same.
    sync.invalidate(InvalidReason::Missed, 1300 * SECOND);
    sync.update(sent_at(72), 1301 * SECOND);
    sync.snapshot(snapshot(1 << 60), 1302 * SECOND);
    for id in 73..90 {
        sync.update(sent_at(id), (1240 + i64::try_from(id).unwrap()) * SECOND);
    }
    sync.update(sent_at(400), 1420 * SECOND);
    assert!(actions(&mut sync).contains(&"restarted".to_owned()));
}

#[test]
fn a_snapshot_from_before_numbering_began_anew_is_not_taken() {
    let at = |change: BookChange, second: i64| BookChange {
        time: Time::At(1_700_000_000_000_000_000 + second),
        ..change
    };
    let mut sync = sync();
    sync.update(at(delta(11, 20), 1), 0);
    sync.update(at(delta(1, 2), 2), 0);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(20), 0);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(1), 0);
    assert_eq!(actions(&mut sync), ["snapshot 1", "1-2"]);
    // A book that is ahead: behind the last id of the stream, and later.
    sync.restart(0);
    sync.update(at(delta(11, 20), 3), 0);
    sync.snapshot(snapshot(25), 0);
    sync.update(at(delta(11, 20), 3), 0);
    assert_eq!(actions(&mut sync), ["disconnected", "need", "snapshot 25"]);
    sync.update(at(delta(1, 2), 4), 0);
    assert_eq!(actions(&mut sync), ["restarted", "need"]);
}

#[test]
fn a_snapshot_that_is_too_old_leaves_the_buffer_as_it_is() {
    let mut sync = buffered(9);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(10), 0);
    assert_eq!(actions(&mut sync), ["snapshot 10", "11-20", "21-30"]);
}

#[test]
fn a_gap_while_buffering_forgets_what_came_before_it() {
    let mut sync = sync();
    sync.update(delta(1, 5), 0);
    sync.update(delta(7, 9), 0);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(3), 0);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(6), 0);
    assert_eq!(actions(&mut sync), ["snapshot 6", "7-9"]);
}

#[test]
fn a_snapshot_that_does_not_hold_what_was_forgotten_is_too_old() {
    let mut sync = sync();
    sync.update(delta(11, 12), 0);
    assert_eq!(sync.forget_waiting(), 1);
    assert_eq!(sync.forget_waiting(), 0);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(11), 0);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.update(delta(13, 14), 0);
    sync.snapshot(snapshot(12), 0);
    assert_eq!(actions(&mut sync), ["snapshot 12", "13-14"]);
}

#[test]
fn what_was_forgotten_is_of_no_account_when_numbering_begins_anew() {
    let mut sync = sync();
    sync.update(delta(11, 12), 0);
    assert_eq!(sync.forget_waiting(), 1);
    sync.update(delta(1, 2), 0);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(12), 0);
    assert_eq!(actions(&mut sync), ["need"], "from before");
    sync.snapshot(snapshot(1), 0);
    assert_eq!(actions(&mut sync), ["snapshot 1", "1-2"]);
}

#[test]
fn repeated_and_overlapping_deltas_do_no_harm() {
    let mut sync = buffered(20);
    for repeated in [delta(21, 30), delta(11, 20), delta(30, 30)] {
        sync.update(repeated, 0);
    }
    sync.update(delta(25, 31), 0);
    sync.update(delta(32, 32), 0);
    assert_eq!(
        actions(&mut sync),
        ["snapshot 20", "21-30", "25-31", "32-32"]
    );
}

#[test]
fn a_gap_makes_the_book_invalid_and_its_delta_the_first_of_the_next() {
    let mut sync = buffered(20);
    sync.update(delta(32, 33), 0);
    sync.update(delta(34, 34), 0);
    assert_eq!(
        actions(&mut sync),
        ["snapshot 20", "21-30", "gap 31 32", "need"]
    );
    assert!(sync.book().is_none());
    sync.snapshot(snapshot(31), 0);
    assert_eq!(actions(&mut sync), ["snapshot 31", "32-33", "34-34"]);
}

#[test]
fn a_delta_that_crosses_the_book_makes_it_invalid() {
    let mut sync = buffered(20);
    let mut crossing = delta(31, 31);
    crossing.bids.push(level("10.0", "1"));
    sync.update(crossing, 0);
    assert_eq!(
        actions(&mut sync),
        ["snapshot 20", "21-30", "crossed", "need"]
    );
    sync.snapshot(snapshot(31), 0);
    sync.update(delta(32, 32), 0);
    assert_eq!(actions(&mut sync), ["snapshot 31", "32-32"]);
}

#[test]
fn a_book_does_not_grow_for_ever() {
    let mut sync = buffered(20);
    let mut many = delta(31, 31);
    many.bids = (1..=100_000)
        .map(|price| level(&format!("0.{price:06}"), "1"))
        .collect();
    sync.update(many, 0);
    assert_eq!(
        actions(&mut sync),
        ["snapshot 20", "21-30", "too large", "need"]
    );
}

#[test]
fn a_crossed_snapshot_is_not_delivered() {
    let mut sync = sync();
    sync.update(delta(1, 1), 0);
    let mut crossed = snapshot(0);
    crossed.bids.push(level("11", "1"));
    sync.snapshot(crossed, 0);
    assert_eq!(actions(&mut sync), ["need", "crossed", "need"]);
    sync.snapshot(snapshot(0), 0);
    assert_eq!(actions(&mut sync), ["snapshot 0", "1-1"]);
}

#[test]
fn a_snapshot_of_a_true_book_is_ignored() {
    let mut sync = buffered(20);
    sync.snapshot(snapshot(25), 0);
    assert_eq!(actions(&mut sync), ["snapshot 20", "21-30"]);
    assert_eq!(sync.book().unwrap().1, 30);
}

#[test]
fn only_so_many_deltas_are_kept_and_the_oldest_go_first() {
    let mut sync = sync();
    for id in 1..=3000 {
        sync.update(delta(id, id), 0);
    }
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(951), 0);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.snapshot(snapshot(952), 0);
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
    sync.update(delta(40, 40), 0);
    assert_eq!(actions(&mut sync), ["need"]);
    sync.restart(7);
    sync.update(delta(50, 50), 0);
    assert_eq!(actions(&mut sync), ["need"]);
}

#[test]
fn ids_at_the_end_of_their_range_do_not_overflow() {
    let mut sync = sync();
    sync.update(delta(u64::MAX, u64::MAX), 0);
    sync.snapshot(snapshot(u64::MAX - 1), 0);
    sync.update(delta(u64::MAX, u64::MAX), 0);
    assert_eq!(
        actions(&mut sync),
        [
            "need",
            &format!("snapshot {}", u64::MAX - 1),
            &format!("{0}-{0}", u64::MAX)
        ]
    );
}

#[test]
fn an_id_that_is_not_new_of_a_later_time_is_a_restart_of_numbering() {
    let at = |change: BookChange, second: i64| BookChange {
        time: Time::At(1_700_000_000_000_000_000 + second),
        ..change
    };
    let mut sync = sync();
    sync.update(at(delta(11, 20), 1), 0);
    sync.snapshot(snapshot(15), 0);
    sync.update(at(delta(11, 20), 1), 0);
    assert_eq!(actions(&mut sync), ["need", "snapshot 15", "11-20"]);
    sync.update(at(delta(1, 2), 2), 0);
    assert_eq!(actions(&mut sync), ["restarted", "need"]);
    sync.update(at(delta(3, 4), 3), 0);
    sync.snapshot(snapshot(2), 0);
    assert_eq!(actions(&mut sync), ["snapshot 2", "3-4"]);
    // Below the first id of the connection, whatever the time.
    sync.update(at(delta(0, 0), 3), 0);
    assert_eq!(actions(&mut sync), ["restarted", "need"]);
}

#[test]
fn a_book_that_is_given_up_is_built_anew() {
    let mut sync = buffered(20);
    actions(&mut sync);
    sync.invalidate(InvalidReason::Missed, 0);
    assert_eq!(actions(&mut sync), ["missed", "need"]);
    sync.invalidate(InvalidReason::Missed, 0);
    sync.update(delta(41, 41), 0);
    assert!(actions(&mut sync).is_empty(), "one snapshot is under way");
    sync.snapshot(snapshot(40), 0);
    assert_eq!(actions(&mut sync), ["need"], "from before the loss");
    sync.snapshot(snapshot(40), 0);
    assert_eq!(actions(&mut sync), ["snapshot 40", "41-41"]);
}
