//! What a connection listens to.

/// The kinds of stream the mock has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    Trades,
    Ticker,
    /// Each change by itself.
    Depth,
    /// All changes of a tick in one.
    AggregatedDepth,
    /// A stream that exists at the exchange and is silent in the mock.
    Silent,
}

/// One stream of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscription {
    /// Its name, as the client wrote it.
    pub(super) stream: String,
    /// The exchange's symbol.
    pub(super) symbol: String,
    pub(super) channel: Channel,
}

/// All streams of a connection, each once, in the order of subscription.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Vec<Subscription>);

impl Subscriptions {
    pub(super) fn add(&mut self, subscription: Subscription) {
        if !self.contains(&subscription.stream) {
            self.0.push(subscription);
        }
    }

    pub(super) fn remove(&mut self, stream: &str) {
        self.0.retain(|subscription| subscription.stream != stream);
    }

    pub(super) fn contains(&self, stream: &str) -> bool {
        self.streams().any(|name| name == stream)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|subscription| &*subscription.stream)
    }

    /// The streams of one symbol: trades first, then the ticker, then the book, so that a ticker
    /// may come before the book change of the same id, as it does at the exchanges.
    pub(super) fn of<'a>(&'a self, symbol: &str) -> Vec<&'a Subscription> {
        let mut found: Vec<_> = self
            .0
            .iter()
            .filter(|subscription| subscription.symbol == symbol)
            .collect();
        // Stable: streams of one kind stay in the order in which they were asked for.
        found.sort_by_key(|subscription| subscription.channel);
        found
    }
}
