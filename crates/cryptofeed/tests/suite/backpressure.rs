//! `cryptofeed run` when its output is read too slowly, under each policy.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::child::{Running, Stalled};
use crate::flood::{Flood, Flooded};
use crate::workspace::Workspace;

/// Far more than it takes, for a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(10);

/// Far more than the program and all that may wait take: 4,096 events, and as much again.
const MOST_MIB: u64 = 128;

/// Sent bytes of ten times as many events as may wait.
const ENOUGH: usize = 8 << 20;

async fn flooded(backpressure: &str) -> (Workspace, Flooded) {
    let workspace = Workspace::new();
    let exchange = Flooded::start(Flood::Changes).await;
    exchange.configure_with(&workspace, backpressure);
    (workspace, exchange)
}

fn whole_lines(text: &str) -> Vec<Value> {
    assert!(text.ends_with("}\n"), "a torn line: {text}");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_stuck_costs_bounded_memory_and_gets_whole_lines_in_the_end() {
    for backpressure in ["slow", "drop_book_changes"] {
        let (workspace, exchange) = flooded(backpressure).await;
        let command = workspace.cryptofeed(&["run", "--format", "jsonl"], &[]);
        let run = Running::start_unread(command);
        run.logged("standard output is not read", 2);
        if backpressure == "drop_book_changes" {
            // It is not held up.
            exchange.wait_for_sent(ENOUGH);
        }
        let peak_mib = run.peak_mib();
        assert!(peak_mib < MOST_MIB, "{backpressure}: {peak_mib} MiB");
        run.terminate();
        let (code, left, log) = run.finish_unread();
        assert_eq!(code, Some(3), "{backpressure}: {log}");
        whole_lines(&left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_on_learns_what_was_dropped_and_misses_no_trade() {
    let (workspace, exchange) = flooded("drop_book_changes").await;
    let command = workspace.cryptofeed(&["run", "--format", "jsonl"], &[]);
    let mut run = Running::start_unread(command);
    run.logged("standard output is not read", 1);
    exchange.wait_for_sent(ENOUGH);
    exchange.stop();
    run.read();
    let (mut sequence, mut trades, mut dropped) = (0, 0, None);
    run.find(|line| {
        sequence += 1;
        assert_eq!(line["sequence"], sequence, "a hole");
        match line["type"].as_str().unwrap() {
            "trade" => {
                trades += 1;
                assert_eq!(line["id"], trades.to_string(), "a trade is missing");
            }
            "l2_delta" => assert_eq!(dropped, None, "the book is invalid"),
            "changes_dropped" => dropped = line["count"].as_u64(),
            "book_invalid" => assert_eq!(line["reason"]["kind"], "dropped"),
            _ => {}
        }
        // Far behind what was dropped.
        trades == 500
    });
    assert!(dropped > Some(1000), "{dropped:?}");
    let log = run.logged("changes of a book were dropped", 1);
    assert!(log.contains("symbol=BTC-USDT"), "{log}");
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_to_stop_ends_the_command_with_3_and_the_reason() {
    let (workspace, _exchange) = flooded("stop").await;
    let run = Stalled::start(workspace.cryptofeed(&["run", "--format", "jsonl"], &[]));
    let (code, left, log) = run.finish();
    assert_eq!(code, Some(3), "{log}");
    let reason = "error: standard output is not read as fast as binance sends, and \
                  feeds.binance.backpressure is `stop`; events that were not written: ";
    assert!(log.contains(reason), "{log}");
    let unwritten = log.rsplit_once(reason).unwrap().1.trim();
    let unwritten: usize = unwritten.parse().unwrap();
    let events = log.rsplit_once("binance: ").unwrap().1;
    let events = events.split_once(' ').unwrap().0;
    let written = whole_lines(&left).len();
    assert_eq!(
        written + unwritten,
        events.parse::<usize>().unwrap(),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_does_not_exist_is_refused_with_those_that_do() {
    let (workspace, _exchange) = flooded("drop").await;
    let run = workspace.output(&["run"], &[]);
    assert_eq!(run.code, Some(2));
    let problem = "feeds.binance.backpressure";
    assert!(run.stderr.contains(problem), "{}", run.stderr);
    let expected = "expected slow, drop_book_changes or stop";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_changes_does_not_keep_a_book_from_its_snapshot() {
    let (workspace, _exchange) = flooded("slow").await;
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    run.find(|line| line["type"] == "connected");
    let start = Instant::now();
    run.find(|line| line["type"] == "l2_snapshot");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}
