//! What is missing after the last trade that is stored is told, asked for, and delivered.

use std::time::Duration;

use feeds::exchange::{Acknowledgement, Rules, TradeIds};
use feeds::{Channel, FeedHandle, SymbolFilter, TradeId};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, proptest};
use tokio::time::sleep;

use crate::backfill::{answer, asked, check, in_paused_time, rig, said, told};
use crate::fake::{Events, Rig, ok, status};
use crate::fixtures::symbol;
use crate::tape::Tape;

/// A feed of the trades of two symbols.
fn start(rig: &Rig, exchange: Tape) -> (FeedHandle, Events) {
    let feed = rig.feed(exchange, &["A-B", "C-D"], &[Channel::Trades]);
    let handle = feed.handle();
    (handle, Events::of(feed, 1024))
}

fn store(handle: &FeedHandle, last: u64) {
    handle.backfill(symbol("A-B"), &TradeId::Number(last), None);
}

async fn seconds(count: u64) {
    sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_before_the_first_trade_of_the_stream_is_filled() {
    let said: &[&[&str]] = &[&["trade A-B 7 1; trade C-D 90 1; trade A-B 8 2"]];
    let rig = rig(said, &[ok("trades 4 5 6 7")]);
    let (handle, mut events) = start(&rig, Tape::default());
    store(&handle, 4);
    let expected = ["gap 5-6", "7", "90", "8", "late 5", "late 6"];
    told(&mut events, &expected).await;
    assert_eq!(asked(&rig), ["A-B&4..7&-"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_before_trades_that_have_come_is_filled() {
    let said: &[&[&str]] = &[&[
        "trade A-B 7 1; trade A-B 8 2; trade A-B 6 1",
        "wait",
        "trade A-B 9 3",
    ]];
    let rig = rig(said, &[ok("trades 4 5 6 7")]);
    let (handle, mut events) = start(&rig, Tape::default());
    seconds(5).await;
    store(&handle, 3);
    let expected = ["7", "8", "6", "gap 4-5", "late 4", "late 5", "9"];
    told(&mut events, &expected).await;
    // Once.
    store(&handle, 3);
    assert!(events.are_over_for(3600).await);
    assert_eq!(asked(&rig), ["A-B&3..6&-"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_if_the_stream_has_what_is_stored() {
    for last in [6, 7, 8, 9, 12] {
        let said: &[&[&str]] = &[&["trade A-B 7 1; trade A-B 8 2", "wait", "trade A-B 9 3"]];
        for is_late in [false, true] {
            let rig = rig(said, &[]);
            let (handle, mut events) = start(&rig, Tape::default());
            if is_late {
                seconds(5).await;
            }
            store(&handle, last);
            told(&mut events, &["7", "8", "9"]).await;
            assert_eq!(asked(&rig), [""; 0]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_is_not_waited_for() {
    let said: &[&[&str]] = &[&["wait", "trade A-B 7 1"]];
    let rig = rig(said, &[ok("trades 4 5 6")]);
    let (handle, mut events) = start(&rig, Tape::default());
    store(&handle, 4);
    let expected = ["gap 5-6", "late 5", "late 6", "7"];
    told(&mut events, &expected).await;
    assert_eq!(asked(&rig), ["A-B&4..100000004&-", "A-B&4..7&-"]);

    // Nothing has followed, and nothing is missing.
    let rig = self::rig(&[&["wait", "trade A-B 5 1"]], &[ok("trades 3 4")]);
    let (handle, mut events) = start(&rig, Tape::default());
    store(&handle, 4);
    told(&mut events, &["5"]).await;
    assert_eq!(asked(&rig).len(), 1);
}

/// Else a trade could be neither in the answer nor in the stream.
#[tokio::test(start_paused = true)]
async fn the_exchange_is_asked_when_the_stream_is_live_and_not_before() {
    let rig = rig(&[&["wait", "ack 1 -", "wait"]], &[ok("trades 5 6")]);
    let mut exchange = Tape::default();
    exchange.rules.acknowledgement = Acknowledgement::PerRequest;
    let (handle, mut events) = start(&rig, exchange);
    store(&handle, 4);
    seconds(9).await;
    assert_eq!(asked(&rig), [""; 0]);
    told(&mut events, &["gap 5-6", "late 5", "late 6"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_follows_in_many_pages_is_found_without_a_trade_of_the_stream() {
    let answers = ["trades 5 6 > 7", "trades 7 8", "trades 5 6", "trades 7 8"].map(ok);
    let rig = rig(&[&[]], &answers);
    let (handle, mut events) = start(&rig, Tape::default());
    store(&handle, 4);
    let expected = ["gap 5-6", "gap 7-8", "late 5", "late 6", "late 7", "late 8"];
    told(&mut events, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn if_the_exchange_does_not_answer_the_first_trade_shows_what_is_missing() {
    let waits = ["wait"; 10];
    let said = [&waits[..], &["trade A-B 7 1"]].concat();
    let answers = [500, 500, 500, 500].map(|code| status(code, ""));
    let answers = [&answers[..], &[ok("trades 5 6")]].concat();
    let rig = rig(&[&said], &answers);
    let (handle, mut events) = start(&rig, Tape::default());
    store(&handle, 4);
    told(&mut events, &["gap 5-6", "7", "late 5", "late 6"]).await;
    assert_eq!(asked(&rig).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_to_be_had_is_told_lost() {
    let rig = rig(&[&["trade A-B 7 1"]], &[ok("trades 6 7")]);
    let (handle, mut events) = start(&rig, Tape::default());
    store(&handle, 4);
    let lost = "lost 5-5: the exchange does not have them";
    told(&mut events, &["gap 5-6", "7", lost, "late 6"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_trade_does_not_matter() {
    let said: &[&[&str]] = &[&["trade C-D 90 1"], &["trade A-B 7 1"]];
    let rig = rig(said, &[ok("trades 5 6")]);
    let (handle, mut events) = start(&rig, Tape::default());
    store(&handle, 4);
    told(&mut events, &["90", "gap 5-6", "7", "late 5", "late 6"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_history_that_a_stream_begins_with_counts() {
    let past = "past A-B 3 1; past A-B 5 2; past A-B 6 3; trade A-B 8 4";
    let rig = rig(&[&[past]], &[ok("trades 7")]);
    let (handle, mut events) = start(&rig, Tape::default());
    store(&handle, 4);
    told(&mut events, &["late 5", "late 6", "gap 7-7", "8", "late 7"]).await;

    // It was before the subscription, and has not been delivered.
    let rig = self::rig(
        &[&["past A-B 5 2; past A-B 6 3; trade A-B 7 4"]],
        &[ok("trades 5 6")],
    );
    let (handle, mut events) = start(&rig, Tape::default());
    seconds(5).await;
    store(&handle, 4);
    told(&mut events, &["7", "gap 5-6", "late 5", "late 6"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_before_one_that_is_being_filled_comes_first() {
    let answers = [
        ok("trades 11 12 > 13").after(5),
        ok("trades 5 6 7 8 9"),
        ok("trades 13 14"),
    ];
    let rig = rig(&[&["trade A-B 10 1; trade A-B 15 2"]], &answers);
    let (handle, mut events) = start(&rig, Tape::default());
    seconds(3).await;
    store(&handle, 4);
    let expected = [
        "10",
        "gap 11-14",
        "15",
        "gap 5-9",
        "late 5",
        "late 6",
        "late 7",
        "late 8",
        "late 9",
        "late 11",
        "late 12",
        "late 13",
        "late 14",
    ];
    told(&mut events, &expected).await;
    assert_eq!(asked(&rig), ["A-B&10..15&-", "A-B&4..10&-", "A-B&12..15&-"]);
}

#[tokio::test(start_paused = true)]
async fn where_ids_have_holes_of_their_own_what_there_is_comes_and_nothing_is_claimed() {
    let growing = || Tape {
        rules: Rules {
            trades: TradeIds::Growing,
            ..Tape::default().rules
        },
        ..Tape::default()
    };
    for is_late in [false, true] {
        let rig = rig(
            &[&["trade A-B 20 1; trade A-B 25 2"]],
            &[ok("trades 20 17 11 4")],
        );
        let (handle, mut events) = start(&rig, growing());
        if is_late {
            seconds(5).await;
        }
        store(&handle, 4);
        told(&mut events, &["20", "25", "late 11", "late 17"]).await;
    }
    // Without a trade of the stream.
    let rig = rig(
        &[&["wait", "wait", "trade A-B 20 1"]],
        &[ok("trades 17 11 4")],
    );
    let (handle, mut events) = start(&rig, growing());
    store(&handle, 4);
    told(&mut events, &["late 11", "late 17", "20"]).await;
}

#[tokio::test(start_paused = true)]
async fn where_ids_are_no_numbers_nothing_happens() {
    let rig = rig(&[&["trade A-B 20 1"]], &[ok("trades 17")]);
    let opaque = Tape {
        rules: Rules {
            trades: TradeIds::Opaque { remembered: 9 },
            ..Tape::default().rules
        },
        ..Tape::default()
    };
    let (handle, mut events) = start(&rig, opaque);
    handle.backfill(symbol("A-B"), &TradeId::Text("4".into()), None);
    store(&handle, 4);
    told(&mut events, &["20"]).await;
    assert_eq!(asked(&rig), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_stored_trade_of_another_numbering_is_told() {
    let rig = rig(&[&["trade A-B 7 5; trade A-B 8 5"]], &[]);
    let (handle, mut events) = start(&rig, Tape::default());
    let before_ns = Some(1_700_000_000_000_000_000);
    handle.backfill(symbol("A-B"), &TradeId::Number(1 << 40), before_ns);
    told(&mut events, &["restarted", "7", "8"]).await;

    let rig = self::rig(&[&["trade A-B 1000000000 5"]], &[]);
    let (handle, mut events) = start(&rig, Tape::default());
    store(&handle, 4);
    told(&mut events, &["restarted", "1000000000"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_counts_for_what_is_wanted_only() {
    // The share, and then what is stored of it.
    let said: &[&[&str]] = &[&["wait", "trade C-D 90 1; trade A-B 7 1"]];
    let rig = rig(said, &[ok("trades 5 6")]);
    let (handle, mut events) = start(&rig, Tape::default());
    handle.limit_to(SymbolFilter::new(|it| it.as_str() == "C-D"));
    store(&handle, 4);
    seconds(5).await;
    handle.limit_to(SymbolFilter::new(|_| true));
    told(&mut events, &["90", "7"]).await;

    let rig = self::rig(said, &[ok("trades 5 6")]);
    let (handle, mut events) = start(&rig, Tape::default());
    handle.limit_to(SymbolFilter::new(|it| it.as_str() == "C-D"));
    seconds(5).await;
    handle.limit_to(SymbolFilter::new(|_| true));
    store(&handle, 4);
    told(&mut events, &["90", "gap 5-6", "7", "late 5", "late 6"]).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whenever what is stored becomes known: each trade after it comes once or is told lost.
    #[test]
    fn every_trade_after_the_stored_one_comes_once_or_is_lost(
        said in vec(said(), 1..20),
        answers in vec(answer(), 1..40),
        seconds in 0..30_u64,
        last in 92..110_u64,
    ) {
        in_paused_time(check(said, answers, Some((seconds, last))));
    }
}
