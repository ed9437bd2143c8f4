//! What an exchange speaks, without any input, output or clock.

mod backpack;
pub(crate) mod base_url;
mod binance;
mod dialect;
pub(crate) mod levels;
mod limits;
mod plain_number;
mod registry;
pub(crate) mod wire;

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use http::Request;
use transport::{Excerpt, WsRequest};

pub use backpack::Backpack;
pub use base_url::InvalidUrl;
pub use binance::Binance;
pub use limits::{KeepAlive, KeepAliveMessage, Limits};
pub use registry::{EXCHANGES, Registration};

use crate::channel::Channel;
use crate::event::{L2Delta, L2Snapshot, Ticker, Trade};
use crate::instruments::{Instrument, Instruments};
use crate::symbol::Symbol;

/// The codec of an exchange: what to ask, and what the answers mean.
///
/// It does no input or output and looks at no clock; a [`Feed`](crate::Feed) does that for it.
pub trait Exchange: fmt::Debug + Send + Sync {
    /// The exchange's name in lower case: `binance`.
    fn id(&self) -> &'static str;

    /// What the exchange allows.
    fn limits(&self) -> &Limits;

    /// The request for the list of instruments.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl>;

    /// Reads the answer to [`metadata_request`](Self::metadata_request): what can be traded.
    ///
    /// # Errors
    /// [`Malformed`] if the answer has another form.
    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, Malformed>;

    /// The cheapest request there is.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl>;

    /// The WebSocket to open, and what to say there, for `channels` of `instruments`. Without any,
    /// one that stays quiet.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    fn stream_request(
        &self,
        instruments: &[Instrument],
        channels: &BTreeSet<Channel>,
    ) -> Result<WsRequest, InvalidUrl>;

    /// The request for a snapshot of an order book.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    fn snapshot_request(&self, instrument: &Instrument) -> Result<Request<Bytes>, InvalidUrl>;

    /// Reads the answer to [`snapshot_request`](Self::snapshot_request), received at `received_ns`.
    ///
    /// # Errors
    /// [`Malformed`] if the answer has another form.
    fn parse_snapshot(
        &self,
        symbol: &Symbol,
        body: &[u8],
        received_ns: i64,
    ) -> Result<L2Snapshot, Malformed>;

    /// Reads one text message of the WebSocket, received at `received_ns`.
    ///
    /// # Errors
    /// [`Malformed`] if it cannot be understood. A well-formed message of an unknown kind, or about
    /// something that is not among `instruments`, is an [`ExchangeMessage::Unknown`].
    fn decode(
        &self,
        text: &str,
        instruments: &Instruments,
        received_ns: i64,
    ) -> Result<ExchangeMessage, Malformed>;
}

/// One message of an exchange's WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeMessage {
    /// A trade.
    Trade(Trade),
    /// The best bid and ask.
    Ticker(Ticker),
    /// Changes of a book.
    Depth(L2Delta),
    /// The exchange did what it was asked.
    Acknowledged,
    /// The exchange declined what it was asked. The connection stays usable.
    Rejected {
        /// The exchange's error code.
        code: i64,
        /// The exchange's words.
        message: String,
    },
    /// The exchange is about to close the connection.
    ShutdownAnnounced,
    /// A well-formed message that is of no use here.
    Unknown {
        /// What it says it is.
        kind: String,
    },
}

/// As much of a reason as of any other quotation.
const LONGEST_REASON: usize = Excerpt::MAX;

/// A message or an answer that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("understand the message: {reason}")]
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
