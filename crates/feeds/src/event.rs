//! What a feed delivers.

use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::channel::Channel;
use crate::exchange::TradeId;
use crate::level::Level;
use crate::symbol::Symbol;

/// A trade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trade {
    /// The exchange, such as `binance`.
    pub exchange: &'static str,
    /// What was traded.
    pub symbol: Symbol,
    /// The exchange's id of the trade, where it has one.
    pub id: Option<TradeId>,
    /// The taker's side.
    pub side: Side,
    /// The price of one unit of the base asset, in the quote asset.
    pub price: Decimal,
    /// The size in the base asset.
    pub amount: Decimal,
    /// When the exchange matched the trade: nanoseconds since 1970, UTC. `None` if it tells a time that
    /// cannot be.
    pub timestamp_ns: Option<i64>,
    /// When the message was received: nanoseconds since 1970, UTC, by this machine's clock.
    pub received_ns: i64,
}

/// Which side took the liquidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The taker bought.
    Buy,
    /// The taker sold.
    Sell,
}

/// The best bid and ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ticker {
    /// The exchange, such as `binance`.
    pub exchange: &'static str,
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
    /// The id of the book's state that is quoted, in the number space of [`L2Delta::last_id`], where the
    /// exchange tells it.
    pub last_id: Option<u64>,
    /// When the exchange's book came to this state: nanoseconds since 1970, UTC. `None` where the
    /// exchange does not tell (Binance).
    pub timestamp_ns: Option<i64>,
    /// When the message was received: nanoseconds since 1970, UTC, by this machine's clock.
    pub received_ns: i64,
}

/// The whole order book, as deep as the exchange tells it, best prices first.
///
/// It replaces whatever was known of the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct L2Snapshot {
    /// The exchange, such as `binance`.
    pub exchange: &'static str,
    /// Whose book it is.
    pub symbol: Symbol,
    /// The id of the last change that the snapshot holds, where the exchange has ids.
    pub last_id: Option<u64>,
    /// The bids, highest price first.
    pub bids: Vec<Level>,
    /// The asks, lowest price first.
    pub asks: Vec<Level>,
    /// The exchange's time of the snapshot: nanoseconds since 1970, UTC. `None` where the exchange does
    /// not tell (Binance).
    pub timestamp_ns: Option<i64>,
    /// When the snapshot was received: nanoseconds since 1970, UTC, by this machine's clock.
    pub received_ns: i64,
}

/// Changes of an order book since the snapshot or delta before: new sizes, of which zero removes
/// the price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct L2Delta {
    /// The exchange, such as `binance`.
    pub exchange: &'static str,
    /// Whose book it is.
    pub symbol: Symbol,
    /// The id of the first change, where the exchange tells it. At most one more than the `last_id`
    /// before.
    pub first_id: Option<u64>,
    /// The id of the last change, where the exchange has ids.
    pub last_id: Option<u64>,
    /// The changed bids.
    pub bids: Vec<Level>,
    /// The changed asks.
    pub asks: Vec<Level>,
    /// The exchange's time: nanoseconds since 1970, UTC. The matching engine's where the exchange tells
    /// it (Backpack), else that of sending (Binance). `None` if it is a time that cannot be.
    pub timestamp_ns: Option<i64>,
    /// When the message was received: nanoseconds since 1970, UTC, by this machine's clock.
    pub received_ns: i64,
}

/// Why what is known of an order book must not be used any longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum InvalidReason {
    /// Changes are missing.
    Gap {
        /// The id that the next change should have begun with, or should have named as the one before.
        expected: u64,
        /// The id that it did.
        received: u64,
    },
    /// The highest bid reached the lowest ask.
    Crossed {
        /// The highest bid.
        bid: Decimal,
        /// The lowest ask.
        ask: Decimal,
    },
    /// The exchange's checksum is that of another book.
    Checksum {
        /// What the exchange sent.
        expected: u32,
        /// What the book's is.
        computed: u32,
    },
    /// Messages of the connection are missing, of which some may have been about the book.
    Missed,
    /// The exchange has begun to number its changes anew.
    Restarted,
    /// The connection ended.
    Disconnected,
}

/// What a feed delivers: market data, and everything one must know to trust it.
///
/// In JSON the variant stands in `type`, in snake case: `{"type":"trade", …}`. Prices and sizes
/// are strings, times integers. A time by the exchange's clock may be ahead of `received_ns`.
// What a subscriber of one book sees over a cut, as JSON Lines, shortened:
//
//     {"type":"connected","exchange":"binance","proxies":["proxy.example:1080"],...}
//     {"type":"l2_snapshot","symbol":"BTC-USDT","last_id":50093239218,...}
//     {"type":"l2_delta","symbol":"BTC-USDT","first_id":50093239208,"last_id":50093239224,...}
//     {"type":"disconnected","reason":"...","retry_in_ms":1408,"attempt":1,...}
//     {"type":"book_invalid","symbol":"BTC-USDT","reason":{"kind":"disconnected"},...}
//     {"type":"connected",...}
//     {"type":"l2_snapshot",...}
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FeedEvent {
    /// A trade. No trade of a symbol comes twice, not even over a reconnect.
    Trade(Trade),
    /// The best bid and ask changed.
    Ticker(Ticker),
    /// The whole book. It comes before any delta, and again after every `BookInvalid`.
    L2Snapshot(L2Snapshot),
    /// Changes that follow seamlessly to the snapshot or delta before.
    L2Delta(L2Delta),
    /// What is known of a book is void until the next snapshot.
    BookInvalid {
        /// The exchange.
        exchange: &'static str,
        /// Whose book it is.
        symbol: Symbol,
        /// Why.
        reason: InvalidReason,
        /// When it was noticed: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
    /// A snapshot could not be fetched; the book is void until a later try succeeds.
    SnapshotFailed {
        /// The exchange.
        exchange: &'static str,
        /// Whose book it is.
        symbol: Symbol,
        /// Why.
        reason: String,
        /// How long until the next try.
        #[serde(rename = "retry_in_ms", serialize_with = "milliseconds")]
        retry_in: Duration,
        /// When it failed: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
    /// A WebSocket is open and everything is asked for.
    Connected {
        /// The exchange.
        exchange: &'static str,
        /// The proxies that the connection passes, as `host:port`, nearest first.
        proxies: Vec<String>,
        /// When it was opened: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
    /// The metadata could not be loaded, or the WebSocket could not be opened or came to its end.
    Disconnected {
        /// The exchange.
        exchange: &'static str,
        /// Why.
        reason: String,
        /// How long until the next try.
        #[serde(rename = "retry_in_ms", serialize_with = "milliseconds")]
        retry_in: Duration,
        /// How many tries have failed in a row, with this one.
        attempt: u32,
        /// When it happened: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
    /// The exchange says that it is about to close the connection.
    ShutdownAnnounced {
        /// The exchange.
        exchange: &'static str,
        /// When the message was received: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
    /// The exchange declined something that it was asked over the WebSocket.
    Rejected {
        /// The exchange.
        exchange: &'static str,
        /// What it was about, as far as the exchange tells.
        symbols: Vec<Symbol>,
        /// The exchange's error code, where it has one.
        code: Option<String>,
        /// The exchange's words.
        message: String,
        /// When the message was received: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
    /// The exchange has something to say to people, such as that a maintenance is planned.
    Notice {
        /// The exchange.
        exchange: &'static str,
        /// The exchange's words.
        text: String,
        /// When the message was received: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
    /// A stream tells times that cannot be, such as those in another unit than is due. Their
    /// `timestamp_ns` is null. It is told once for each stream.
    ImpossibleTime {
        /// The exchange.
        exchange: &'static str,
        /// Whose times.
        symbol: Symbol,
        /// In which stream.
        channel: Channel,
        /// When the first such message was received: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
    /// The exchange has begun to number the trades of a symbol anew. The trade follows.
    NumberingRestarted {
        /// The exchange.
        exchange: &'static str,
        /// Whose trades.
        symbol: Symbol,
        /// When the trade was received: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
    /// A well-formed message of a kind that is not known or was not asked for.
    Unknown {
        /// The exchange.
        exchange: &'static str,
        /// What it says it is.
        kind: String,
        /// Its beginning, escaped.
        excerpt: String,
        /// When it was received: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
    /// A message that cannot be understood.
    Malformed {
        /// The exchange.
        exchange: &'static str,
        /// What is wrong with it.
        reason: String,
        /// Its beginning, escaped.
        excerpt: String,
        /// When it was received: nanoseconds since 1970, UTC.
        received_ns: i64,
    },
}

impl FeedEvent {
    /// The exchange.
    #[must_use]
    pub fn exchange(&self) -> &'static str {
        match self {
            Self::Trade(Trade { exchange, .. })
            | Self::Ticker(Ticker { exchange, .. })
            | Self::L2Snapshot(L2Snapshot { exchange, .. })
            | Self::L2Delta(L2Delta { exchange, .. })
            | Self::BookInvalid { exchange, .. }
            | Self::SnapshotFailed { exchange, .. }
            | Self::Connected { exchange, .. }
            | Self::Disconnected { exchange, .. }
            | Self::ShutdownAnnounced { exchange, .. }
            | Self::Rejected { exchange, .. }
            | Self::Notice { exchange, .. }
            | Self::ImpossibleTime { exchange, .. }
            | Self::NumberingRestarted { exchange, .. }
            | Self::Unknown { exchange, .. }
            | Self::Malformed { exchange, .. } => exchange,
        }
    }

    /// Whose data it is, where it is about one symbol.
    #[must_use]
    pub fn symbol(&self) -> Option<&Symbol> {
        match self {
            Self::Trade(Trade { symbol, .. })
            | Self::Ticker(Ticker { symbol, .. })
            | Self::L2Snapshot(L2Snapshot { symbol, .. })
            | Self::L2Delta(L2Delta { symbol, .. })
            | Self::BookInvalid { symbol, .. }
            | Self::SnapshotFailed { symbol, .. }
            | Self::ImpossibleTime { symbol, .. }
            | Self::NumberingRestarted { symbol, .. } => Some(symbol),
            _ => None,
        }
    }

    /// How long after the exchange's time the message arrived, in nanoseconds, where the exchange tells
    /// its time. Negative if the exchange's clock is ahead of this machine's.
    #[must_use]
    pub fn latency_ns(&self) -> Option<i64> {
        let (received_ns, timestamp_ns) = match self {
            Self::Trade(trade) => (trade.received_ns, trade.timestamp_ns?),
            Self::Ticker(ticker) => (ticker.received_ns, ticker.timestamp_ns?),
            Self::L2Snapshot(snapshot) => (snapshot.received_ns, snapshot.timestamp_ns?),
            Self::L2Delta(delta) => (delta.received_ns, delta.timestamp_ns?),
            _ => return None,
        };
        // The clock of a recorder of Binance's streams was more than a second behind the exchange's:
        // an unsigned difference would be centuries.
        Some(received_ns.saturating_sub(timestamp_ns))
    }
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_neat_json_with_exact_numbers() {
        let trade = FeedEvent::Trade(Trade {
            exchange: "binance",
            symbol: "BTC-USDT".parse().unwrap(),
            id: Some(TradeId::Number(7)),
            side: Side::Sell,
            price: Decimal::from_str_exact("61837.63000000").unwrap(),
            amount: Decimal::from_str_exact("0.02").unwrap(),
            timestamp_ns: Some(1_723_161_255_342_000_000),
            received_ns: 1_723_161_254_024_619_568,
        });
        assert_eq!(
            serde_json::to_string(&trade).unwrap(),
            r#"{"type":"trade","exchange":"binance","symbol":"BTC-USDT","id":7,"side":"sell","price":"61837.63000000","amount":"0.02","timestamp_ns":1723161255342000000,"received_ns":1723161254024619568}"#
        );
        assert_eq!(trade.latency_ns(), Some(-1_317_380_432));
        let invalid = FeedEvent::BookInvalid {
            exchange: "backpack",
            symbol: "SOL-USDC".parse().unwrap(),
            reason: InvalidReason::Gap {
                expected: 5,
                received: 9,
            },
            received_ns: 1,
        };
        assert_eq!(
            serde_json::to_string(&invalid).unwrap(),
            r#"{"type":"book_invalid","exchange":"backpack","symbol":"SOL-USDC","reason":{"kind":"gap","expected":5,"received":9},"received_ns":1}"#
        );
        let delta = FeedEvent::L2Delta(L2Delta {
            exchange: "backpack",
            symbol: "SOL-USDC".parse().unwrap(),
            first_id: Some(5),
            last_id: Some(5),
            bids: vec![Level {
                price: Decimal::ONE,
                size: Decimal::ZERO,
            }],
            asks: vec![],
            timestamp_ns: Some(1),
            received_ns: 2,
        });
        let json = serde_json::to_string(&delta).unwrap();
        assert!(json.starts_with(r#"{"type":"l2_delta","#), "{json}");
        assert!(json.contains(r#""bids":[["1","0"]],"asks":[]"#), "{json}");
    }
}
