//! What a feed shall deliver.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use crate::channel::Channel;
use crate::pattern::SymbolPattern;

/// Which channels of which symbols a feed shall deliver: at least one of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    symbols: Vec<SymbolPattern>,
    channels: BTreeSet<Channel>,
    depth: Option<NonZeroUsize>,
}

impl Subscription {
    /// Every one of `channels` for every one of `symbols`: of [`Symbol`](crate::Symbol)s, or of
    /// [`SymbolPattern`]s, which new listings follow. What is named twice counts once.
    ///
    /// # Errors
    /// [`EmptySubscription`] if there is no symbol or no channel.
    pub fn new<S: Into<SymbolPattern>>(
        symbols: impl IntoIterator<Item = S>,
        channels: impl IntoIterator<Item = Channel>,
    ) -> Result<Self, EmptySubscription> {
        let mut seen = BTreeSet::new();
        let symbols: Vec<_> = symbols
            .into_iter()
            .map(S::into)
            .filter(|symbol| seen.insert(symbol.clone()))
            .collect();
        let channels: BTreeSet<_> = channels.into_iter().collect();
        if symbols.is_empty() {
            return Err(EmptySubscription("symbol"));
        }
        if channels.is_empty() {
            return Err(EmptySubscription("channel"));
        }
        Ok(Self {
            symbols,
            channels,
            depth: None,
        })
    }

    /// The symbols and patterns, in the order in which they were given.
    #[must_use]
    pub fn symbols(&self) -> &[SymbolPattern] {
        &self.symbols
    }

    /// The same, with no more than the best `depth` levels of each side of the books. Without it, books come
    /// as deep as they are known: 100 levels or more at first.
    ///
    /// The events [say](crate::Covers::Top) how many it is: no more than half of the deepest snapshot that
    /// the exchange has on request, and no more than it sends in the stream.
    #[must_use]
    pub fn with_depth(mut self, depth: impl Into<Option<NonZeroUsize>>) -> Self {
        self.depth = depth.into();
        self
    }

    /// How many levels of a side the books shall have at most.
    #[must_use]
    pub fn depth(&self) -> Option<usize> {
        self.depth.map(NonZeroUsize::get)
    }

    /// The channels.
    #[must_use]
    pub fn channels(&self) -> &BTreeSet<Channel> {
        &self.channels
    }
}

/// A subscription to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a subscription needs at least one {0}")]
pub struct EmptySubscription(&'static str);

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(text: &str) -> SymbolPattern {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_named_twice_counts_once_and_order_is_kept() {
        let subscription = Subscription::new(
            [symbol("ETH-USDT"), symbol("*-USDT"), symbol("ETH-USDT")],
            [Channel::Ticker, Channel::Trades, Channel::Ticker],
        )
        .unwrap();
        assert_eq!(
            subscription.symbols(),
            [symbol("ETH-USDT"), symbol("*-USDT")]
        );
        assert_eq!(subscription.channels().len(), 2);
    }

    #[test]
    fn a_subscription_to_nothing_is_refused() {
        assert!(Subscription::new([] as [SymbolPattern; 0], Channel::ALL).is_err());
        assert!(Subscription::new([symbol("A-B")], []).is_err());
    }
}
