//! Trades that one collector of a fleet has as one and another one by one, at a real NATS server.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use feeds::{FeedEvent, FeedEventKind, Side, Symbol, Trade, TradeId};
use sinks::tail::{Summary, read_stream};
use sinks::{Claim, Fence, NatsSettings, NatsSink, Record, Records, RunId, Sink};

use crate::nats_server::{NatsServer, now_ns};
use crate::workspace::Workspace;

/// A collector, with a sink of its own.
struct Collector {
    sink: NatsSink,
    run: RunId,
    revision: u64,
    is_sure: Arc<AtomicBool>,
    sequence: u64,
}

impl Collector {
    fn new(settings: &NatsSettings, revision: u64) -> Self {
        Self {
            sink: NatsSink::new(settings.clone()),
            run: RunId::begin(now_ns()),
            revision,
            is_sure: Arc::new(AtomicBool::new(true)),
            sequence: 0,
        }
    }

    fn loses_its_lease(&self) {
        self.is_sure.store(false, Ordering::Relaxed);
    }

    fn record(&mut self, ids: RangeInclusive<u64>, backfilled: bool) -> Arc<Record> {
        self.sequence += 1;
        let now_ns = now_ns();
        let event = FeedEvent {
            sequence: self.sequence,
            exchange: "okx".into(),
            connection: Some(1),
            received_ns: now_ns,
            kind: FeedEventKind::Trade(Trade {
                symbol: Symbol::parse("BTC-USDT").unwrap(),
                id: Some(TradeId::Number(*ids.end())),
                count: (ids.end() - ids.start() + 1).try_into().unwrap(),
                side: Side::Buy,
                price: 1.into(),
                amount: 1.into(),
                backfilled,
                timestamp_ns: Some(now_ns),
            }),
        };
        let is_sure = Arc::clone(&self.is_sure);
        let fence = Fence::new("prod", 3, self.revision).unwrap();
        let claim = Claim::new(fence, move |_| is_sure.load(Ordering::Relaxed));
        Arc::new(Record::of(self.run.clone(), &event).with_claim(Some(claim)))
    }

    /// Several trades as one each.
    fn streamed(&mut self, told: &[RangeInclusive<u64>]) -> Records {
        let told = told.iter().cloned();
        told.map(|ids| self.record(ids, false)).collect()
    }

    async fn store(&mut self, mut records: Records) {
        while !records.is_empty() {
            self.sink.write(&mut records).await.unwrap();
        }
        self.sink.flush().await.unwrap();
    }

    async fn store_fetched(&mut self, ids: RangeInclusive<u64>) {
        let fetched = ids.map(|id| self.record(id..=id, true)).collect();
        self.store(fetched).await;
    }
}

async fn tail(settings: &NatsSettings) -> Summary {
    read_stream(&settings.server, "MD").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_until_the_lease_was_over_is_not_stored_again_as_one() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let settings = server.settings();
    let (mut old, mut new) = (Collector::new(&settings, 10), Collector::new(&settings, 20));
    let first = old.streamed(&[1..=4]);
    old.store(first).await;
    // It has these, and is stopped.
    let waiting = old.streamed(&[5..=7, 8..=8, 9..=12]);
    new.store_fetched(5..=8).await;
    old.loses_its_lease();
    old.store(waiting).await;
    // What comes later is looked for as well, also in what has been stored since; what was read is believed
    // for a moment.
    tokio::time::sleep(Duration::from_millis(100)).await;
    new.store_fetched(13..=15).await;
    let late = old.streamed(&[13..=15, 16..=17]);
    old.store(late).await;
    let summary = tail(&settings).await;
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!((summary.trades, summary.repeated_trades), (17, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fetched_is_not_stored_again_one_by_one_behind_a_late_return() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let settings = server.settings();
    let (mut old, mut new) = (Collector::new(&settings, 10), Collector::new(&settings, 20));
    let begun = new.streamed(&[20..=22]);
    new.store(begun).await;
    old.loses_its_lease();
    let late = old.streamed(&[5..=7]);
    old.store(late).await;
    new.store_fetched(4..=19).await;
    let summary = tail(&settings).await;
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!((summary.trades, summary.repeated_trades), (19, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_stored_in_part_nothing_is_lost_and_tail_names_what_is_there_again() {
    let workspace = Workspace::new();
    let Some(server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let settings = server.settings();
    let (mut old, mut new) = (Collector::new(&settings, 10), Collector::new(&settings, 20));
    new.store_fetched(5..=6).await;
    old.loses_its_lease();
    let late = old.streamed(&[5..=9]);
    old.store(late).await;
    let summary = tail(&settings).await;
    let told =
        "okx BTC-USDT: of the trades 5 to 9, which are told as one, these are there again: 5 to 6";
    assert_eq!(summary.findings, [told]);
    assert_eq!((summary.trades, summary.repeated_trades), (7, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_before_the_lease_was_over_is_looked_for_first() {
    let workspace = Workspace::new();
    let Some(mut server) = NatsServer::start(&workspace, "") else {
        return;
    };
    let settings = server.settings();
    let (mut old, mut new) = (Collector::new(&settings, 10), Collector::new(&settings, 20));
    let first = old.streamed(&[1..=4]);
    old.store(first).await;
    server.kill();
    // Sent to a server that is not there any longer, or not at all.
    let mut lost = old.streamed(&[5..=7]);
    let written = old.sink.write(&mut lost).await;
    let flushed = old.sink.flush().await;
    assert!(written.is_err() || flushed.is_err());
    server.run();
    new.store_fetched(5..=7).await;
    old.loses_its_lease();
    old.store(lost).await;
    let summary = tail(&settings).await;
    assert_eq!(summary.findings, [""; 0]);
    assert_eq!((summary.trades, summary.repeated_trades), (7, 0));
}
