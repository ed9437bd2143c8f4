//! What a decoder makes of a frame.

use std::fmt;
use std::time::Duration;

use rust_decimal::Decimal;
use transport::Message;

use crate::channel::Channel;
use crate::event::Side;
use crate::instruments::Instrument;
use crate::level::Level;
use crate::symbol::Symbol;

/// What one frame of an exchange says. A frame may say several things.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExchangeMessage {
    /// A trade.
    Trade(Trade),
    /// The best bid and ask.
    Ticker(Ticker),
    /// A whole book, or changes of one.
    Book(BookChange),
    /// The exchange did what it was asked.
    Acknowledged(Reply),
    /// The exchange declined what it was asked. The connection stays usable.
    Refused(Refusal),
    /// Nothing but a sign of life: an answer to a ping, a heartbeat.
    Alive,
    /// The exchange asks for a sign of life by a message of its own. Pings of the WebSocket protocol need
    /// no decoder.
    Ping {
        /// What it wants to hear.
        answer: Message,
    },
    /// Frames of this connection are missing, as its own counter shows; no book on it is true.
    Missed,
    /// The exchange is about to close the connection.
    ShutdownAnnounced {
        /// How long until then, if it says so.
        within: Option<Duration>,
    },
    /// Something for people, such as a maintenance that is planned.
    Notice {
        /// The exchange's words.
        text: String,
    },
    /// A well-formed message that is of no use here.
    Unknown {
        /// What it says it is.
        kind: String,
    },
}

impl ExchangeMessage {
    /// Of which symbol and channel it is, if it is market data.
    pub(crate) fn stream(&self) -> Option<(&Symbol, Channel)> {
        match self {
            Self::Trade(trade) => Some((&trade.symbol, Channel::Trades)),
            Self::Ticker(ticker) => Some((&ticker.symbol, Channel::Ticker)),
            Self::Book(change) => Some((&change.symbol, Channel::L2Book)),
            _ => None,
        }
    }
}

/// What the exchange's clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Nanoseconds since 1970, UTC.
    At(i64),
    /// The message has no time.
    Absent,
    /// The message has a time that cannot be, as one in another unit than is due.
    Impossible,
}

impl Time {
    /// The time in nanoseconds, if it is known.
    #[must_use]
    pub fn ns(self) -> Option<i64> {
        match self {
            Self::At(ns) => Some(ns),
            Self::Absent | Self::Impossible => None,
        }
    }
}

/// A trade, or several that the exchange tells as one.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// When the exchange matched it.
    pub time: Time,
    /// Whether it is history that a subscription begins with, not a trade of now.
    pub is_history: bool,
}

/// The id of a trade.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TradeId {
    /// A number, which grows per symbol.
    Number(u64),
    /// Text without an order.
    Text(Box<str>),
}

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// The best bid and ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticker {
    /// What is quoted.
    pub symbol: Symbol,
    /// The highest bid; `None` if nobody bids.
    pub bid: Option<Level>,
    /// The lowest ask; `None` if nobody asks.
    pub ask: Option<Level>,
    /// The id of the book's state that is quoted, where the exchange tells it.
    pub id: Option<u64>,
    /// The exchange's time of that state.
    pub time: Time,
}

/// A whole book, or changes of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookChange {
    /// Whose book it is.
    pub symbol: Symbol,
    /// Whether it replaces the book or changes it.
    pub content: BookContent,
    /// Where it stands among the others.
    pub ids: Ids,
    /// What the exchange's checksum of the changed book is, where it sends one.
    pub checksum: Option<u32>,
    /// The bids. In a change, in the order of the message.
    pub bids: Vec<Level>,
    /// The asks. In a change, in the order of the message.
    pub asks: Vec<Level>,
    /// The exchange's time.
    pub time: Time,
}

/// What the levels of a [`BookChange`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookContent {
    /// All there are.
    Snapshot,
    /// New sizes, of which zero removes the price. Without levels, only a sign of life.
    Change,
}

/// The numbers that an exchange gives a change of a book, as far as it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ids {
    /// The id that the change before it ended with.
    pub previous: Option<u64>,
    /// The first id that the change covers.
    pub first: Option<u64>,
    /// The last id that the change covers, or the id of its snapshot.
    pub last: Option<u64>,
}

/// One channel of one instrument.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stream {
    /// What it is about.
    pub instrument: Instrument,
    /// Which data.
    pub channel: Channel,
}

/// What a reply is about, as far as it tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The id of the request that it answers.
    pub request: Option<u64>,
    /// Which symbol it is about; every one of the request without it.
    pub symbol: Option<Symbol>,
    /// Which channel it is about; every one of the request without it.
    pub channel: Option<Channel>,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it is about.
    pub reply: Reply,
    /// The exchange's code, where it has one.
    pub code: Option<String>,
    /// The exchange's words.
    pub message: String,
}
