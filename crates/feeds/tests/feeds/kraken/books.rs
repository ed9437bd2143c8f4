//! Kraken's books against its checksums.

use feeds::exchange::{BookChange, BookContent, BookRules};
use feeds::{Exchange, Kraken, KrakenDepth, Level};
use rust_decimal::Decimal;

use super::decode;
use crate::fixtures::lines;
use crate::follower::{Follower, books, first_fault, verified};

/// Name, depth, frames, and frames with a book.
const RECORDED: [(&str, KrakenDepth, usize, usize); 4] = [
    ("btcusd_d10", KrakenDepth::Levels10, 377, 301),
    ("btcusd_d25", KrakenDepth::Levels25, 900, 873),
    ("ethusd_d25", KrakenDepth::Levels25, 400, 383),
    ("xrpusd_d25", KrakenDepth::Levels25, 400, 382),
];

fn rules(depth: KrakenDepth) -> BookRules {
    Kraken::default().with_depth(depth).rules().books
}

fn path(name: &str) -> String {
    format!("kraken/v2_real_2026/{name}.ws.jsonl")
}

fn recorded(name: &str) -> Vec<BookChange> {
    books(decode(&lines(&path(name))))
}

#[test]
fn every_checksum_of_the_recordings_holds() {
    let mut total = 0;
    for (name, depth, frames, books) in RECORDED {
        assert_eq!(lines(&path(name)).len(), frames);
        let count = verified(&rules(depth), &recorded(name));
        assert_eq!(count, books, "{name}");
        total += count;
    }
    assert_eq!(total, 1_939);
}

#[test]
fn a_book_that_is_not_cut_is_found_to_be_wrong() {
    let mut uncut = rules(KrakenDepth::Levels25);
    uncut.cut = None;
    let first = |name| first_fault(&uncut, &recorded(name));
    // A calm market does not show it.
    assert_eq!(first("btcusd_d25"), Some(188));
    assert_eq!(first("ethusd_d25"), None);
    assert_eq!(first("xrpusd_d25"), None);
    let cut = rules(KrakenDepth::Levels25);
    assert_eq!(first_fault(&cut, &recorded("btcusd_d25")), None);
}

#[test]
fn a_book_with_one_level_changed_is_found_to_be_wrong() {
    let rules = rules(KrakenDepth::Levels25);
    let smallest = Decimal::new(1, 8);
    for position in 0..10 {
        for is_bid in [true, false] {
            let mut changes = recorded("btcusd_d25");
            let snapshot = &mut changes[0];
            let side = if is_bid {
                &mut snapshot.bids
            } else {
                &mut snapshot.asks
            };
            side[position].size += smallest;
            assert_eq!(first_fault(&rules, &changes), Some(0), "level {position}");
        }
    }
}

#[test]
fn a_level_that_the_checksum_does_not_cover_may_be_wrong_for_long() {
    let rules = rules(KrakenDepth::Levels25);
    let mut changes = recorded("btcusd_d25");
    changes[0].asks[24].size += Decimal::ONE;
    let first = first_fault(&rules, &changes);
    assert!(first.is_none_or(|first| first > 0), "{first:?}");
}

#[test]
fn a_book_with_zeros_lost_is_found_to_be_wrong() {
    let mut changes = recorded("btcusd_d25");
    let normalize = |levels: &mut Vec<Level>| {
        for level in levels {
            level.price = level.price.normalize();
            level.size = level.size.normalize();
        }
    };
    for change in &mut changes {
        normalize(&mut change.bids);
        normalize(&mut change.asks);
    }
    assert_eq!(
        first_fault(&rules(KrakenDepth::Levels25), &changes),
        Some(0)
    );
}

#[test]
fn a_lost_change_is_found_by_the_next_where_the_checksum_covers_the_whole_book() {
    let rules = rules(KrakenDepth::Levels10);
    let changes = recorded("btcusd_d10");
    let (mut found, mut healed) = (0, 0);
    // Behind the last one nothing comes that could show it.
    for lost in 0..changes.len() - 1 {
        if changes[lost].content == BookContent::Snapshot {
            continue;
        }
        let mut right = Follower::new(&rules);
        let mut wrong = Follower::new(&rules);
        for (index, change) in changes[..lost + 2].iter().enumerate() {
            right.is_wrong_after(change);
            if index != lost {
                wrong.is_wrong_after(change);
            }
        }
        match wrong.book() {
            None => found += 1,
            book => {
                assert_eq!(book, right.book(), "change {lost} is lost");
                healed += 1;
            }
        }
    }
    assert_eq!((found, healed), (229, 66));
}

#[test]
fn five_books_of_a_thousand_levels_hold() {
    let all = books(decode(&lines(
        "kraken/v2_CONVERTED_from_v1_2021/book_d1000.ws.jsonl",
    )));
    let mut total = 0;
    for symbol in ["BTC-CHF", "KSM-BTC", "ETH-CHF", "OCEAN-BTC", "GRT-ETH"] {
        let of_one = |change: &&BookChange| change.symbol.as_str() == symbol;
        let changes: Vec<_> = all.iter().filter(of_one).cloned().collect();
        total += verified(&rules(KrakenDepth::default()), &changes);
    }
    assert_eq!(total, 1_114);
}

#[test]
fn single_books_hold() {
    let rules = rules(KrakenDepth::Levels10);
    let misc = lines("kraken/ws_misc_real.jsonl");
    let changes = books(decode(&misc[9..12]));
    assert_eq!(verified(&rules, &changes[..1]), 1);
    assert_eq!(verified(&rules, &changes[1..]), 2);
    // The documentation's first book is as it was on the wire, its second has lost zeros.
    let changes = books(decode(&lines("kraken/ws_doc_examples.jsonl")[2..4]));
    assert_eq!(verified(&rules, &changes[..1]), 1);
    assert_eq!(first_fault(&rules, &changes[1..]), Some(0));
}

#[test]
fn the_order_of_levels_counts_in_a_change_and_not_in_a_snapshot() {
    let frame = |kind: &str, bids: &str| {
        format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{bids}]}}]}}"#
        )
    };
    let frames = [
        frame(
            "snapshot",
            r#"{"price":1.0,"qty":5},{"price":3.0,"qty":5},{"price":2.0,"qty":5}"#,
        ),
        frame("update", r#"{"price":2.0,"qty":0},{"price":2.0,"qty":7}"#),
        // The removal of a price that is not there.
        frame("update", r#"{"price":9.0,"qty":0.00000000}"#),
    ];
    let rules = rules(KrakenDepth::Levels10);
    let mut book = Follower::new(&rules);
    for change in books(decode(&frames)) {
        assert_eq!(change.checksum, None, "not checked");
        book.is_wrong_after(&change);
    }
    let bids: Vec<_> = book.book().unwrap().bids().collect();
    let shown: Vec<_> = bids
        .iter()
        .map(|level| format!("{} {}", level.price, level.size))
        .collect();
    assert_eq!(shown, ["3.0 5", "2.0 7", "1.0 5"]);
}
