//! What happens in a market between two ticks of the mock's clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::book::{Book, Change, Level, Quote, Side};
use super::instrument::Instrument;

/// The steps of one instrument in one tick, at least one.
#[derive(Debug)]
pub struct Update {
    /// What it happened to.
    pub instrument: Arc<Instrument>,
    /// Microseconds since 1970.
    pub time: u64,
    /// In the order of their ids.
    pub steps: Vec<Step>,
}

/// One change of the book, and what it means to the other streams.
#[derive(Debug)]
pub struct Step {
    /// One more than that of the step before.
    pub id: u64,
    /// What changed.
    pub change: Change,
    /// The best levels after the change, if it changed them.
    pub quote: Option<Quote>,
    /// The trade that caused the change.
    pub trade: Option<Trade>,
}

/// A trade.
#[derive(Debug, Clone)]
pub struct Trade {
    /// One more than that of the trade before.
    pub id: u64,
    /// Microseconds since 1970.
    pub time: u64,
    /// The price in ticks and the quantity in lots.
    pub level: Level,
    /// Whether the taker sold.
    pub buyer_is_maker: bool,
    /// The id of the buyer's order.
    pub buyer_order: u64,
    /// The id of the seller's order.
    pub seller_order: u64,
}

/// A book as it was after the change with the id.
#[derive(Debug)]
pub struct Snapshot {
    /// Whose book it is.
    pub instrument: Arc<Instrument>,
    /// The id of the last change.
    pub id: u64,
    /// Microseconds since 1970.
    pub time: u64,
    /// The book.
    pub book: Book,
}

/// One or more changes in a row, each price named once with its last quantity.
#[derive(Debug, PartialEq, Eq)]
pub struct Delta {
    /// The id of the first change.
    pub first_id: u64,
    /// The id of the last change.
    pub last_id: u64,
    /// By price, ascending.
    pub bids: Vec<Level>,
    /// By price, ascending.
    pub asks: Vec<Level>,
}

// Of the steps 7 (bid 100: 5), 8 (bid 100: 3) and 9 (ask 102: 0):
//
//     single_deltas    U 7 u 7 b [[100, 5]]    U 8 u 8 b [[100, 3]]    U 9 u 9 a [[102, 0]]
//     delta            U 7 u 9 b [[100, 3]] a [[102, 0]]
impl Update {
    /// The trades, oldest first.
    pub fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.steps.iter().filter_map(|step| step.trade.as_ref())
    }

    /// The best levels after each change of them, with the id of that change.
    pub fn quotes(&self) -> impl Iterator<Item = (u64, Quote)> + '_ {
        self.steps
            .iter()
            .filter_map(|step| Some((step.id, step.quote?)))
    }

    /// Each step by itself.
    pub fn single_deltas(&self) -> impl Iterator<Item = Delta> + '_ {
        self.steps
            .iter()
            .map(|step| Delta::of(std::slice::from_ref(step)))
    }

    /// All steps in one.
    #[must_use]
    pub fn delta(&self) -> Delta {
        Delta::of(&self.steps)
    }
}

impl Delta {
    fn of(steps: &[Step]) -> Self {
        let levels = |side| {
            let last: BTreeMap<u64, u64> = steps
                .iter()
                .filter(|step| step.change.side == side)
                // Of two entries with one price, a map keeps the last.
                .map(|step| (step.change.level.price, step.change.level.quantity))
                .collect();
            last.into_iter()
                .map(|(price, quantity)| Level { price, quantity })
                .collect()
        };
        Self {
            first_id: steps.first().map_or(0, |step| step.id),
            last_id: steps.last().map_or(0, |step| step.id),
            bids: levels(Side::Bid),
            asks: levels(Side::Ask),
        }
    }
}
