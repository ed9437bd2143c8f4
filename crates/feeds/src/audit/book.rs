//! The book of a consumer, beside the market's.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use testkit::mock::{Side, Snapshot};

use crate::book::OrderBook;
use crate::event::{Covers, FeedEventKind, L2Snapshot};
use crate::level::Level;

/// How many changes a book may take to become what the market was.
const MOST: u32 = 5000;

/// What is found out about a book.
pub(super) enum Verdict {
    /// Nothing yet.
    Open,
    /// It is the market's.
    True,
    /// It is not.
    Wrong(String),
}

/// A book that is built from events.
#[derive(Debug, Default)]
pub(super) struct Book {
    book: OrderBook,
    expected: Option<Expected>,
}

/// What the market was at a look.
#[derive(Debug)]
struct Expected {
    id: u64,
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
    /// How many changes have come since.
    changes: u32,
}

impl Book {
    /// Takes an event about the book. Tells what is wrong with it.
    pub(super) fn take(&mut self, event: &FeedEventKind) -> Result<(), String> {
        // What it becomes may be later than what is expected, and nothing would tell.
        if let FeedEventKind::L2Snapshot(L2Snapshot { last_id: None, .. }) = event {
            self.expected = None;
        }
        let taken = self.book.apply_event(event);
        if !self.is_valid() {
            self.expected = None;
        }
        taken.map_err(|error| error.to_string())?;
        match self.book.crossed() {
            Some((bid, ask)) => Err(format!("crossed: {} and {}", bid.price, ask.price)),
            None => Ok(()),
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.book.covers().is_some()
    }

    /// Whether it is valid and nothing is expected of it.
    pub(super) fn is_idle(&self) -> bool {
        self.is_valid() && self.expected.is_none()
    }

    pub(super) fn expect(&mut self, truth: &Snapshot) {
        let side = |side| {
            let levels = truth.book.best_first(side);
            let level = |level: testkit::mock::Level| {
                (
                    truth.instrument.price(level.price),
                    truth.instrument.quantity(level.quantity),
                )
            };
            levels.map(level).collect()
        };
        self.expected = Some(Expected {
            id: truth.id,
            bids: side(Side::Bid),
            asks: side(Side::Ask),
            changes: 0,
        });
    }

    /// Compares it with what is expected.
    pub(super) fn compare(&mut self) -> Verdict {
        let (Some(covers), Some(expected)) = (self.book.covers(), &mut self.expected) else {
            return Verdict::Open;
        };
        let difference = expected.difference(&self.book, covers);
        expected.changes += 1;
        let is_there = self.book.last_id() == Some(expected.id);
        let is_past = self.book.last_id().is_some_and(|last| last > expected.id);
        let verdict = match difference {
            None => Verdict::True,
            Some(difference) if is_there => {
                Verdict::Wrong(format!("at {}: {difference}", expected.id))
            }
            Some(difference) if expected.changes > MOST => Verdict::Wrong(format!(
                "never what it was at {}: {difference}",
                expected.id
            )),
            Some(_) if is_past => Verdict::Open,
            Some(_) => return Verdict::Open,
        };
        self.expected = None;
        verdict
    }
}

impl Expected {
    /// The first price at which `book` differs from it, as far as that claims to know.
    fn difference(&self, book: &OrderBook, covers: Covers) -> Option<String> {
        let (levels, lowest, highest) = match covers {
            Covers::Top { levels } => (levels, None, None),
            Covers::Prices {
                lowest_bid,
                highest_ask,
            } => (usize::MAX, lowest_bid, highest_ask),
        };
        let is_covered = |price: &Decimal| {
            lowest.is_none_or(|lowest| *price >= lowest)
                && highest.is_none_or(|highest| *price <= highest)
        };
        let bids = self.bids.iter().rev();
        let asks = self.asks.iter();
        differ(
            book.bids(),
            bids.filter(|(price, _)| is_covered(price)),
            levels,
        )
        .or_else(|| {
            differ(
                book.asks(),
                asks.filter(|(price, _)| is_covered(price)),
                levels,
            )
        })
    }
}

fn differ<'a>(
    book: impl Iterator<Item = Level>,
    truth: impl Iterator<Item = (&'a Decimal, &'a Decimal)>,
    levels: usize,
) -> Option<String> {
    let book = book.map(|level| (level.price, level.size)).take(levels);
    let mut book = book.fuse();
    let mut truth = truth
        .map(|(price, size)| (*price, *size))
        .take(levels)
        .fuse();
    loop {
        match (book.next(), truth.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => return Some(format!("{one:?} where {other:?} is right")),
        }
    }
}
