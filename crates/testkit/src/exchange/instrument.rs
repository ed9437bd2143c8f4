//! What is traded.

use rust_decimal::Decimal;

/// What kind of market it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarketKind {
    Spot,
    Perpetual,
}

/// One market of an exchange.
///
/// Inside the mock, prices are counted in ticks and quantities in lots, so the book needs no
/// decimals; this says what a tick and a lot are.
#[derive(Debug)]
pub(super) struct Instrument {
    /// The exchange's symbol.
    pub(super) symbol: String,
    pub(super) base: &'static str,
    pub(super) quote: &'static str,
    pub(super) kind: MarketKind,
    /// Whether it is traded: closed markets are listed and silent.
    pub(super) open: bool,
    /// How many decimals a price has.
    pub(super) price_scale: u32,
    /// How many decimals a quantity has.
    pub(super) quantity_scale: u32,
    /// The first bid, in ticks.
    pub(super) start: u64,
    /// The largest quantity of a level, in lots.
    pub(super) largest: u64,
}

impl Instrument {
    /// A price in the instrument's own number of decimals.
    pub(super) fn price(&self, ticks: u64) -> Decimal {
        Decimal::from_i128_with_scale(ticks.into(), self.price_scale)
    }

    /// A quantity in the instrument's own number of decimals.
    pub(super) fn quantity(&self, lots: u64) -> Decimal {
        Decimal::from_i128_with_scale(lots.into(), self.quantity_scale)
    }
}
