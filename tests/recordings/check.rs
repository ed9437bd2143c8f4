//! What a feed tells, line by line, against what was recorded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::capture::{Capture, Part};
use super::follower::{Follower, symbol};
use super::reading::{Reading, Said, Ticker, Trade, text};

/// A trade's symbol and id.
type Key = (String, u64);

/// What has been told so far, and what is still to be told.
pub(super) struct Check<'a> {
    capture: &'a Capture,
    /// How many parts have begun, and how many connections.
    parts: u64,
    connections: u64,
    sequence: Option<u64>,
    received_ns: i64,
    /// What is to be told of trades and quotes, in this order.
    said: VecDeque<Said>,
    books: BTreeMap<String, Follower>,
    /// Whether all messages of the part have been taken.
    is_over: bool,
    is_disconnected: bool,
    /// The books that were lost with the connection.
    void: BTreeSet<String>,
    /// The trades of the parts so far.
    played: BTreeSet<Key>,
    /// All trades of the recording.
    recorded: BTreeMap<Key, Trade>,
    came: BTreeSet<Key>,
    /// The trades that are told to be missing, and those that are told to be lost for good.
    missing: BTreeSet<Key>,
    lost: BTreeSet<Key>,
}

impl<'a> Check<'a> {
    pub(super) fn new(capture: &'a Capture) -> Self {
        let recorded = Reading::of(capture, &capture.frames).trades().into_iter();
        Self {
            capture,
            parts: 0,
            connections: 0,
            sequence: None,
            received_ns: 0,
            said: VecDeque::new(),
            books: BTreeMap::new(),
            is_over: false,
            is_disconnected: true,
            void: BTreeSet::new(),
            played: BTreeSet::new(),
            recorded: recorded.map(|trade| (key(&trade), trade)).collect(),
            came: BTreeSet::new(),
            missing: BTreeSet::new(),
            lost: BTreeSet::new(),
        }
    }

    /// From now on, `part` is played to the next connection. The one before has been cut.
    pub(super) fn begin(&mut self, part: &Part) {
        let reading = Reading::of(self.capture, &part.frames);
        self.parts += 1;
        self.is_over = false;
        if self.capture.has_books() {
            for (name, symbol) in self.capture.symbols {
                let snapshot = part.snapshots.get(*name);
                let steps = self.capture.joined(reading.steps_of(symbol), snapshot);
                let epoch = self.books.get(*symbol).map_or(0, Follower::epoch);
                let follower = Follower::new(self.capture, steps, epoch);
                self.books.insert((*symbol).to_owned(), follower);
            }
        }
        for said in reading.said {
            match &said {
                // The exchange repeats it.
                Said::Trade(trade) if !self.played.insert(key(trade)) => {}
                _ => self.said.push_back(said),
            }
        }
    }

    /// Whether everything has been told that the part says, and what has become of what was missing.
    pub(super) fn is_through(&self) -> bool {
        let is_told = self.is_over && self.said.is_empty() && self.missing.is_empty();
        is_told && self.books.values().all(|book| book.left() == 0)
    }

    /// What has not been told yet.
    pub(super) fn left(&self) -> String {
        let books = self.books.iter();
        let books: Vec<_> = books.map(|(symbol, book)| (symbol, book.left())).collect();
        let (said, missing) = (self.said.len(), self.missing.len());
        format!("{said} trades and quotes, {missing} missing ones, changes {books:?}")
    }

    pub(super) fn take(&mut self, event: &Value) {
        let sequence = event["sequence"].as_u64().unwrap();
        let last = self.sequence.replace(sequence);
        assert!(last.is_none_or(|last| last + 1 == sequence), "{event}");
        match event["type"].as_str().unwrap() {
            "connected" => {
                assert!(std::mem::take(&mut self.is_disconnected), "{event}");
                // Every book of a connection that is gone is void by now.
                let is_first = self.connections == 0;
                assert!(is_first || self.void.len() == self.books.len(), "{event}");
                self.connections += 1;
                self.received_ns = 0;
            }
            "disconnected" => {
                assert!(self.connections < self.parts, "{event}");
                let is_again = std::mem::replace(&mut self.is_disconnected, true);
                assert!(!is_again, "{event}");
            }
            "book_invalid" => {
                assert!(self.is_disconnected, "{event}");
                assert_eq!(event["reason"]["kind"], "disconnected");
                assert!(self.void.insert(symbol(event)), "{event}");
            }
            "trade" => self.take_trade(event),
            "ticker" => self.take_next(&Said::Ticker(ticker(event))),
            "l2_snapshot" | "l2_delta" => {
                self.void.remove(&symbol(event));
                self.books.get_mut(&symbol(event)).unwrap().take(event);
            }
            "trade_gap" => self.take_gap(event),
            "trades_lost" => {
                for key in self.keys(event) {
                    assert!(self.missing.remove(&key), "{event}");
                    self.lost.insert(key);
                }
            }
            // The end of the part.
            "unknown" => assert!(!std::mem::replace(&mut self.is_over, true), "{event}"),
            // Kraken's maintenance.
            "notice" => {}
            other => panic!("{other}: {event}"),
        }
        assert_eq!(event["connection"], self.connections, "{event}");
        let received_ns = event["received_ns"].as_i64().unwrap();
        assert!(self.received_ns <= received_ns, "{event}");
        self.received_ns = received_ns;
    }

    fn take_trade(&mut self, event: &Value) {
        let trade = trade(event);
        let key = key(&trade);
        assert!(self.came.insert(key.clone()), "twice: {event}");
        // One that was missing comes when it can.
        let was_missing = self.missing.remove(&key);
        assert_eq!(event["backfilled"], was_missing, "{event}");
        match was_missing {
            true => assert_eq!(self.recorded.get(&key), Some(&trade)),
            false => self.take_next(&Said::Trade(trade)),
        }
    }

    fn take_next(&mut self, told: &Said) {
        assert_eq!(self.said.pop_front().as_ref(), Some(told));
    }

    fn take_gap(&mut self, event: &Value) {
        for key in self.keys(event) {
            let is_missing = self.recorded.contains_key(&key) && !self.came.contains(&key);
            assert!(is_missing && self.missing.insert(key), "{event}");
        }
    }

    /// The trades that an event is about.
    fn keys(&self, event: &Value) -> Vec<Key> {
        let id = |key: &str| text(&event[key]).parse::<u64>().unwrap();
        let ids = id("from")..=id("to");
        ids.map(|id| (symbol(event), id)).collect()
    }

    /// What came and what is told to be lost is all there was, up to the last that came: of what is
    /// missing behind it nobody can know.
    pub(super) fn finish(self) {
        assert_eq!(self.void, BTreeSet::new());
        let is_known = |(symbol, id): &&Key| {
            let mut came = self.came.iter().filter(|(of, _)| of == symbol);
            came.any(|(_, came)| id <= came)
        };
        let all: BTreeSet<_> = self.recorded.keys().filter(is_known).collect();
        let told: BTreeSet<_> = self.came.union(&self.lost).collect();
        assert_eq!(told, all);
    }

    /// How many trades came, and how many are told to be lost.
    pub(super) fn trades(&self) -> (usize, usize) {
        (self.came.len(), self.lost.len())
    }
}

fn key(trade: &Trade) -> Key {
    (trade.symbol.clone(), trade.id)
}

fn trade(event: &Value) -> Trade {
    assert_eq!(event["count"], 1, "{event}");
    Trade {
        symbol: symbol(event),
        id: text(&event["id"]).parse().unwrap(),
        side: text(&event["side"]),
        price: text(&event["price"]),
        amount: text(&event["amount"]),
        timestamp_ns: event["timestamp_ns"].as_i64(),
    }
}

fn ticker(event: &Value) -> Ticker {
    let level = |price: &str, size: &str| {
        let of = |key: &str| event[key].as_str().map(str::to_owned);
        of(price).zip(of(size))
    };
    Ticker {
        symbol: symbol(event),
        last_id: event["last_id"].as_str().map(|id| id.parse().unwrap()),
        bid: level("bid", "bid_size"),
        ask: level("ask", "ask_size"),
        timestamp_ns: event["timestamp_ns"].as_i64(),
    }
}
