use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use feeds::{
    Backpressure, Covers, FeedEvent, FeedEventKind, L2Delta, L2Snapshot, Level, OrderBook, Side,
    Trade, TradeId,
};
use parking_lot::Mutex;
use rust_decimal::Decimal;
use tokio::time::{Instant, timeout};

use super::*;
use crate::claim::Claim;
use crate::fanout::{Behind, Fanout, Unstored};
use crate::fence::Fence;
use crate::record::Record;
use crate::sink::{Records, SinkError};

/// What a sink of these tests has stored, and whether it can.
#[derive(Debug, Default)]
struct Store {
    lines: Vec<FeedEvent>,
    fences: Vec<Option<Fence>>,
    is_full: bool,
    reopened: usize,
}

#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Store>>);

impl Memory {
    fn fill(&self, is_full: bool) {
        self.0.lock().is_full = is_full;
    }

    fn events(&self) -> Vec<FeedEvent> {
        self.0.lock().lines.clone()
    }

    fn sequences(&self) -> Vec<u64> {
        self.events().iter().map(|it| it.sequence).collect()
    }
}

#[async_trait]
impl Sink for Memory {
    async fn write(&mut self, records: &mut Records) -> Result<(), SinkError> {
        let mut store = self.0.lock();
        if store.is_full {
            return Err(SinkError::new("store it", "it is full"));
        }
        let fence = |record: &Arc<Record>| Some(record.claim.as_ref()?.fence().clone());
        let fences = records.iter().map(fence);
        store.fences.extend(fences);
        let read = |record: Arc<Record>| serde_json::from_slice(&record.line).unwrap();
        store.lines.extend(records.drain(..).map(read));
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    async fn reopen(&mut self) -> Result<(), SinkError> {
        self.0.lock().reopened += 1;
        Ok(())
    }

    fn unstored(&self) -> usize {
        0
    }
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

fn trade(sequence: u64) -> FeedEvent {
    let trade = Trade {
        symbol: "BTC-USDT".parse().unwrap(),
        id: Some(TradeId::Number(sequence)),
        count: 1,
        side: Side::Buy,
        price: Decimal::ONE,
        amount: Decimal::ONE,
        backfilled: false,
        timestamp_ns: None,
    };
    event(sequence, FeedEventKind::Trade(trade))
}

fn snapshot(sequence: u64) -> FeedEvent {
    let snapshot = L2Snapshot {
        symbol: "BTC-USDT".parse().unwrap(),
        epoch: 1,
        covers: Covers::Top { levels: 100 },
        verified_levels: None,
        last_id: Some(sequence),
        bids: vec![level(sequence)],
        asks: vec![],
        timestamp_ns: None,
    };
    event(sequence, FeedEventKind::L2Snapshot(snapshot))
}

fn delta(sequence: u64, id: u64) -> FeedEvent {
    let delta = L2Delta {
        symbol: "BTC-USDT".parse().unwrap(),
        epoch: 1,
        first_id: Some(id),
        last_id: Some(id),
        bids: vec![level(id)],
        asks: vec![],
        timestamp_ns: None,
    };
    event(sequence, FeedEventKind::L2Delta(delta))
}

fn level(price: u64) -> Level {
    Level {
        price: price.into(),
        size: Decimal::ONE,
    }
}

fn settings(backpressure: Backpressure, events: usize) -> OutletSettings {
    OutletSettings {
        backpressure,
        limits: OutletLimits {
            events,
            bytes: 1 << 20,
        },
    }
}

fn fanout(backpressure: Backpressure, events: usize) -> (Memory, Fanout) {
    let memory = Memory::default();
    let mut fanout = Fanout::default();
    fanout.add("memory", memory.clone(), settings(backpressure, events));
    (memory, fanout)
}

#[tokio::test(start_paused = true)]
async fn every_sink_stores_every_event_in_order() {
    let (one, mut fanout) = fanout(Backpressure::Slow, 10);
    let two = Memory::default();
    fanout.add("two", two.clone(), OutletSettings::default());
    for sequence in 1..=100 {
        fanout.push_event(&trade(sequence));
        fanout.send().await.unwrap();
    }
    assert_eq!(fanout.close(Duration::from_secs(1)).await, []);
    let expected: Vec<_> = (1..=100).map(trade).collect();
    assert_eq!((one.events(), two.events()), (expected.clone(), expected));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_slow_is_waited_for_and_loses_nothing() {
    let (memory, mut fanout) = fanout(Backpressure::Slow, 10);
    memory.fill(true);
    // The first ones are in hand, and do not count any longer.
    for sequence in 1..=1024 {
        fanout.push_event(&trade(sequence));
        let _ = timeout(Duration::from_millis(1), fanout.send()).await;
    }
    for sequence in 1025..=1035 {
        fanout.push_event(&trade(sequence));
    }
    let waited = timeout(Duration::from_secs(600), fanout.send()).await;
    assert!(waited.is_err());
    memory.fill(false);
    let since = Instant::now();
    fanout.send().await.unwrap();
    assert!(since.elapsed() <= RETRY.1);
    assert_eq!(fanout.close(Duration::from_secs(1)).await, []);
    assert_eq!(memory.sequences(), (1..=1035).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_to_stop_ends_everything_when_it_is_behind() {
    let (memory, mut fanout) = fanout(Backpressure::Stop, 10);
    memory.fill(true);
    let mut sequence = 0;
    let behind = loop {
        sequence += 1;
        fanout.push_event(&trade(sequence));
        if let Err(behind) = fanout.send().await {
            break behind;
        }
        tokio::task::yield_now().await;
        assert!(sequence < 2000);
    };
    assert_eq!(behind, Behind { sink: "memory" });
    let unstored = fanout.close(Duration::from_secs(1)).await;
    let expected = Unstored {
        sink: "memory",
        events: usize::try_from(sequence).unwrap(),
    };
    assert_eq!(unstored, [expected]);
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_drops_is_told_with_the_number_and_the_book_begins_anew() {
    let (memory, mut fanout) = fanout(Backpressure::DropBookChanges, 40);
    let fence = Fence::new("prod", 3, 10);
    let claim = fence.clone().map(|fence| Claim::new(fence, |_| true));
    let push = |fanout: &mut Fanout, event: &FeedEvent| {
        let line = serde_json::to_vec(event).unwrap();
        fanout.push_claimed(event, &line, claim.clone());
    };
    push(&mut fanout, &snapshot(1));
    fanout.send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    memory.fill(true);
    let (mut sequence, mut id) = (1, 1);
    let mut next = || {
        sequence += 1;
        if sequence % 5 == 0 {
            return trade(sequence);
        }
        id += 1;
        delta(sequence, id)
    };
    for _ in 0..2000 {
        push(&mut fanout, &next());
        // Trades are never dropped: they are waited for when nothing else is left.
        let _ = timeout(Duration::from_millis(1), fanout.send()).await;
    }
    let (_, status) = fanout.status().next().unwrap();
    assert!(status.dropped > 500, "{status:?}");
    memory.fill(false);
    fanout.send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    for _ in 0..10 {
        push(&mut fanout, &next());
    }
    let (_, status) = fanout.status().next().unwrap();
    assert_eq!(fanout.close(Duration::from_secs(1)).await, []);

    let events = memory.events();
    let trades = events
        .iter()
        .filter(|it| matches!(it.kind, FeedEventKind::Trade(_)));
    assert_eq!(trades.count(), 402);
    let told = events.iter().map(|it| match it.kind {
        FeedEventKind::ChangesDropped { count, .. } => count,
        _ => 0,
    });
    assert_eq!(told.sum::<u64>(), status.dropped);
    // As whoever reads it back: no change that does not follow, and the whole book in the end.
    let mut book = OrderBook::new();
    for event in &events {
        book.apply_event(&event.kind).unwrap();
    }
    // What stands for others is of their shard.
    assert!(memory.0.lock().fences.iter().all(|it| *it == fence));
    assert_eq!(book.last_id(), Some(id));
    assert_eq!(book.bids().len(), usize::try_from(id).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_counts_anew_begins_another_run() {
    let runs = Arc::new(Mutex::new(Vec::new()));
    struct Runs(Arc<Mutex<Vec<String>>>);
    #[async_trait]
    impl Sink for Runs {
        async fn write(&mut self, records: &mut Records) -> Result<(), SinkError> {
            let mut runs = self.0.lock();
            runs.extend(records.drain(..).map(|it| it.run.to_string()));
            Ok(())
        }
        async fn flush(&mut self) -> Result<(), SinkError> {
            Ok(())
        }
        fn unstored(&self) -> usize {
            0
        }
    }
    let mut fanout = Fanout::default();
    fanout.add("runs", Runs(Arc::clone(&runs)), OutletSettings::default());
    for sequence in [1, 2, 1, 2] {
        fanout.push_event(&trade(sequence));
    }
    assert_eq!(fanout.close(Duration::from_secs(1)).await, []);
    let runs = runs.lock();
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[1], runs[2]);
    assert_eq!(runs[2], runs[3]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_asked_to_reopens_also_if_nothing_comes() {
    let (memory, mut fanout) = fanout(Backpressure::Slow, 10);
    fanout.send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    fanout.reopener()();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(memory.0.lock().reopened, 1);
}
