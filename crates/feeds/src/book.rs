//! The order book of one symbol.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::event::{L2Delta, L2Snapshot};
use crate::exchange::{BookChange, BookContent};
use crate::level::Level;

/// Bids and asks by price. Prices are numbers: `100.7` and `100.70` are the same level.
///
/// A book that applies every [`L2Snapshot`] and [`L2Delta`] of a feed's symbol, in their order, is
/// the exchange's book as deep as the snapshot was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderBook {
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
}

impl OrderBook {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything: what a [`BookInvalid`](crate::FeedEventKind::BookInvalid) asks for.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Replaces everything by the snapshot.
    pub fn apply_snapshot(&mut self, snapshot: &L2Snapshot) {
        self.clear();
        apply(&mut self.bids, &snapshot.bids);
        apply(&mut self.asks, &snapshot.asks);
    }

    /// Sets the sizes that the delta names and removes the levels whose size is zero.
    ///
    /// That a removed level was not there is normal: it lay deeper than the snapshot.
    pub fn apply_delta(&mut self, delta: &L2Delta) {
        apply(&mut self.bids, &delta.bids);
        apply(&mut self.asks, &delta.asks);
    }

    /// Takes what an exchange says of a book.
    pub fn apply(&mut self, change: &BookChange) {
        if change.content == BookContent::Snapshot {
            self.clear();
        }
        apply(&mut self.bids, &change.bids);
        apply(&mut self.asks, &change.asks);
    }

    /// Forgets all but the best `depth` prices of each side. Returns which those were, bids and
    /// asks.
    pub fn cut(&mut self, depth: usize) -> [Vec<Decimal>; 2] {
        let too_many = |side: &BTreeMap<_, _>| side.len().saturating_sub(depth);
        let bids = (0..too_many(&self.bids)).filter_map(|_| self.bids.pop_first());
        let bids = bids.map(|(price, _)| price).collect();
        let asks = (0..too_many(&self.asks)).filter_map(|_| self.asks.pop_last());
        [bids, asks.map(|(price, _)| price).collect()]
    }

    /// How many prices the longer side has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.bids.len().max(self.asks.len())
    }

    /// The highest bid.
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids().next()
    }

    /// The lowest ask.
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks().next()
    }

    /// The bids, highest price first.
    pub fn bids(&self) -> impl ExactSizeIterator<Item = Level> + DoubleEndedIterator {
        self.bids.iter().rev().map(to_level)
    }

    /// The asks, lowest price first.
    pub fn asks(&self) -> impl ExactSizeIterator<Item = Level> + DoubleEndedIterator {
        self.asks.iter().map(to_level)
    }

    /// The highest bid and the lowest ask if they meet, which a true book never shows.
    #[must_use]
    pub fn crossed(&self) -> Option<(Level, Level)> {
        let (bid, ask) = (self.best_bid()?, self.best_ask()?);
        (bid.price >= ask.price).then_some((bid, ask))
    }
}

fn apply(side: &mut BTreeMap<Decimal, Decimal>, levels: &[Level]) {
    for level in levels {
        // Sizes are absolute, so the order within a delta does not matter as long as no price is in
        // it twice.
        if level.size.is_zero() {
            side.remove(&level.price);
        } else {
            side.insert(level.price, level.size);
        }
    }
}

fn to_level((price, size): (&Decimal, &Decimal)) -> Level {
    Level {
        price: *price,
        size: *size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Covers;

    fn level(price: &str, size: &str) -> Level {
        Level {
            price: Decimal::from_str_exact(price).unwrap(),
            size: Decimal::from_str_exact(size).unwrap(),
        }
    }

    fn snapshot() -> L2Snapshot {
        L2Snapshot {
            symbol: "SOL-USDC".parse().unwrap(),
            epoch: 1,
            covers: Covers::Top { levels: 2 },
            verified_levels: None,
            last_id: Some(1),
            bids: vec![level("100.6", "1"), level("100.5", "2")],
            asks: vec![level("100.7", "3"), level("100.8", "4")],
            timestamp_ns: None,
        }
    }

    fn delta(bids: &[Level], asks: &[Level]) -> L2Delta {
        L2Delta {
            symbol: "SOL-USDC".parse().unwrap(),
            epoch: 1,
            first_id: Some(2),
            last_id: Some(2),
            bids: bids.to_vec(),
            asks: asks.to_vec(),
            timestamp_ns: None,
        }
    }

    #[test]
    fn levels_are_found_by_number_not_by_spelling() {
        let mut book = OrderBook::new();
        book.apply_snapshot(&snapshot());
        book.apply_delta(&delta(&[level("100.50", "9")], &[level("100.70", "0.000")]));
        assert_eq!(
            book.bids().collect::<Vec<_>>(),
            [level("100.6", "1"), level("100.5", "9")]
        );
        assert_eq!(book.asks().collect::<Vec<_>>(), [level("100.8", "4")]);
        assert_eq!(book.best_bid(), Some(level("100.6", "1")));
        assert_eq!(book.best_ask(), Some(level("100.8", "4")));
    }

    #[test]
    fn only_the_best_prices_are_left_of_a_book_that_is_cut() {
        let mut book = OrderBook::new();
        book.apply_snapshot(&snapshot());
        let [bids, asks] = book.cut(1);
        assert_eq!(bids, [level("100.5", "2").price]);
        assert_eq!(asks, [level("100.8", "4").price]);
        assert_eq!(book.bids().collect::<Vec<_>>(), [level("100.6", "1")]);
        assert_eq!(book.asks().collect::<Vec<_>>(), [level("100.7", "3")]);
        assert_eq!(book.cut(1), [vec![], vec![]]);
    }

    #[test]
    fn removing_an_unknown_level_changes_nothing() {
        let mut book = OrderBook::new();
        book.apply_snapshot(&snapshot());
        let before = book.clone();
        book.apply_delta(&delta(&[level("1", "0")], &[]));
        assert_eq!(book, before);
    }

    #[test]
    fn a_snapshot_replaces_everything() {
        let mut book = OrderBook::new();
        book.apply_delta(&delta(&[level("7", "7")], &[]));
        book.apply_snapshot(&snapshot());
        assert_eq!(book.bids().len() + book.asks().len(), 4);
        book.clear();
        assert_eq!(book, OrderBook::new());
    }

    #[test]
    fn a_book_is_crossed_when_its_best_prices_meet() {
        let mut book = OrderBook::new();
        assert_eq!(book.crossed(), None);
        book.apply_snapshot(&snapshot());
        assert_eq!(book.crossed(), None);
        book.apply_delta(&delta(&[level("100.70", "1")], &[]));
        assert_eq!(
            book.crossed(),
            Some((level("100.70", "1"), level("100.7", "3")))
        );
    }
}
