//! OKX's books.

use feeds::exchange::{BookChange, BookRules, unnumbered};
use feeds::{Covers, Exchange, FeedEventKind, InvalidReason, Okx, OrderBook};
use rust_decimal::Decimal;

use super::{NAMES, RECORDED, try_decode};
use crate::fixtures::lines;
use crate::follower::{Follower, books, first_fault, verified};

fn rules() -> BookRules {
    Okx::default().rules().books
}

/// How books continued in 2022, when they had no ids.
fn rules_of_2022() -> BookRules {
    BookRules {
        follows: unnumbered,
        ..rules()
    }
}

fn changes(lines: &[String]) -> Vec<BookChange> {
    let messages = lines.iter().flat_map(|line| try_decode(line).unwrap());
    books(messages.collect())
}

/// What a change does to a book, in a word or two.
fn outcome(book: &mut Follower, change: &BookChange) -> String {
    match &book.take(change)[..] {
        [] => "nothing".to_owned(),
        [FeedEventKind::L2Snapshot(_)] => "snapshot".to_owned(),
        [FeedEventKind::L2Delta(delta)] if delta.bids.is_empty() && delta.asks.is_empty() => {
            "empty change".to_owned()
        }
        [FeedEventKind::L2Delta(_)] => "change".to_owned(),
        [
            FeedEventKind::BookInvalid {
                reason: InvalidReason::Gap { expected, received },
                ..
            },
        ] => format!("gap {expected} {received}"),
        other => panic!("{other:?}"),
    }
}

fn recorded(symbol: &str) -> Vec<BookChange> {
    let mut changes = changes(&lines(RECORDED));
    changes.retain(|change| change.symbol.as_str() == symbol);
    changes
}

fn constructed() -> Vec<BookChange> {
    changes(&lines("okx/ws_seq_CONSTRUCTED.jsonl"))
}

#[test]
fn the_stream_keeps_books_complete_to_400_levels() {
    let rules = BookRules {
        cut: None,
        ..rules_of_2022()
    };
    let mut longest = 0;
    for name in NAMES {
        let mut book = Follower::new(&rules);
        for change in recorded(name) {
            assert!(!book.is_wrong_after(&change));
            longest = longest.max(book.book().unwrap().depth());
        }
    }
    // Those of the 400 that go are replaced, and what falls out of them is removed.
    assert_eq!(longest, 400);
    let told = Follower::new(&rules_of_2022()).take(&recorded("BTC-USDT")[0]);
    let [FeedEventKind::L2Snapshot(snapshot)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(snapshot.covers, Covers::Top { levels: 400 });
}

#[test]
fn every_checksum_of_the_recording_holds() {
    let counts = NAMES.map(|name| verified(&rules_of_2022(), &recorded(name)));
    assert_eq!(counts, [98, 0, 93, 99], "290 of 290");
}

#[test]
fn a_book_with_one_level_changed_is_found_to_be_wrong() {
    let rules = rules_of_2022();
    let unchanged = recorded("BTC-USDT");
    for side in [0, 1] {
        for index in [0, 24] {
            let mut changes = unchanged.clone();
            let levels = match side {
                0 => &mut changes[0].bids,
                _ => &mut changes[0].asks,
            };
            levels[index].size += Decimal::new(1, 8);
            assert_eq!(first_fault(&rules, &changes), Some(0), "{side} {index}");
        }
    }
    let mut lost = unchanged.clone();
    lost.remove(1);
    assert_eq!(first_fault(&rules, &lost), Some(1));
    let mut wrong = unchanged;
    wrong[7].checksum = wrong[7].checksum.map(|checksum| checksum ^ 1);
    assert_eq!(first_fault(&rules, &wrong), Some(7));
    for change in &mut wrong {
        change.checksum = None;
    }
    assert_eq!(first_fault(&rules, &wrong), None);
}

#[test]
fn the_documented_checksums_hold() {
    let of = |bids: &str, asks: &str| {
        let frame = format!(
            r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"snapshot","data":[{{"asks":{asks},"bids":{bids},"ts":"1790000000000"}}]}}"#
        );
        let mut book = OrderBook::new();
        book.apply(&changes(&[frame])[0]);
        (rules().checksum.unwrap().of)(&book).cast_signed()
    };
    let even = of(
        r#"[["3366.1","7","0","1"],["3366","6","0","1"]]"#,
        r#"[["3366.8","9","0","1"],["3368","8","0","1"]]"#,
    );
    assert_eq!(even, -1_881_014_294);
    let uneven = of(
        r#"[["3366.1","7","0","1"]]"#,
        r#"[["3366.8","9","0","1"],["3368","8","0","1"],["3372","8","0","1"]]"#,
    );
    assert_eq!(uneven, 831_078_360);
}

#[test]
fn links_are_followed_over_a_restart_and_a_missing_one_is_found() {
    let mut book = Follower::new(&rules());
    let changes = constructed();
    let outcomes: Vec<_> = changes
        .iter()
        .map(|change| outcome(&mut book, change))
        .collect();
    assert_eq!(
        outcomes,
        [
            "snapshot",
            "change",
            "empty change", // 15 after 15: a sign of life
            "change",       // 3 after 15: numbering has begun anew
            "change",
            "gap 5 7",
            "snapshot",
        ]
    );
    let bids: Vec<_> = book.book().unwrap().bids().collect();
    assert_eq!(bids.len(), 1);
    assert_eq!(bids[0].price.to_string(), "100.15");
}

#[test]
fn a_snapshot_replaces_the_book_whenever_it_comes() {
    let changes = constructed();
    let mut book = Follower::new(&rules());
    book.take(&changes[0]);
    book.take(&changes[1]);
    assert_eq!(outcome(&mut book, &changes[6]), "snapshot");
    let bids: Vec<_> = book.book().unwrap().bids().collect();
    assert_eq!(bids, changes[6].bids);
}

#[test]
fn a_repeated_link_changes_nothing_and_a_change_without_one_is_not_trusted() {
    let changes = constructed();
    let mut book = Follower::new(&rules());
    book.take(&changes[0]);
    assert_eq!(outcome(&mut book, &changes[1]), "change");
    assert_eq!(outcome(&mut book, &changes[1]), "nothing");
    for (previous, expected) in [(None, "gap 10 3"), (Some(0), "gap 10 0")] {
        let mut unlinked = changes[3].clone();
        unlinked.ids.previous = previous;
        let mut book = Follower::new(&rules());
        book.take(&changes[0]);
        assert_eq!(outcome(&mut book, &unlinked), expected);
        assert_eq!(outcome(&mut book, &changes[1]), "nothing");
        assert_eq!(book.book(), None);
    }
}

#[test]
fn links_of_2026_hold() {
    let recorded = lines("okx/ws_misc_real_2026.jsonl");
    let mut changes = changes(&recorded);
    changes.retain(|change| change.symbol.as_str() == "SOL-USDT");
    let mut book = Follower::new(&rules());
    assert_eq!(outcome(&mut book, &changes[0]), "snapshot");
    assert_eq!(outcome(&mut book, &changes[1]), "change");
    assert_eq!(changes[1].checksum, None);
}
