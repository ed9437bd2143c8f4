//! Market data of Binance spot, Backpack, Kraken spot and OKX spot, over any transport.
//!
//! Layer 5: this crate knows the traits of [`transport`] and nothing of proxies or sockets. What it
//! is given decides which way every request and every stream goes.
//!
//! - An [`Exchange`] is the codec of an exchange: it makes requests and reads messages, without any
//!   input, output or clock. [`Binance`], [`Backpack`], [`Kraken`] and [`Okx`] are those that
//!   [`EXCHANGES`] lists. [`codec`] is what one is made of.
//! - A [`Feed`] runs a codec over an [`HttpTransport`](transport::HttpTransport) and a
//!   [`WsDialer`](transport::WsDialer) and delivers [`FeedEvent`]s: data, and what one must know to
//!   trust it.
//! - An [`OrderBook`] is built from the events; [`BookSync`] is how a feed makes sure that they
//!   follow one another without a gap.
//!
//! Prices and sizes are decimals that keep every digit, never floats. Times are integer nanoseconds
//! since 1970, UTC.
//!
//! ```
//! use feeds::{AnswerError, Binance, Exchange, ExchangeMessage, Frame, Side};
//!
//! let binance = Binance::default();
//! let instruments = binance.parse_metadata(
//!     br#"{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT"}]}"#,
//! )?;
//! let text = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT",
//!     "t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#;
//!
//! let mut messages = Vec::new();
//! binance.decoder().decode(Frame::Text(text), &instruments, &mut messages)?;
//! let [ExchangeMessage::Trade(trade)] = &messages[..] else {
//!     unreachable!("the message is a trade");
//! };
//! assert_eq!(trade.symbol.as_str(), "BTC-USDT");
//! assert_eq!(trade.side, Side::Sell); // the buyer was the maker
//! assert_eq!(trade.price.to_string(), "61837.63000000");
//! assert_eq!(trade.time.ns(), Some(1_723_161_255_342_000_000));
//! # Ok::<(), AnswerError>(())
//! ```

#[cfg(feature = "mock")]
pub mod audit;
mod book;
mod channel;
pub mod codec;
mod event;
pub mod exchange;
mod feed;
mod filter;
mod instruments;
mod level;
mod mark;
mod merge;
mod metrics;
mod pattern;
mod plain_text;
mod queue;
mod ranges;
mod subscription;
mod symbol;
mod sync;

pub use book::{OrderBook, OutOfStep};
pub use channel::{Channel, UnknownChannel};
pub use event::{
    Covers, EVENT_SCHEMA, EventWriter, ExchangeName, FeedEvent, FeedEventKind, InvalidReason,
    L2Delta, L2Snapshot, Side, Ticker, Trade,
};
pub use exchange::registry::*;
pub use exchange::{
    AnswerError, ConnectionPlan, Decoder, Exchange, ExchangeMessage, Frame, InvalidUrl, Limits,
    Malformed, RequestIds, Rules, Stream, StreamRequest, TradeId,
};
pub use feed::{
    BookStatus, ChannelStatus, ConnectionStatus, Feed, FeedHandle, FeedStatus, OutageStatus,
    Redundancy, SymbolStatus, Unavailable,
};
pub use filter::SymbolFilter;
pub use instruments::{Instrument, Instruments};
pub use level::Level;
pub use metrics::METRICS;
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
pub use pattern::{InvalidPattern, SymbolPattern};
pub use queue::{Backpressure, EventQueue, Events, QueueLimits, event_queue};
pub use subscription::{EmptySubscription, Subscription};
pub use symbol::{InvalidSymbol, Symbol};
pub use sync::{BookAction, BookSync};

/// Compiles the code in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
