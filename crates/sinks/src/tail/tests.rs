use feeds::{Covers, InvalidReason, L2Delta, L2Snapshot, Level, Side, Trade, TradeId};
use rust_decimal::Decimal;

use super::*;

pub(super) fn symbol() -> Symbol {
    Symbol::parse("BTC-USDT").unwrap()
}

fn event(sequence: u64, kind: FeedEventKind) -> FeedEvent {
    FeedEvent {
        sequence,
        exchange: "binance".into(),
        connection: Some(1),
        received_ns: 1,
        kind,
    }
}

pub(super) fn trade(sequence: u64, id: u64) -> FeedEvent {
    event(
        sequence,
        FeedEventKind::Trade(Trade {
            symbol: symbol(),
            id: Some(TradeId::Number(id)),
            count: 1,
            side: Side::Buy,
            price: Decimal::ONE,
            amount: Decimal::ONE,
            backfilled: false,
            timestamp_ns: None,
        }),
    )
}

pub(super) fn snapshot(sequence: u64, id: u64) -> FeedEvent {
    event(
        sequence,
        FeedEventKind::L2Snapshot(L2Snapshot {
            symbol: symbol(),
            epoch: 1,
            covers: Covers::Top { levels: 100 },
            verified_levels: None,
            last_id: Some(id),
            bids: vec![],
            asks: vec![level(100)],
            timestamp_ns: None,
        }),
    )
}

pub(super) fn delta(sequence: u64, id: u64, bid: u64) -> FeedEvent {
    event(
        sequence,
        FeedEventKind::L2Delta(L2Delta {
            symbol: symbol(),
            epoch: 1,
            first_id: Some(id),
            last_id: Some(id),
            bids: vec![level(bid)],
            asks: vec![],
            timestamp_ns: None,
        }),
    )
}

fn level(price: u64) -> Level {
    Level {
        price: price.into(),
        size: Decimal::ONE,
    }
}

/// What is found in these events of the run `r`.
fn found(events: &[FeedEvent]) -> Summary {
    let runs: Vec<_> = events.iter().map(|event| ("r", event.clone())).collect();
    found_in(Source::Files, &runs)
}

fn found_in(source: Source, events: &[(&str, FeedEvent)]) -> Summary {
    let mut tail = Tail::new(source);
    for (run, event) in events {
        let line = serde_json::to_vec(event).unwrap();
        tail.take_line(&RunId::named(run), None, &line).unwrap();
    }
    tail.finish()
}

#[test]
fn what_is_whole_has_no_findings() {
    let gap = FeedEventKind::TradeGap {
        symbol: symbol(),
        from: 8,
        to: 9,
    };
    let summary = found(&[
        trade(1, 7),
        snapshot(2, 4),
        event(3, gap),
        trade(4, 10),
        delta(5, 5, 99),
        // Another channel's file, which is read behind.
        trade(6, 11),
    ]);
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!((summary.events, summary.trades, summary.books), (6, 3, 1));
    assert_eq!(summary.missing_trades, 2);
    assert!(summary.is_good());
}

#[test]
fn what_is_missing_and_what_is_there_twice_is_found() {
    let summary = found(&[trade(1, 7), trade(3, 9), trade(3, 9), trade(9, 10)]);
    assert_eq!(
        summary.findings,
        [
            "binance, run r: sequence 3 is there again",
            "binance BTC-USDT: trade 9 is there again",
            "binance BTC-USDT: nobody told that trades are missing: 8",
            "binance, run r: 6 sequences are missing: 2, 4 to 8",
        ]
    );
    assert!(!summary.is_good());
}

#[test]
fn a_book_is_followed_and_what_does_not_follow_is_found_once() {
    let summary = found(&[
        snapshot(1, 4),
        delta(2, 5, 99),
        delta(3, 7, 98),
        delta(4, 8, 98),
        snapshot(5, 8),
        delta(6, 9, 100),
    ]);
    assert_eq!(summary.findings.len(), 2, "{:?}", summary.findings);
    assert!(summary.findings[0].starts_with("binance BTC-USDT, sequence 3: "));
    assert!(summary.findings[1].ends_with("sequence 6: bid 100 meets ask 100"));
    assert_eq!(summary.books, 1);
}

#[test]
fn what_begins_in_the_middle_is_no_fault() {
    let summary = found(&[
        delta(7, 4, 99),
        trade(8, 3),
        snapshot(9, 5),
        delta(10, 6, 1),
    ]);
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!(summary.unanchored_changes, 1);
    let from_the_start = found(&[delta(1, 4, 99)]);
    assert_eq!(from_the_start.findings.len(), 1);
}

#[test]
fn what_was_dropped_and_told_is_no_fault() {
    let dropped = FeedEventKind::ChangesDropped {
        symbol: symbol(),
        count: 4,
    };
    let reason = InvalidReason::Dropped;
    let invalid = FeedEventKind::BookInvalid {
        symbol: symbol(),
        reason,
    };
    let summary = found(&[
        snapshot(1, 4),
        event(2, dropped),
        event(3, invalid),
        snapshot(6, 8),
    ]);
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!(summary.dropped_changes, 4);
}

#[test]
fn two_collectors_of_a_stream_have_each_trade_once_together() {
    let one = [("a", trade(1, 7)), ("b", trade(1, 8)), ("a", trade(3, 9))];
    let summary = found_in(Source::Stream, &one);
    assert_eq!(summary.findings, [""; 0]);
    assert!(summary.runs.iter().all(|run| run.shared));
    let twice = [("a", trade(1, 7)), ("b", trade(1, 7))];
    let summary = found_in(Source::Stream, &twice);
    assert_eq!(
        summary.findings,
        ["binance BTC-USDT: trade 7 is there again"]
    );
    // In files, each has its own.
    assert!(found_in(Source::Files, &twice).is_good());
    // Between two runs, nobody listened.
    let after = [("a", trade(1, 7)), ("b", trade(1, 20)), ("b", trade(2, 22))];
    let summary = found_in(Source::Stream, &after);
    let missing = "binance BTC-USDT: nobody told that trades are missing: 21";
    assert_eq!(summary.findings, [missing]);
}

#[test]
fn a_line_of_a_type_that_is_not_known_is_counted_and_what_is_no_event_is_refused() {
    let mut tail = Tail::new(Source::Files);
    let run = RunId::named("r");
    let unknown = br#"{"v":1,"sequence":1,"exchange":"binance","connection":null,"received_ns":1,"type":"new"}"#;
    tail.take_line(&run, None, unknown).unwrap();
    for line in [
        "",
        "{}",
        "[1]",
        "\u{0}",
        r#"{"v":2,"sequence":1,"exchange":"x","type":"new"}"#,
    ] {
        tail.take_line(&run, None, line.as_bytes()).unwrap_err();
    }
    let summary = tail.finish();
    assert_eq!((summary.unknown, summary.events), (1, 1));
}

#[test]
fn what_may_not_be_written_yet_is_not_missing() {
    let read = |is_growing, began_s| {
        let mut tail = Tail::new(Source::Files);
        tail.began_s = began_s;
        for (sequence, second) in [(1, 100), (2, 101), (4, 106), (6, 109)] {
            let mut event = trade(sequence, sequence);
            event.received_ns = second * 1_000_000_000;
            event.exchange = "new".into();
            tail.take(&RunId::named("r"), None, &event);
        }
        tail.runs
            .values_mut()
            .for_each(|told| told.is_growing = is_growing);
        tail.finish().runs[0].missing
    };
    assert_eq!(read(false, 110), 2);
    assert_eq!(read(true, 110), 1);
    assert_eq!(read(true, 106), 0);
    assert_eq!(read(true, 1000), 2);
}

#[test]
fn lines_may_be_torn_only_as_long_as_they_are_written() {
    let whole = serde_json::to_string(&trade(1, 7)).unwrap();
    let text = format!("{whole}\n{{\"v\":");
    let read = |is_growing| {
        let mut tail = Tail::new(Source::Files);
        tail.read_lines("x", is_growing, text.as_bytes(), |_| RunId::named("r"));
        tail.finish()
    };
    assert_eq!((read(true).wrong, read(true).torn), (0, 1));
    assert_eq!(
        read(false).findings,
        ["x:2: the file is torn: 5 bytes have no newline"]
    );
}
