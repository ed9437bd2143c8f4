//! An order book in ticks and lots.

use std::collections::BTreeMap;

/// A side of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Bid,
    Ask,
}

/// A price in ticks and the quantity there, in lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) price: u64,
    pub(super) quantity: u64,
}

/// The new quantity of one level; 0 removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) side: Side,
    pub(super) level: Level,
}

/// The best level of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) bid: Level,
    pub(super) ask: Level,
}

impl Quote {
    pub(super) fn side(&self, side: Side) -> Level {
        match side {
            Side::Bid => self.bid,
            Side::Ask => self.ask,
        }
    }
}

/// Quantities by price.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Book {
    bids: BTreeMap<u64, u64>,
    asks: BTreeMap<u64, u64>,
}

impl Book {
    pub(super) fn apply(&mut self, change: Change) {
        let Level { price, quantity } = change.level;
        let levels = match change.side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        };
        if quantity == 0 {
            levels.remove(&price);
        } else {
            levels.insert(price, quantity);
        }
    }

    pub(super) fn depth(&self, side: Side) -> usize {
        self.levels(side).len()
    }

    pub(super) fn holds(&self, side: Side, price: u64) -> bool {
        self.levels(side).contains_key(&price)
    }

    /// The quantity at a price; 0 if nothing is there.
    pub(super) fn quantity(&self, side: Side, price: u64) -> u64 {
        self.levels(side).get(&price).copied().unwrap_or_default()
    }

    /// The levels of a side, the best first.
    pub(super) fn best_first(&self, side: Side) -> Box<dyn Iterator<Item = Level> + '_> {
        match side {
            Side::Bid => Box::new(levels_of(&self.bids).rev()),
            Side::Ask => Box::new(levels_of(&self.asks)),
        }
    }

    pub(super) fn worst(&self, side: Side) -> Option<Level> {
        match side {
            Side::Bid => levels_of(&self.bids).next(),
            Side::Ask => levels_of(&self.asks).next_back(),
        }
    }

    /// The best levels, unless a side is empty.
    pub(super) fn quote(&self) -> Option<Quote> {
        Some(Quote {
            bid: self.best_first(Side::Bid).next()?,
            ask: self.best_first(Side::Ask).next()?,
        })
    }

    fn levels(&self, side: Side) -> &BTreeMap<u64, u64> {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }
}

fn levels_of(levels: &BTreeMap<u64, u64>) -> impl DoubleEndedIterator<Item = Level> + '_ {
    levels
        .iter()
        .map(|(&price, &quantity)| Level { price, quantity })
}
