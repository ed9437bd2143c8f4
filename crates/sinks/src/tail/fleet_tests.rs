use super::tests::{delta, snapshot, symbol, trade};
use super::*;

/// What is found in these events of a fleet: the run, the revision of its fence, and the event.
fn tail_of(events: &[(&str, u64, FeedEvent)]) -> Tail {
    let mut tail = Tail::new(Source::Stream);
    for (run, revision, event) in events {
        let fence = Fence::new("prod", 3, *revision);
        tail.take(&RunId::named(run), fence.as_ref(), event);
    }
    tail
}

fn bids(tail: &Tail, run: &str) -> Option<usize> {
    let book = tail.book(&RunId::named(run), "binance", &symbol())?;
    Some(book.bids().count())
}

#[test]
fn behind_a_hand_over_the_book_is_the_successors_and_the_trades_are_everybodys() {
    let mut events = vec![
        ("a", 10, snapshot(1, 4)),
        ("a", 10, trade(2, 7)),
        // The shard is the other's; its book begins in a moment.
        ("b", 20, trade(1, 8)),
        ("a", 10, delta(3, 5, 99)),
        ("b", 20, snapshot(2, 5)),
        // It goes on for a while, and would change the book once more.
        ("a", 10, delta(4, 6, 98)),
        ("a", 10, trade(5, 9)),
        ("b", 20, delta(3, 6, 98)),
    ];
    let tail = tail_of(&events);
    assert_eq!((bids(&tail, "a"), bids(&tail, "b")), (None, Some(1)));
    let summary = tail.finish();
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!((summary.fenced, summary.trades, summary.books), (3, 3, 1));
    let fenced: Vec<_> = summary.runs.iter().map(|run| run.fenced).collect();
    assert_eq!(fenced, [3, 0]);

    // Back again, and with a snapshot.
    events.push(("a", 30, snapshot(6, 9)));
    events.push(("b", 20, delta(4, 7, 97)));
    let tail = tail_of(&events);
    assert_eq!((bids(&tail, "a"), bids(&tail, "b")), (Some(0), None));
    assert_eq!(tail.finish().findings, [""; 0]);
}

#[test]
fn who_follows_one_that_was_killed_misses_nothing_without_a_word() {
    let killed = [("a", 10, trade(1, 7)), ("b", 20, trade(1, 9))];
    let summary = tail_of(&killed).finish();
    let missing = "binance BTC-USDT: nobody told that trades are missing: 8";
    assert_eq!(summary.findings, [missing]);
    let mut backfilled = trade(2, 8);
    if let FeedEventKind::Trade(trade) = &mut backfilled.kind {
        trade.backfilled = true;
    }
    let whole = [&killed[..], &[("b", 20, backfilled)]].concat();
    assert_eq!(tail_of(&whole).finish().findings, [""; 0]);
}

#[test]
fn a_late_return_changes_no_book_and_its_trades_are_there_once() {
    let late = [
        ("a", 10, snapshot(1, 4)),
        ("b", 20, snapshot(1, 8)),
        ("b", 20, trade(2, 8)),
        ("a", 10, delta(2, 5, 99)),
        ("a", 10, snapshot(3, 6)),
        ("a", 10, trade(4, 7)),
    ];
    let tail = tail_of(&late);
    assert_eq!((bids(&tail, "a"), bids(&tail, "b")), (None, Some(0)));
    let summary = tail.finish();
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!((summary.fenced, summary.books), (3, 1));
    let twice = [("b", 20, trade(1, 7)), ("a", 10, trade(1, 7))];
    let summary = tail_of(&twice).finish();
    assert_eq!(
        summary.findings,
        ["binance BTC-USDT: trade 7 is there again"]
    );
}

#[test]
fn a_successor_that_does_not_begin_with_a_snapshot_is_found() {
    let events = [("a", 10, snapshot(1, 4)), ("b", 20, delta(7, 5, 99))];
    let summary = tail_of(&events).finish();
    assert_eq!(summary.findings.len(), 1, "{:?}", summary.findings);
    assert!(summary.findings[0].starts_with("binance BTC-USDT, sequence 7: "));
    // Reading has begun in the middle.
    assert!(tail_of(&events[1..]).finish().is_good());
}

#[test]
fn a_collector_that_gets_its_own_shard_again_goes_on() {
    let again = [("a", 10, snapshot(1, 4)), ("a", 30, delta(2, 5, 99))];
    let summary = tail_of(&again).finish();
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!((summary.fenced, summary.books), (0, 1));
    // Another has it, and has told nothing of the book.
    let taken = [("a", 10, snapshot(1, 4)), ("b", 20, trade(1, 7))];
    assert_eq!(tail_of(&taken).finish().books, 0);
}

#[test]
fn shards_of_other_fleets_are_others() {
    let mut tail = Tail::new(Source::Stream);
    for (run, fleet, shard, revision) in [("a", "x", 3, 20), ("b", "y", 3, 1), ("c", "x", 4, 1)] {
        let fence = Fence::new(fleet, shard, revision);
        tail.take(&RunId::named(run), fence.as_ref(), &snapshot(1, 4));
    }
    assert_eq!(tail.finish().fenced, 0);
}

#[test]
fn two_fleets_in_one_stream_have_a_book_each() {
    let mut tail = Tail::new(Source::Stream);
    for (run, fleet, event) in [
        ("a", "x", snapshot(1, 4)),
        ("b", "y", snapshot(1, 4)),
        ("a", "x", delta(2, 5, 99)),
        ("b", "y", delta(2, 5, 99)),
        // The shard of one of them has a successor.
        ("c", "x", snapshot(1, 5)),
        ("b", "y", delta(3, 6, 98)),
        ("c", "x", delta(2, 6, 98)),
    ] {
        let revision = if run == "c" { 2 } else { 1 };
        let fence = Fence::new(fleet, 3, revision);
        tail.take(&RunId::named(run), fence.as_ref(), &event);
    }
    assert_eq!(
        ["a", "b", "c"].map(|run| bids(&tail, run)),
        [None, Some(2), Some(1)]
    );
    let summary = tail.finish();
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!((summary.books, summary.fenced), (2, 0));
}
