//! Binance's messages as a user would write them down for serde, with text of any type.

#![expect(
    dead_code,
    reason = "a user would read the fields; here it is enough that they are parsed"
)]

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::error::Result;

/// What comes in the envelope of combined streams.
#[derive(Debug, Deserialize)]
pub(super) struct Combined<S, D> {
    pub(super) stream: S,
    pub(super) data: D,
}

#[derive(Debug, Deserialize)]
pub(super) struct Trade<S> {
    #[serde(rename = "e")]
    pub(super) kind: S,
    #[serde(rename = "E")]
    pub(super) sent: u64,
    #[serde(rename = "s")]
    pub(super) symbol: S,
    #[serde(rename = "t")]
    pub(super) id: u64,
    #[serde(rename = "p")]
    pub(super) price: S,
    #[serde(rename = "q")]
    pub(super) amount: S,
    #[serde(rename = "T")]
    pub(super) matched: u64,
    #[serde(rename = "m")]
    pub(super) is_buyer_maker: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ticker<S> {
    #[serde(rename = "u")]
    pub(super) last_id: u64,
    #[serde(rename = "s")]
    pub(super) symbol: S,
    #[serde(rename = "b")]
    pub(super) bid: S,
    #[serde(rename = "B")]
    pub(super) bid_size: S,
    #[serde(rename = "a")]
    pub(super) ask: S,
    #[serde(rename = "A")]
    pub(super) ask_size: S,
}

#[derive(Debug, Deserialize)]
pub(super) struct Depth<S> {
    #[serde(rename = "e")]
    pub(super) kind: S,
    #[serde(rename = "E")]
    pub(super) sent: u64,
    #[serde(rename = "s")]
    pub(super) symbol: S,
    #[serde(rename = "U")]
    pub(super) first_id: u64,
    #[serde(rename = "u")]
    pub(super) last_id: u64,
    #[serde(rename = "b")]
    pub(super) bids: Vec<[S; 2]>,
    #[serde(rename = "a")]
    pub(super) asks: Vec<[S; 2]>,
}

/// What can be asked of every message.
pub(super) trait Message {
    /// How many levels of a book it has.
    fn levels(&self) -> usize;

    /// Its prices and sizes.
    fn decimals(&self) -> Result<Vec<Decimal>>;
}

impl<S, D: Message> Message for Combined<S, D> {
    fn levels(&self) -> usize {
        self.data.levels()
    }

    fn decimals(&self) -> Result<Vec<Decimal>> {
        self.data.decimals()
    }
}

impl<S: AsRef<str>> Message for Trade<S> {
    fn levels(&self) -> usize {
        0
    }

    fn decimals(&self) -> Result<Vec<Decimal>> {
        decimals([&self.price, &self.amount].into_iter())
    }
}

impl<S: AsRef<str>> Message for Ticker<S> {
    fn levels(&self) -> usize {
        0
    }

    fn decimals(&self) -> Result<Vec<Decimal>> {
        let Self {
            bid,
            bid_size,
            ask,
            ask_size,
            ..
        } = self;
        decimals([bid, bid_size, ask, ask_size].into_iter())
    }
}

impl<S: AsRef<str>> Message for Depth<S> {
    fn levels(&self) -> usize {
        self.bids.len() + self.asks.len()
    }

    fn decimals(&self) -> Result<Vec<Decimal>> {
        decimals(self.bids.iter().chain(&self.asks).flatten())
    }
}

fn decimals<'a, S: AsRef<str> + 'a>(texts: impl Iterator<Item = &'a S>) -> Result<Vec<Decimal>> {
    texts
        .map(|text| Ok(Decimal::from_str_exact(text.as_ref())?))
        .collect()
}
