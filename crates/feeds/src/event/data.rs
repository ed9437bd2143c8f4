//! Market data.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::json::id_text;
use crate::exchange::TradeId;
use crate::level::Level;
use crate::symbol::Symbol;

/// A trade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// What was traded.
    pub symbol: Symbol,
    /// The exchange's id of the trade, or of the last of several; `None` where it has none.
    pub id: Option<TradeId>,
    /// How many trades this is. Their ids are the `count` numbers that end at `id`.
    pub count: u32,
    /// The taker's side.
    pub side: Side,
    /// The price of one unit of the base asset, in the quote asset.
    pub price: Decimal,
    /// The size in the base asset, of all of them.
    pub amount: Decimal,
    /// Whether it was missing from the stream, and has been asked for: it may come after later trades.
    pub backfilled: bool,
    /// When the exchange matched the trade: nanoseconds since 1970, UTC. `None` where the exchange does
    /// not tell, or tells a time that cannot be.
    pub timestamp_ns: Option<i64>,
}

/// Which side took the liquidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The taker bought.
    Buy,
    /// The taker sold.
    Sell,
}

/// The best bid and ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticker {
    /// What is quoted.
    pub symbol: Symbol,
    /// The highest bid; `None` if nobody bids.
    pub bid: Option<Decimal>,
    /// The size of the highest bid, in the base asset.
    pub bid_size: Option<Decimal>,
    /// The lowest ask; `None` if nobody asks.
    pub ask: Option<Decimal>,
    /// The size of the lowest ask, in the base asset.
    pub ask_size: Option<Decimal>,
    /// The id of the book's state that is quoted, in the number space of [`L2Delta::last_id`]; `None`
    /// where the exchange does not tell.
    #[serde(with = "id_text")]
    pub last_id: Option<u64>,
    /// When the exchange's book came to this state: nanoseconds since 1970, UTC. `None` where the
    /// exchange does not tell (Binance), or tells a time that cannot be.
    pub timestamp_ns: Option<i64>,
}

/// The whole order book, as deep as it is known, best prices first.
///
/// It replaces whatever was known of the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct L2Snapshot {
    /// Whose book it is.
    pub symbol: Symbol,
    /// How many snapshots of the book there have been, with this one.
    pub epoch: u64,
    /// What of the book is known, here and after every delta of this epoch.
    pub covers: Covers,
    /// How many levels of each side the exchange's checksum has verified, here and in every delta of
    /// this epoch that carries one; `None` if the snapshot came without a checksum.
    pub verified_levels: Option<usize>,
    /// The id of the last change that the snapshot holds; `None` where the exchange has no ids.
    #[serde(with = "id_text")]
    pub last_id: Option<u64>,
    /// The bids, highest price first.
    pub bids: Vec<Level>,
    /// The asks, lowest price first.
    pub asks: Vec<Level>,
    /// The exchange's time of the snapshot: nanoseconds since 1970, UTC. `None` where the exchange does
    /// not tell (Binance), or tells a time that cannot be.
    pub timestamp_ns: Option<i64>,
}

/// What of a book is known: with the deltas of its epoch, it is the exchange's within. Of what lies outside
/// nothing is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Covers {
    /// So many levels of each side, the best ones. A side that has fewer has no others.
    Top {
        /// How many.
        levels: usize,
    },
    /// Every bid from a price up, and every ask up to a price. A side without such a price is known as a
    /// whole; one with it always has at least one level, or the book is
    /// [invalid](crate::InvalidReason::OutOfRange).
    Prices {
        /// The lowest price at which bids are known; `None` if all of them are.
        lowest_bid: Option<Decimal>,
        /// The highest price at which asks are known; `None` if all of them are.
        highest_ask: Option<Decimal>,
    },
}

/// Changes of an order book since the snapshot or delta before: new sizes, of which zero removes
/// the price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct L2Delta {
    /// Whose book it is.
    pub symbol: Symbol,
    /// The [`epoch`](L2Snapshot::epoch) of the snapshot that it changes.
    pub epoch: u64,
    /// The id of the first change; `None` where the exchange does not tell. At most one more than the
    /// `last_id` before.
    #[serde(with = "id_text")]
    pub first_id: Option<u64>,
    /// The id of the last change; `None` where the exchange has no ids.
    #[serde(with = "id_text")]
    pub last_id: Option<u64>,
    /// The changed bids.
    pub bids: Vec<Level>,
    /// The changed asks.
    pub asks: Vec<Level>,
    /// The exchange's time: nanoseconds since 1970, UTC. The matching engine's where the exchange tells
    /// it (Backpack), else that of sending (Binance). `None` where the exchange does not tell, or tells
    /// a time that cannot be.
    pub timestamp_ns: Option<i64>,
}
