//! What a connection listens to.

use std::collections::{BTreeMap, HashMap};

/// The kinds of stream that the market has something for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamKind {
    /// Trades.
    Trades,
    /// The best prices.
    Ticker,
    /// Each change by itself.
    Depth,
    /// All changes of a tick in one.
    AggregatedDepth,
    /// One that exists at the exchange and is silent in the mock.
    Silent,
}

/// One stream of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its name, as the client wrote it.
    pub stream: String,
    /// The exchange's symbol.
    pub symbol: String,
    /// What it is about.
    pub kind: StreamKind,
}

/// All streams of a connection, each once, in the order of subscription.
#[derive(Debug, Default)]
pub struct Subscriptions {
    // Both ways: a connection may have a thousand, and is asked at every tick.
    by_symbol: HashMap<String, Vec<Subscription>>,
    /// The symbol of each stream, and which one it was to be added.
    places: HashMap<String, (String, u64)>,
    in_order: BTreeMap<u64, String>,
    added: u64,
}

impl Subscriptions {
    /// Adds a stream, unless there is one of its name.
    pub fn add(&mut self, subscription: Subscription) {
        let Subscription { stream, symbol, .. } = &subscription;
        if self.contains(stream) {
            return;
        }
        self.added += 1;
        self.in_order.insert(self.added, stream.clone());
        let place = (symbol.clone(), self.added);
        self.places.insert(stream.clone(), place);
        let streams = self.by_symbol.entry(symbol.clone()).or_default();
        streams.push(subscription);
        // Stable: streams of one kind stay in the order in which they were asked for.
        streams.sort_by_key(|subscription| subscription.kind);
    }

    /// Removes a stream.
    pub fn remove(&mut self, stream: &str) {
        let Some((symbol, number)) = self.places.remove(stream) else {
            return;
        };
        self.in_order.remove(&number);
        if let Some(streams) = self.by_symbol.get_mut(&symbol) {
            streams.retain(|subscription| subscription.stream != stream);
            if streams.is_empty() {
                self.by_symbol.remove(&symbol);
            }
        }
    }

    /// Whether there is a stream of this name.
    #[must_use]
    pub fn contains(&self, stream: &str) -> bool {
        self.places.contains_key(stream)
    }

    /// How many streams there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The names of all streams.
    pub fn streams(&self) -> impl Iterator<Item = &str> {
        self.in_order.values().map(String::as_str)
    }

    /// The streams of one symbol: trades first, then the ticker, then the book, so that a ticker
    /// may come before the book change of the same id, as it does at the exchanges.
    #[must_use]
    pub fn of(&self, symbol: &str) -> &[Subscription] {
        self.by_symbol.get(symbol).map_or(&[], Vec::as_slice)
    }
}
