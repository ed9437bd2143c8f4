//! What happens in a market between two ticks of the mock's clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::book::{Book, Change, Level, Quote, Side};
use super::instrument::Instrument;

/// The steps of one instrument in one tick, at least one.
#[derive(Debug, Clone)]
pub struct Update {
    /// What it happened to.
    pub instrument: Arc<Instrument>,
    /// Microseconds since 1970.
    pub time: u64,
    /// How often ids have begun anew.
    pub epoch: u32,
    /// In the order of their ids.
    pub steps: Vec<Step>,
}

/// One change of the book, and what it means to the other streams.
#[derive(Debug, Clone)]
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
    /// How often ids had begun anew.
    pub epoch: u32,
    /// The id of the last change.
    pub id: u64,
    /// Microseconds since 1970.
    pub time: u64,
    /// The book.
    pub book: Book,
}

/// What has been traded of an instrument since the mock began, which stands for the last day.
#[derive(Debug, Clone)]
pub struct Day {
    /// What it is about.
    pub instrument: Arc<Instrument>,
    /// The best levels.
    pub quote: Quote,
    /// Since when, in microseconds since 1970.
    pub since: u64,
    /// The latest trade.
    pub last: Option<Trade>,
    /// The id of the first trade.
    pub first_id: u64,
    /// How many trades there were.
    pub count: u64,
    /// In ticks; the first bid, until there is a trade.
    pub open: u64,
    /// In ticks.
    pub high: u64,
    /// In ticks.
    pub low: u64,
    /// In lots.
    pub volume: u128,
    /// The sum of price times quantity, in ticks times lots.
    pub turnover: u128,
}

impl Day {
    /// The price of the latest trade in ticks; the first bid, until there is one.
    #[must_use]
    pub fn last_price(&self) -> u64 {
        self.last.as_ref().map_or(self.open, |it| it.level.price)
    }

    /// The quantity that was traded.
    #[must_use]
    pub fn base_volume(&self) -> Decimal {
        decimal(self.volume, self.instrument.quantity_scale)
    }

    /// What was paid for it.
    #[must_use]
    pub fn quote_volume(&self) -> Decimal {
        let Instrument {
            price_scale,
            quantity_scale,
            ..
        } = *self.instrument;
        decimal(self.turnover, price_scale + quantity_scale)
    }
}

/// A number of units of so many decimals. What no decimal can hold is cut.
fn decimal(units: u128, scale: u32) -> Decimal {
    let units = i128::try_from(units).unwrap_or(i128::MAX);
    Decimal::try_from_i128_with_scale(units, scale).unwrap_or(Decimal::MAX)
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
