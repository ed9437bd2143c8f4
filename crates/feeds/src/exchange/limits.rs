//! What an exchange allows.

use std::time::Duration;

use transport::Window;

/// What an exchange allows. `None` where it neither documents nor shows a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Streams on one connection.
    pub streams: Option<u32>,
    /// Symbols on one connection.
    pub symbols: Option<u32>,
    /// Bytes of the path and query of a WebSocket's URL.
    pub url: Option<usize>,
    /// Bytes of a message to the exchange.
    pub request: Option<usize>,
    /// Streams in one request.
    pub streams_per_request: Option<u32>,
    /// Bytes of a message from the exchange; more is refused here.
    pub frame: usize,
    /// Messages to the exchange on one connection, of every kind: pings and pongs count.
    pub messages: Option<Window>,
    /// Streams subscribed to and unsubscribed from on one connection.
    pub operations: Option<Window>,
    /// Connections opened from one address. Every dial of a feed draws one unit.
    pub dials: Option<Window>,
    /// Budgets of REST requests from one address: all that the requests of the codec
    /// [draw from](transport::Draws).
    pub rest: &'static [Window],
    /// The age at which the exchange ends a connection.
    pub rollover: Option<Duration>,
    /// The longest silence, without even a ping, of a connection that is alive.
    pub silence: Duration,
    /// After how long without a message from here a ping of the WebSocket protocol is sent. `None` if
    /// the exchange wants another [`keep_alive`](Self::keep_alive) in its place.
    pub ping_interval: Option<Duration>,
    /// What keeps a connection open beside pings.
    pub keep_alive: Option<KeepAlive>,
}

/// A message that is sent again and again, whatever comes.
// Most exchanges that want one close what they have not heard of, although they send data themselves. To
// those that want it only while they are silent, it does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// How long after the one before, or after the opening.
    pub every: Duration,
    /// The text of the message.
    pub text: &'static str,
}
