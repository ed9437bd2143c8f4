//! What is traded.

use rust_decimal::Decimal;

use super::book::Level;
use super::random::Random;

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
    pub base: String,
    /// What it is paid with: `USDT`.
    pub quote: String,
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
        [base, quote]: [&str; 2],
        [price_scale, quantity_scale]: [u32; 2],
        start: u64,
        largest: u64,
    ) -> Self {
        Self {
            symbol,
            base: base.to_owned(),
            quote: quote.to_owned(),
            kind: MarketKind::Spot,
            open: true,
            price_scale,
            quantity_scale,
            start,
            largest,
        }
    }

    /// An open spot market that is made up, always the same one for a symbol.
    pub(super) fn made_up(symbol: String, names: [&str; 2]) -> Self {
        let seed = symbol.bytes().fold(0_u64, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into())
        });
        let mut random = Random::new(seed);
        // A deep book is below its best bid, too.
        let start = 20_000 + random.below(980_000);
        let scales = [random.up_to(4), random.up_to(3)].map(|scale| scale as u32);
        Self::spot(symbol, names, scales, start, 500_000)
    }

    /// Base and quote, whatever the exchange calls them: `BTC-USDT`.
    #[must_use]
    pub fn pair(&self) -> String {
        format!("{}-{}", self.base, self.quote)
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
