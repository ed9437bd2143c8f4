//! The recordings, played through the synchroniser.

use std::collections::BTreeMap;

use feeds::exchange::{BookChange, Ticker};
use feeds::{
    Binance, BookAction, BookSync, Exchange, ExchangeMessage, FeedEventKind, OrderBook, Symbol,
};

use crate::fixtures::{self, decode, lines, read, symbol};

/// A book that is built from the events alone, and what was seen of it.
struct Replay {
    sync: BookSync,
    delivered: OrderBook,
    needs_snapshot: bool,
    snapshots: usize,
    deltas: usize,
    compared: usize,
    compared_by_id: usize,
    tickers: BTreeMap<u64, Ticker>,
}

impl Replay {
    fn of(symbol: &Symbol) -> Self {
        Self {
            sync: BookSync::new(symbol.clone(), &Binance::default().rules().books, None),
            delivered: OrderBook::new(),
            needs_snapshot: false,
            snapshots: 0,
            deltas: 0,
            compared: 0,
            compared_by_id: 0,
            tickers: BTreeMap::new(),
        }
    }

    fn take_actions(&mut self) {
        while let Some(action) = self.sync.next_action() {
            match action {
                BookAction::NeedSnapshot { .. } => self.needs_snapshot = true,
                BookAction::Emit(FeedEventKind::L2Snapshot(snapshot), _) => {
                    self.snapshots += 1;
                    self.delivered.apply_snapshot(&snapshot);
                    self.compare(snapshot.last_id.unwrap());
                }
                BookAction::Emit(FeedEventKind::L2Delta(delta), _) => {
                    self.deltas += 1;
                    self.delivered.apply_delta(&delta).unwrap();
                    self.compare(delta.last_id.unwrap());
                }
                BookAction::Emit(other, _) => panic!("{other:?}"),
            }
        }
    }

    /// Every change of the best prices makes a ticker, so the last one up to this id, at the
    /// latest, must show what the book does.
    fn compare(&mut self, id: u64) {
        assert_eq!(self.delivered.crossed(), None);
        let Some((ticker_id, ticker)) = self.tickers.range(..=id).next_back() else {
            return;
        };
        let bid = self.delivered.best_bid().unwrap();
        let ask = self.delivered.best_ask().unwrap();
        assert_eq!(Some(bid), ticker.bid);
        assert_eq!(Some(ask), ticker.ask);
        self.compared += 1;
        self.compared_by_id += usize::from(*ticker_id == id);
    }

    fn update(&mut self, change: BookChange) {
        self.sync.update(change, 0);
        self.take_actions();
    }

    fn snapshot(&mut self, symbol: &Symbol, body: &str) {
        let binance = Binance::default();
        let snapshot = binance.parse_snapshot(symbol, body.as_bytes()).unwrap();
        self.sync.snapshot(snapshot, 0);
        self.take_actions();
    }
}

fn nanoseconds(path: &str) -> Vec<i64> {
    lines(path)
        .iter()
        .map(|line| line.parse().unwrap())
        .collect()
}

#[test]
fn the_book_of_2024_agrees_with_the_tickers_after_every_delta() {
    let name = "binance/ws_combined_btcusdt_ethusdt_10s";
    let frames = lines(&format!("{name}.jsonl"));
    let times = nanoseconds(&format!("{name}.recv_ns.txt"));
    assert_eq!(frames.len(), times.len());
    let listed = fixtures::binance();

    let mut compared = 0;
    for (pair, exchange, buffered, applied, equal) in [
        ("BTC-USDT", "BTCUSDT", 3, 98, 15),
        ("ETH-USDT", "ETHUSDT", 2, 97, 11),
    ] {
        let pair = symbol(pair);
        let mut replay = Replay::of(&pair);
        let snapshot = format!("binance/rest_depth_{exchange}_limit1000");
        let snapshot_at = nanoseconds(&format!("{snapshot}.recv_ns.txt"))[0];
        let snapshot = read(&format!("{snapshot}.json"));
        let messages = frames.iter().zip(&times);
        let messages =
            messages.map(|(text, time)| (time, decode(&Binance::default(), &listed, text)));
        let messages: Vec<_> = messages
            .map(|(time, message)| (*time, message.unwrap()))
            .collect();
        for (_, message) in &messages {
            if let ExchangeMessage::Ticker(ticker) = message
                && ticker.symbol == pair
            {
                replay.tickers.insert(ticker.id.unwrap(), ticker.clone());
            }
        }
        let mut is_snapshot_due = true;
        let mut before = 0;
        for (time, message) in messages {
            if is_snapshot_due && time > snapshot_at {
                is_snapshot_due = false;
                assert!(replay.needs_snapshot);
                replay.snapshot(&pair, &snapshot);
            }
            if let ExchangeMessage::Book(delta) = message
                && delta.symbol == pair
            {
                before += usize::from(is_snapshot_due);
                replay.update(delta);
            }
        }
        assert_eq!((replay.snapshots, replay.deltas), (1, applied), "{pair}");
        assert_eq!((before, replay.compared_by_id), (buffered, equal), "{pair}");
        compared += replay.compared;
    }
    assert_eq!(compared, 197, "after each of two snapshots and 195 deltas");
}

#[test]
fn snapshots_that_were_fetched_mid_stream_in_2021_join() {
    let frames = lines("binance/cryptofeed_2021/ws.jsonl");
    let listed = fixtures::binance();
    for (pair, exchange, deltas) in [
        ("NKN-USDT", "NKNUSDT", 149),
        ("BLZ-ETH", "BLZETH", 9),
        ("LRC-BTC", "LRCBTC", 13),
        ("RUNE-EUR", "RUNEEUR", 1),
    ] {
        let pair = symbol(pair);
        let mut replay = Replay::of(&pair);
        let snapshot = read(&format!(
            "binance/cryptofeed_2021/rest_depth_{exchange}.json"
        ));
        for text in &frames {
            match decode(&Binance::default(), &listed, text).unwrap() {
                ExchangeMessage::Book(delta) if delta.symbol == pair => {
                    replay.update(delta);
                    if std::mem::take(&mut replay.needs_snapshot) {
                        replay.snapshot(&pair, &snapshot);
                    }
                }
                _ => {}
            }
        }
        assert_eq!((replay.snapshots, replay.deltas), (1, deltas), "{pair}");
    }
}
