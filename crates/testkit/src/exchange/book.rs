//! An order book in ticks and lots.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// A side of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who buys.
    Bid,
    /// Who sells.
    Ask,
}

/// A price in ticks and the quantity there, in lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// In ticks.
    pub price: u64,
    /// In lots.
    pub quantity: u64,
}

/// The new quantity of one level; 0 removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Whose level.
    pub side: Side,
    /// The level as it is now.
    pub level: Level,
}

/// The best level of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// The highest bid.
    pub bid: Level,
    /// The lowest ask.
    pub ask: Level,
}

impl Quote {
    /// The best level of a side.
    #[must_use]
    pub fn side(&self, side: Side) -> Level {
        match side {
            Side::Bid => self.bid,
            Side::Ask => self.ask,
        }
    }
}

/// Quantities by price.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    bids: BTreeMap<u64, u64>,
    asks: BTreeMap<u64, u64>,
}

impl Book {
    /// A book of these levels, in any order.
    pub(super) fn of(sides: [Vec<Level>; 2]) -> Self {
        let levels = |levels: Vec<Level>| {
            let levels = levels.into_iter();
            levels.map(|it| (it.price, it.quantity)).collect()
        };
        let [bids, asks] = sides.map(levels);
        Self { bids, asks }
    }

    /// Takes over a change.
    pub fn apply(&mut self, change: Change) {
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

    /// How many levels a side has.
    #[must_use]
    pub fn depth(&self, side: Side) -> usize {
        self.levels(side).len()
    }

    /// Whether a level is there.
    #[must_use]
    pub fn holds(&self, side: Side, price: u64) -> bool {
        self.levels(side).contains_key(&price)
    }

    /// The quantity at a price; 0 if nothing is there.
    #[must_use]
    pub fn quantity(&self, side: Side, price: u64) -> u64 {
        self.levels(side).get(&price).copied().unwrap_or_default()
    }

    /// The levels of a side, the best first.
    #[must_use]
    pub fn best_first(&self, side: Side) -> Box<dyn Iterator<Item = Level> + '_> {
        match side {
            Side::Bid => Box::new(levels_of(&self.bids, ..).rev()),
            Side::Ask => Box::new(levels_of(&self.asks, ..)),
        }
    }

    /// The level at a price or, if there is none, the next one farther from the other side.
    #[must_use]
    pub fn at_or_behind(&self, side: Side, price: u64) -> Option<Level> {
        match side {
            Side::Bid => levels_of(&self.bids, ..=price).next_back(),
            Side::Ask => levels_of(&self.asks, price..).next(),
        }
    }

    /// The level farthest from the other side.
    #[must_use]
    pub fn worst(&self, side: Side) -> Option<Level> {
        match side {
            Side::Bid => levels_of(&self.bids, ..).next(),
            Side::Ask => levels_of(&self.asks, ..).next_back(),
        }
    }

    /// The best levels, unless a side is empty.
    #[must_use]
    pub fn quote(&self) -> Option<Quote> {
        Some(Quote {
            bid: levels_of(&self.bids, ..).next_back()?,
            ask: levels_of(&self.asks, ..).next()?,
        })
    }

    fn levels(&self, side: Side) -> &BTreeMap<u64, u64> {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }
}

fn levels_of(
    levels: &BTreeMap<u64, u64>,
    prices: impl RangeBounds<u64>,
) -> impl DoubleEndedIterator<Item = Level> + '_ {
    levels
        .range(prices)
        .map(|(&price, &quantity)| Level { price, quantity })
}
