use std::collections::BTreeMap;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::json;

use super::*;
use crate::exchange::{ExchangeMessage, Ticker, Time};
use crate::metrics::Traffic;

fn event(exchange: &str, kind: &serde_json::Value) -> FeedEvent {
    let mut event = json!({"v": 1, "sequence": 1, "exchange": exchange, "connection": 1,
        "received_ns": 1_700_000_000_250_000_000_i64, "symbol": "BTC-USDT"});
    let kind = kind.as_object().unwrap().clone();
    event.as_object_mut().unwrap().extend(kind);
    serde_json::from_value(event).unwrap()
}

fn trade(backfilled: bool) -> serde_json::Value {
    json!({"type": "trade", "id": "7", "count": 1, "side": "buy", "price": "1", "amount": "1",
        "backfilled": backfilled, "timestamp_ns": 1_700_000_000_000_000_000_i64})
}

fn read(batches: &[&[FeedEvent]]) {
    let mut observer = Observer::default();
    for batch in batches {
        observer.observe(batch, || 9);
    }
}

/// What is recorded meanwhile, by name and the values of the labels.
fn recorded(meanwhile: impl FnOnce()) -> BTreeMap<String, Vec<f64>> {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, meanwhile);
    let values = recorder.snapshotter().snapshot().into_vec().into_iter();
    let values = values.map(|(key, _, _, value)| {
        let (name, labels) = key.key().clone().into_parts();
        let metric = METRICS.iter().find(|metric| metric.name == name.as_str());
        let keys: Vec<_> = labels.iter().map(metrics::Label::key).collect();
        assert_eq!(metric.map(|metric| metric.labels), Some(&*keys), "{name:?}");
        let labels: Vec<_> = labels.iter().map(metrics::Label::value).collect();
        let value = match value {
            DebugValue::Counter(count) => vec![count as f64],
            DebugValue::Gauge(value) => vec![value.into_inner()],
            DebugValue::Histogram(values) => values.into_iter().map(f64::from).collect(),
        };
        let name = name.as_str().trim_start_matches("cryptofeed_").to_owned();
        ([vec![name.as_str()], labels].concat().join(" "), value)
    });
    values
        .filter(|(_, value)| !value.is_empty() && *value != [0.0])
        .collect()
}

#[test]
fn every_kind_of_trouble_is_counted_and_every_metric_of_the_table_is_recorded() {
    let planned = |kind: &str, planned: bool, attempt: u32| json!({"type": kind, "reason": "cut", "retry_in_ms": 200, "planned": planned, "attempt": attempt});
    let events = [
        trade(false),
        trade(true),
        planned("disconnected", false, 1),
        planned("disconnected", false, 2),
        planned("disconnected", true, 0),
        planned("line_down", false, 0),
        json!({"type": "trade_gap", "from": "5", "to": "9"}),
        json!({"type": "trades_lost", "from": "5", "to": "6", "reason": "x"}),
        json!({"type": "book_invalid", "reason": {"kind": "out_of_range"}}),
        json!({"type": "stale", "channel": "ticker", "since_ns": 1}),
        json!({"type": "changes_dropped", "count": 3}),
        json!({"type": "malformed", "reason": "x", "excerpt": "x"}),
        json!({"type": "live", "channel": "ticker"}),
    ];
    let events = events.map(|kind| event("binance", &kind));
    let recorded = recorded(|| {
        read(&[&events]);
        Traffic::new("binance").note(7, &[]);
    });
    let expected = [
        ("books_invalid_total binance out_of_range", 1.0),
        ("changes_dropped_total binance", 3.0),
        ("events_total binance trades", 2.0),
        ("exchange_latency_seconds binance trades", 0.25),
        ("lines_lost_total binance lost", 1.0),
        ("message_bytes_total binance other", 7.0),
        ("messages_total binance other", 1.0),
        ("notices_total binance malformed", 1.0),
        ("queue_events", 9.0),
        ("reconnects_total binance again", 1.0),
        ("reconnects_total binance lost", 1.0),
        ("reconnects_total binance planned", 1.0),
        ("streams_stale_total binance ticker", 1.0),
        ("trade_gaps_total binance", 1.0),
        ("trades_backfilled_total binance", 1.0),
        ("trades_lost_total binance", 2.0),
        ("trades_missing_total binance", 5.0),
    ];
    let expected = expected.map(|(series, value)| (series.to_owned(), vec![value]));
    assert_eq!(recorded, BTreeMap::from(expected));
    for metric in METRICS {
        let name = metric.name.trim_start_matches("cryptofeed_");
        assert!(
            recorded.keys().any(|series| series.starts_with(name)),
            "{name}"
        );
    }
}

#[test]
fn exchanges_are_counted_apart_and_one_latency_for_each_batch() {
    let batch = ["binance", "okx", "binance"].map(|exchange| event(exchange, &trade(false)));
    let recorded = recorded(|| read(&[&batch, &batch, &[]]));
    assert_eq!(recorded["events_total binance trades"], [4.0]);
    assert_eq!(recorded["events_total okx trades"], [2.0]);
    let latencies = &recorded["exchange_latency_seconds binance trades"];
    let latency = Duration::from_millis(250).as_secs_f64();
    assert_eq!(*latencies, [latency; 2]);
}

#[test]
fn messages_are_counted_by_the_channel_of_their_data_before_the_connection_waits_and_at_its_end() {
    let ticker = ExchangeMessage::Ticker(Ticker {
        symbol: "BTC-USDT".parse().unwrap(),
        bid: None,
        ask: None,
        id: None,
        time: Time::Absent,
    });
    let recorded = recorded(|| {
        let mut one = Traffic::new("okx");
        one.note(100, &[ExchangeMessage::Alive, ticker.clone()]);
        one.note(50, std::slice::from_ref(&ticker));
        one.flush();
        one.flush();
        let mut another = Traffic::new("okx");
        another.note(9, &[ticker]);
        another.note(2, &[ExchangeMessage::Alive]);
    });
    let expected = [
        ("message_bytes_total okx other", 2.0),
        ("message_bytes_total okx ticker", 159.0),
        ("messages_total okx other", 1.0),
        ("messages_total okx ticker", 3.0),
    ];
    let expected = expected.map(|(series, value)| (series.to_owned(), vec![value]));
    assert_eq!(recorded, BTreeMap::from(expected));
}
