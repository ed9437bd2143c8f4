//! The book as far as it is known, and what of it a subscriber is told.

use rust_decimal::Decimal;

use crate::book::OrderBook;
use crate::event::{Covers, InvalidReason};
use crate::exchange::{BookChange, BookRules};
use crate::level::{Level, compare};

/// The most prices of a side.
const MOST_LEVELS: usize = 100_000;

/// A side that is so many times as long as its snapshot was has grown into a corner that nobody asked
/// about: the price has moved away from there.
const GROWN: usize = 8;

/// A book, the prices that its snapshot vouches for, and how much of it is told.
//
//     asks    98   99 | 100  101 ... 130 | 131      of a snapshot of 31 levels, 130 is the edge: an ask
//             known   | known            | unknown  above it may be there or not. A lower one, however
//                                                   low, is told when it comes.
#[derive(Debug)]
pub(super) struct KnownBook {
    book: OrderBook,
    /// How many levels the snapshot was asked for; `None` where it came in the stream, which keeps it
    /// complete.
    asked: Option<usize>,
    /// Bids from here up are known; without it all of them.
    lowest_bid: Option<Decimal>,
    /// Asks up to here are known; without it all of them.
    highest_ask: Option<Decimal>,
    /// How many levels of a side the exchange keeps complete.
    kept: Option<usize>,
    /// How many levels of a side are told; all that are known without it.
    told: Option<usize>,
}

impl KnownBook {
    /// A book of which nothing is known yet. Of the levels, `depth` shall be told.
    pub(super) fn new(rules: &BookRules, depth: Option<usize>) -> Self {
        Self {
            book: OrderBook::new(),
            asked: None,
            lowest_bid: None,
            highest_ask: None,
            kept: rules.cut,
            told: depth.into_iter().chain(rules.cut).min(),
        }
    }

    pub(super) fn book(&self) -> &OrderBook {
        &self.book
    }

    pub(super) fn covers(&self) -> Covers {
        match self.told {
            Some(levels) => Covers::Top { levels },
            None => Covers::Prices {
                lowest_bid: self.lowest_bid,
                highest_ask: self.highest_ask,
            },
        }
    }

    /// Begins with a snapshot that was asked to be of so many levels, and leaves in it what is told.
    pub(super) fn begin(&mut self, snapshot: &mut BookChange, asked: Option<usize>) {
        self.book.apply(snapshot);
        self.asked = asked;
        // A side that is shorter than it was asked to be ends there.
        let is_cut = |length: usize| asked.is_some_and(|asked| length >= asked);
        let worst = |price: Option<_>, length| price.filter(|_| is_cut(length));
        let (bids, asks) = (self.book.bids(), self.book.asks());
        let (bid_count, ask_count) = (bids.len(), asks.len());
        self.lowest_bid = worst(bids.last().map(|level| level.price), bid_count);
        self.highest_ask = worst(asks.last().map(|level| level.price), ask_count);
        self.write_into(snapshot);
        self.cut();
    }

    /// Makes the levels of `snapshot` those that are told.
    pub(super) fn write_into(&self, snapshot: &mut BookChange) {
        let (bids, asks) = self.told();
        (snapshot.bids, snapshot.asks) = (bids.collect(), asks.collect());
    }

    /// The bids and asks that are told.
    pub(super) fn told(&self) -> (impl Iterator<Item = Level>, impl Iterator<Item = Level>) {
        let most = self.told.unwrap_or(usize::MAX);
        (self.book.bids().take(most), self.book.asks().take(most))
    }

    /// Takes a change, and leaves in it what is told of it.
    pub(super) fn apply(&mut self, change: &mut BookChange) {
        if let Some(lowest) = self.lowest_bid {
            change
                .bids
                .retain(|level| compare(level.price, lowest).is_ge());
        }
        if let Some(highest) = self.highest_ask {
            change
                .asks
                .retain(|level| compare(level.price, highest).is_le());
        }
        match self.told {
            Some(most) => self.book.apply_to_best(change, most),
            None => self.book.apply(change),
        }
        self.cut();
    }

    fn cut(&mut self) {
        if let Some(kept) = self.kept {
            self.book.cut(kept);
        }
    }

    /// What makes the book useless.
    pub(super) fn fault(&self) -> Option<InvalidReason> {
        if self.book.depth() > MOST_LEVELS {
            return Some(InvalidReason::TooLarge);
        }
        if let Some((bid, ask)) = self.book.crossed() {
            return Some(InvalidReason::Crossed {
                bid: bid.price,
                ask: ask.price,
            });
        }
        let least = self.least();
        let is_short = |length: &usize| *length < least;
        self.cut_sides()
            .any(|length| is_short(&length))
            .then_some(InvalidReason::OutOfRange)
    }

    /// Whether another snapshot is due, since the price has come near the end of what is known, or far from
    /// it.
    pub(super) fn is_due(&self) -> bool {
        let (Some(asked), least) = (self.asked, self.least()) else {
            return false;
        };
        // Simulated: a price as fast as in the recordings, with answers after a second, leaves a hundred
        // levels 31 times an hour if the next ones are due with an eighth of them, 7 times with a quarter,
        // and twice with half, for twice as many requests. It never leaves five hundred.
        let few = least + asked.saturating_sub(least) / 4;
        let many = asked.saturating_mul(GROWN);
        let is_due = |length: usize| length < few || length > many;
        self.cut_sides().any(is_due)
    }

    /// Of the levels that a side began with, how many are left and how many are gone, where the fewest are
    /// left; `None` if no price can leave what is known.
    pub(super) fn left_and_gone(&self) -> Option<(usize, usize)> {
        let length = self.cut_sides().min()?;
        let left = length.saturating_sub(self.least());
        Some((left, self.asked?.saturating_sub(length)))
    }

    /// The lengths of the sides that go on beyond what is known.
    fn cut_sides(&self) -> impl Iterator<Item = usize> {
        let bids = self.lowest_bid.map(|_| self.book.bids().len());
        let asks = self.highest_ask.map(|_| self.book.asks().len());
        bids.into_iter().chain(asks)
    }

    /// How many levels of a side must be known, if there are more: those that are told, or the best one.
    fn least(&self) -> usize {
        self.told.unwrap_or(1)
    }
}
