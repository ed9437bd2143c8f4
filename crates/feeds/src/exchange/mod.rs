//! What an exchange speaks, without any input, output or clock.
//!
//! An exchange is a folder of this module: its codec, an [`Exchange`], and what it allows and how it
//! behaves, [`Limits`] and [`Rules`]. An entry in [`EXCHANGES`] makes it known to the command.

mod activity;
pub(crate) mod base_url;
pub(crate) mod batch;
pub(crate) mod clock;
mod dialect;
mod faults;
pub(crate) mod levels;
mod limits;
mod message;
#[cfg(feature = "mock")]
mod mock;
mod plain_number;
pub(crate) mod registry;
mod rules;
pub(crate) mod wire;

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;
use http::{Request, Uri};
use transport::{Excerpt, Message, WsRequest, printable};

pub use transport::{Draw, Draws, Window};

pub use self::activity::{Activity, BestPrices};
pub use self::base_url::InvalidUrl;
pub use self::faults::faults;
pub use self::limits::{KeepAlive, Limits};
pub use self::message::{
    BookChange, BookContent, ExchangeMessage, Ids, Refusal, Reply, Stream, Ticker, Time, Trade,
    TradeId,
};
pub use self::registry::*;
pub use self::rules::{
    Acknowledgement, BookChecksum, BookRules, Renewal, Rules, Step, TradeIds, by_previous,
    by_ranges, unnumbered,
};

use crate::channel::Channel;
use crate::instruments::{Instrument, Instruments};
use crate::symbol::Symbol;

/// The codec of an exchange: what to ask, and what the answers mean.
///
/// It does no input or output and looks at no clock; a [`Feed`](crate::Feed) does that for it.
///
/// A request has in its extensions the [`Draws`] on the budgets that [`Limits::rest`] lists.
pub trait Exchange: fmt::Debug + Send + Sync {
    /// The exchange's name in lower case: `binance`.
    fn id(&self) -> &'static str;

    /// What the exchange allows.
    fn limits(&self) -> &Limits;

    /// How the exchange behaves.
    fn rules(&self) -> &Rules;

    /// The channels that the exchange has. Others are never asked for.
    fn channels(&self) -> &[Channel] {
        &Channel::ALL
    }

    /// The request for the list of instruments.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl>;

    /// Reads the answer to [`metadata_request`](Self::metadata_request): what can be traded.
    ///
    /// # Errors
    /// [`AnswerError`] if it is a refusal or has another form.
    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, AnswerError>;

    /// The cheapest request there is.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl>;

    /// The WebSocket to open for `streams`, and what to say there. Without streams, one that stays
    /// quiet.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    fn plan(&self, streams: &[Stream], ids: &mut RequestIds) -> Result<ConnectionPlan, InvalidUrl>;

    /// The same WebSocket as that of a [`plan`](Self::plan) with this `uri` at another host of the exchange, for
    /// a second connection that carries the same; `None` where there is none.
    fn elsewhere(&self, _uri: &Uri) -> Option<Uri> {
        None
    }

    /// What to say on an open connection to have `streams`, too.
    fn subscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest>;

    /// What to say on an open connection to have `streams` no longer.
    fn unsubscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest>;

    /// A reader of the messages of one connection.
    fn decoder(&self) -> Box<dyn Decoder>;

    /// The request for a snapshot of a book of so many `levels` of each side, one of the depths that the
    /// [rules](Renewal::Request) list; `None` where it comes in the stream.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    fn snapshot_request(
        &self,
        _: &Instrument,
        _levels: usize,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        Ok(None)
    }

    /// Reads the answer to [`snapshot_request`](Self::snapshot_request).
    ///
    /// # Errors
    /// [`AnswerError`] if it is a refusal or has another form.
    fn parse_snapshot(&self, _: &Symbol, _: &[u8]) -> Result<BookChange, AnswerError> {
        Err(Malformed::new("a snapshot that was not asked for").into())
    }

    /// The request for trades that are missing, from `cursor` on if there was an answer before;
    /// `None` where there is none, and if all answers about the hole have been given. Where
    /// [`trades`](Rules::trades) have holes of their own, it is sent after a cut, in case that there were
    /// any.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    fn trades_request(
        &self,
        _: &Instrument,
        _: &TradeHole,
        _cursor: Option<&str>,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        Ok(None)
    }

    /// Reads the answer to [`trades_request`](Self::trades_request).
    ///
    /// # Errors
    /// [`AnswerError`] if it is a refusal or has another form.
    fn parse_trades(&self, _: &Symbol, _: &[u8]) -> Result<TradePage, AnswerError> {
        Err(Malformed::new("trades that were not asked for").into())
    }

    /// The cheapest request whose answer tells of all symbols what shows whether streams of `channels` that
    /// are silent should have said something; `None` where there is none.
    ///
    /// An answer may be older than the question, by less than 30 seconds.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    fn activity_request(
        &self,
        _channels: &[Channel],
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        Ok(None)
    }

    /// Reads the answer to [`activity_request`](Self::activity_request), as far as it is about
    /// `instruments`.
    ///
    /// # Errors
    /// [`AnswerError`] if it is a refusal or has another form.
    fn parse_activity(
        &self,
        _: &[u8],
        _instruments: &Instruments,
    ) -> Result<HashMap<Symbol, Activity>, AnswerError> {
        Err(Malformed::new("an overview that was not asked for").into())
    }

    /// Reads a refusal, which has the same form whatever was asked and whatever its status is; `None` if
    /// it is none, or where reading the answer to each request finds them.
    fn parse_refusal(&self, _body: &[u8]) -> Option<AnswerError> {
        None
    }
}

/// Reads the messages of one connection.
pub trait Decoder: fmt::Debug + Send {
    /// Appends to `messages` what `frame` says.
    ///
    /// # Errors
    /// [`Malformed`] if it cannot be understood; what has been appended is void then. What is
    /// well-formed and of an unknown kind, or about something that is not among `instruments`, is an
    /// [`ExchangeMessage::Unknown`].
    fn decode(
        &mut self,
        frame: Frame<'_>,
        instruments: &Instruments,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed>;
}

/// A message of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Text.
    Text(&'a str),
    /// Binary data.
    Binary(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// The text, for who takes nothing else.
    ///
    /// # Errors
    /// [`Malformed`] if it is binary.
    pub fn text(self) -> Result<&'a str, Malformed> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(_) => Err(Malformed::new("binary, not text")),
        }
    }
}

/// A connection to open.
#[derive(Debug, Clone)]
pub struct ConnectionPlan {
    /// The URL, and headers.
    pub socket: WsRequest,
    /// What to say there, at the pace that the limits allow. What the URL asks for is not in here.
    pub requests: Vec<StreamRequest>,
}

/// A message to an exchange about streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRequest {
    /// What the reply will repeat, where there is one.
    pub id: Option<u64>,
    /// The message.
    pub message: Message,
    /// What it asks for.
    pub streams: Vec<Stream>,
}

/// The ids of the requests of one connection.
#[derive(Debug, Clone, Default)]
pub struct RequestIds(u64);

impl RequestIds {
    /// One that has not been used.
    pub fn next_id(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// Trades that are missing: those between two that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeHole {
    /// The number of the trade before the hole.
    pub after_id: u64,
    /// When it was: nanoseconds since 1970, UTC.
    pub after_ns: Option<i64>,
    /// The first number behind the hole.
    pub before_id: u64,
}

/// Trades of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradePage {
    /// The trades, in any order. Those that are not missing are ignored.
    pub trades: Vec<Trade>,
    /// Where the next page begins; `None` if there is none. A page with ids above the hole is the last
    /// one.
    pub cursor: Option<String>,
}

/// An answer that is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It cannot be understood.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is a refusal, whatever its status was.
    #[error("get an answer: refused: {}", printable(message))]
    Refused {
        /// The exchange's code and words.
        message: String,
        /// Whether it is about too many requests.
        is_too_many: bool,
        /// Until when there will be no other answer, if that is told: milliseconds since 1970, UTC.
        until_ms: Option<u64>,
    },
}

/// As much of a reason as of any other quotation.
const LONGEST_REASON: usize = Excerpt::MAX;

/// A message or an answer that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("understand the message: {}", printable(reason))]
pub struct Malformed {
    reason: String,
}

impl Malformed {
    /// A message with something wrong. Of a reason that quotes the message, the first 256 bytes are
    /// kept.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        let mut cuts = (0..=LONGEST_REASON).rev();
        if let Some(cut) = cuts.find(|at| reason.is_char_boundary(*at)) {
            reason.truncate(cut);
        }
        Self { reason }
    }

    /// What is wrong.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
