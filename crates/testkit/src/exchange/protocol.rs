//! What makes one exchange different from another.

use std::fmt;
use std::time::Duration;

use http::{StatusCode, Uri};
use transport::Window;

use super::frame::Frame;
use super::guard::{Ban, Bans, Client};
use super::instrument::Instrument;
use super::market::Market;
use super::replay::Replay;
use super::rest_message::{Answer, RestRequest};
use super::update::Update;

/// The protocol of one exchange: what a mock of it says.
///
/// It does no input or output. [`MockExchange::builder`](crate::MockExchange::builder) makes it an
/// exchange with listeners, a market and a ledger.
pub trait ExchangeProtocol: fmt::Debug + Send + Sync {
    /// What is traded; none unless the protocol says so.
    fn instruments(&self) -> Vec<Instrument> {
        Vec::new()
    }

    /// The exchange's symbol for a further spot instrument of this base, and its quote; none unless the
    /// protocol says so.
    fn further(&self, _base: &str) -> Option<(String, String)> {
        None
    }

    /// How it behaves and what it allows; without pings and without limits unless the protocol says
    /// so.
    fn conduct(&self) -> Conduct {
        Conduct::default()
    }

    /// A new WebSocket connection to this path and query.
    ///
    /// # Errors
    /// The answer to a handshake that is refused, [`Answer::not_found`] where nothing is.
    fn open(&self, uri: &Uri, source: Source<'_>) -> Result<Box<dyn StreamProtocol>, Answer>;

    /// The answer to a REST request.
    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer;

    /// The answer to every request and handshake of an address that is banned: 403 unless the protocol
    /// says otherwise.
    fn banned(&self, ban: Ban) -> Answer {
        Answer::new(StatusCode::FORBIDDEN, "text/plain", "banned")
            .with_header("retry-after", ban.seconds)
    }

    /// Finds out to which stream a recorded message belongs; to none unless the protocol says so. What
    /// is not understood is played as well: it may be what a test is about.
    fn recorded(&self, text: String) -> Frame {
        Frame::control(text)
    }
}

/// One WebSocket connection's side of a protocol.
pub trait StreamProtocol: Send + Sync {
    /// What the exchange says first, before anything is asked.
    fn greeting(&self) -> Option<String> {
        None
    }

    /// Takes a message from the client: the answers, and what new subscriptions begin with.
    fn receive(&mut self, text: &str, source: Source<'_>) -> Vec<Frame>;

    /// What to send of an update; nothing unless the protocol says so.
    fn frames(&mut self, _: &Update) -> Vec<Frame> {
        Vec::new()
    }

    /// What the exchange sends in place of pings; `None` if it sends pings.
    fn heartbeat(&self) -> Option<Vec<Frame>> {
        None
    }

    /// Whether the client has subscribed to this stream, or to any at all; never unless the protocol
    /// says so.
    fn is_subscribed(&self, _stream: Option<&str>) -> bool {
        false
    }

    /// What the exchange sends ahead of a planned shutdown; `None` if it closes the connection.
    fn shutdown_notice(&self) -> Option<String> {
        None
    }

    /// The code and the reason of the close frame after a breach of what is allowed.
    fn farewell(&self, breach: Breach) -> (u16, &'static str) {
        breach.farewell()
    }
}

/// How an exchange behaves, apart from its data, and what it allows. `None` is no limit.
#[derive(Debug, Clone, Copy)]
pub struct Conduct {
    /// How often it sends a ping or its heartbeat, if it sends any.
    pub ping_every: Option<Duration>,
    /// How long it waits for the pong.
    pub pong_within: Duration,
    /// After how long without a message from it it closes a connection.
    pub idle: Option<Duration>,
    /// At which age it closes a connection.
    pub rollover: Option<Duration>,
    /// How long before it closes a connection, for its age or to shut down, it says so, if it has a
    /// notice at all.
    pub notice: Duration,
    /// Messages from a client on one connection. Pongs count, unless they answer a ping of
    /// [`ping_interval`](crate::MockExchangeBuilder::ping_interval).
    pub messages: Option<Window>,
    /// Bytes of a message from a client.
    pub message_size: Option<usize>,
    /// Bytes of the path and query of a WebSocket's URL. A longer one is answered with 414.
    pub url: Option<usize>,
    /// WebSocket handshakes from one address. One more is answered with 429.
    pub dials: Option<Window>,
    /// The seconds that a 418 or 429 of a [`Fault`](crate::Fault) asks to wait.
    pub retry_after: Option<u64>,
    /// When it bans an address.
    pub bans: Option<Bans>,
}

impl Conduct {
    /// The same, with everything that takes time `speed` times as fast. What becomes shorter by it stays
    /// at 100 ms between pings, and at a second to answer one.
    pub(super) fn faster(self, speed: f64) -> Self {
        let scaled = |time: Duration| time.div_f64(speed);
        let floored = |time: Duration, floor: Duration| scaled(time).max(floor.min(time));
        let apart = Duration::from_millis(100);
        Self {
            ping_every: self.ping_every.map(|it| floored(it, apart)),
            pong_within: floored(self.pong_within, Duration::from_secs(1)),
            idle: self.idle.map(scaled),
            rollover: self.rollover.map(scaled),
            notice: scaled(self.notice),
            ..self
        }
    }
}

/// No pings and no limits; a pong within a minute, where pings are asked for.
impl Default for Conduct {
    fn default() -> Self {
        Self {
            ping_every: None,
            pong_within: Duration::from_secs(60),
            idle: None,
            rollover: None,
            notice: Duration::from_secs(30),
            messages: None,
            message_size: None,
            url: None,
            dials: None,
            retry_after: None,
            bans: None,
        }
    }
}

/// Why an exchange closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Breach {
    /// More than [`Conduct::messages`].
    Messages,
    /// A message longer than [`Conduct::message_size`].
    MessageSize,
    /// A ping was not answered within [`Conduct::pong_within`].
    Pong,
    /// Nothing was sent for [`Conduct::idle`].
    Idle,
    /// The connection is as old as [`Conduct::rollover`].
    Age,
}

impl Breach {
    /// The code and the reason of a close frame, where the exchange has none of its own.
    #[must_use]
    pub fn farewell(self) -> (u16, &'static str) {
        // RFC 6455, section 7.4.1.
        const GOING_AWAY: u16 = 1001;
        const POLICY_VIOLATION: u16 = 1008;
        const MESSAGE_TOO_BIG: u16 = 1009;
        match self {
            Self::Messages => (POLICY_VIOLATION, "too many messages"),
            Self::MessageSize => (MESSAGE_TOO_BIG, "message too big"),
            Self::Pong => (POLICY_VIOLATION, "no pong"),
            Self::Idle => (POLICY_VIOLATION, "idle"),
            Self::Age => (GOING_AWAY, "too old"),
        }
    }
}

/// Where answers and snapshots in a stream come from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The market.
    pub market: &'a Market,
    /// Who asks.
    pub client: Client<'a>,
    pub(super) replay: Option<&'a Replay>,
}

impl Source<'_> {
    /// Whether a recording is played, and not what happens in the market.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.replay.is_some()
    }

    /// The recorded book of a symbol, in an exchange that plays a recording.
    #[must_use]
    pub fn recorded_snapshot(&self, symbol: &str) -> Option<String> {
        self.replay?.recorded_snapshot(symbol).map(str::to_owned)
    }
}
