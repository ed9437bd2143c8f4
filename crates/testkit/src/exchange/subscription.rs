//! What a connection listens to.

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
pub struct Subscriptions(Vec<Subscription>);

impl Subscriptions {
    /// Adds a stream, unless there is one of its name.
    pub fn add(&mut self, subscription: Subscription) {
        if !self.contains(&subscription.stream) {
            self.0.push(subscription);
        }
    }

    /// Removes a stream.
    pub fn remove(&mut self, stream: &str) {
        self.0.retain(|subscription| subscription.stream != stream);
    }

    /// Whether there is a stream of this name.
    #[must_use]
    pub fn contains(&self, stream: &str) -> bool {
        self.streams().any(|name| name == stream)
    }

    /// How many streams there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of all streams.
    pub fn streams(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|subscription| &*subscription.stream)
    }

    /// The streams of one symbol: trades first, then the ticker, then the book, so that a ticker
    /// may come before the book change of the same id, as it does at the exchanges.
    #[must_use]
    pub fn of<'a>(&'a self, symbol: &str) -> Vec<&'a Subscription> {
        let mut found: Vec<_> = self
            .0
            .iter()
            .filter(|subscription| subscription.symbol == symbol)
            .collect();
        // Stable: streams of one kind stay in the order in which they were asked for.
        found.sort_by_key(|subscription| subscription.kind);
        found
    }
}
