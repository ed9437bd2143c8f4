//! What is traded.

use rust_decimal::Decimal;

use super::book::Level;

/// What kind of market it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketKind {
    /// Spot.
    Spot,
    /// A future without an end.
    Perpetual,
}

/// One market of an exchange.
///
/// Inside the mock, prices are counted in ticks and quantities in lots, so the book needs no
/// decimals; this says what a tick and a lot are.
#[derive(Debug, Clone)]
pub struct Instrument {
    /// The exchange's symbol.
    pub symbol: String,
    /// What is traded: `BTC`.
    pub base: &'static str,
    /// What it is paid with: `USDT`.
    pub quote: &'static str,
    /// The kind of market.
    pub kind: MarketKind,
    /// Whether it is traded: closed markets are listed and silent.
    pub open: bool,
    /// How many decimals a price has.
    pub price_scale: u32,
    /// How many decimals a quantity has.
    pub quantity_scale: u32,
    /// The first bid, in ticks.
    pub start: u64,
    /// The largest quantity of a level, in lots.
    pub largest: u64,
}

impl Instrument {
    /// An open spot market of base and quote, with so many decimals of a price and of a
    /// quantity; see the fields.
    #[must_use]
    pub fn spot(
        symbol: String,
        [base, quote]: [&'static str; 2],
        [price_scale, quantity_scale]: [u32; 2],
        start: u64,
        largest: u64,
    ) -> Self {
        Self {
            symbol,
            base,
            quote,
            kind: MarketKind::Spot,
            open: true,
            price_scale,
            quantity_scale,
            start,
            largest,
        }
    }

    /// A price in the instrument's own number of decimals.
    #[must_use]
    pub fn price(&self, ticks: u64) -> Decimal {
        Decimal::from_i128_with_scale(ticks.into(), self.price_scale)
    }

    /// A quantity in the instrument's own number of decimals.
    #[must_use]
    pub fn quantity(&self, lots: u64) -> Decimal {
        Decimal::from_i128_with_scale(lots.into(), self.quantity_scale)
    }
}

/// Levels as JSON, `[["price","quantity"],…]`, with the number of decimals that `form` gives.
pub fn json_levels(
    levels: impl Iterator<Item = Level>,
    instrument: &Instrument,
    form: fn(Decimal) -> Decimal,
) -> String {
    let levels: Vec<_> = levels
        .map(|level| {
            let price = form(instrument.price(level.price));
            let quantity = form(instrument.quantity(level.quantity));
            format!(r#"["{price}","{quantity}"]"#)
        })
        .collect();
    format!("[{}]", levels.join(","))
}
