//! The WebSocket seam.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::pending;
use futures_util::{Sink, Stream};
use http::{HeaderMap, Uri};

use crate::affinity::Affinity;
use crate::connection::ConnectionInfo;
use crate::draws::Draws;
use crate::egress::Egress;
use crate::error::{BoxError, DialError};
use crate::reload::Reloads;
use crate::target::{InvalidTarget, Target};

/// Opens WebSocket connections.
#[async_trait]
pub trait WsDialer: Send + Sync {
    /// Opens a connection and sends the request's first messages.
    ///
    /// # Cancellation
    /// Dropping the future closes what it has opened, and leaves no trace in a later dial.
    ///
    /// # Errors
    /// [`DialError`] names the hop and the phase that failed, and why.
    async fn dial(&self, request: WsRequest) -> Result<WebSocket, DialError>;

    /// Every reload of what the route of a connection depends on, from this call on. Never, unless
    /// routes can change.
    fn reloads(&self) -> Reloads {
        Box::pin(pending())
    }
}

#[async_trait]
impl<T: WsDialer + ?Sized> WsDialer for Arc<T> {
    async fn dial(&self, request: WsRequest) -> Result<WebSocket, DialError> {
        (**self).dial(request).await
    }

    fn reloads(&self) -> Reloads {
        (**self).reloads()
    }
}

#[async_trait]
impl<T: WsDialer + ?Sized> WsDialer for Box<T> {
    async fn dial(&self, request: WsRequest) -> Result<WebSocket, DialError> {
        (**self).dial(request).await
    }

    fn reloads(&self) -> Reloads {
        (**self).reloads()
    }
}

/// What to open and what to say first.
#[derive(Clone)]
pub struct WsRequest {
    uri: Uri,
    target: Target,
    /// Headers for the exchange, beside those of the protocol. No proxy sees them.
    pub headers: HeaderMap,
    /// What to send as soon as the connection is open, such as a login.
    pub first_messages: Vec<Message>,
    /// What the dial uses of the exchange's budgets.
    pub draws: Draws,
    /// What connections have in common that should leave by the same exit, such as their symbols. A pool
    /// with the strategy `sticky` gives equal ones the same member; see also [`Affinity`].
    pub affinity: Option<Affinity>,
    /// The egresses of connections beside which this one is opened: where the route has others that are
    /// in order, it takes one of those.
    pub apart_from: Vec<Egress>,
    /// After how long a ping is sent over the open connection; zero for never, `None` for what the
    /// dialer has.
    pub ping_interval: Option<Duration>,
    /// How long after a ping something must arrive; zero for no limit, `None` for what the dialer has.
    pub ping_timeout: Option<Duration>,
}

impl WsRequest {
    /// A request for a `ws` or `wss` URI, without headers of its own.
    ///
    /// # Errors
    /// [`InvalidTarget`] if the URI has another scheme or no usable host.
    pub fn new(uri: Uri) -> Result<Self, InvalidTarget> {
        Ok(Self {
            target: Target::from_ws_uri(&uri)?,
            uri,
            headers: HeaderMap::new(),
            first_messages: Vec::new(),
            draws: Draws::default(),
            affinity: None,
            apart_from: Vec::new(),
            ping_interval: None,
            ping_timeout: None,
        })
    }

    /// Replaces the URI.
    ///
    /// # Errors
    /// [`InvalidTarget`] if the URI has another scheme than `ws` or `wss` or no usable host; the
    /// request is unchanged then.
    pub fn set_uri(&mut self, uri: Uri) -> Result<(), InvalidTarget> {
        // First, because a failure must leave both as they were.
        self.target = Target::from_ws_uri(&uri)?;
        self.uri = uri;
        Ok(())
    }

    /// The URI.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Where the URI leads to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the URI asks for TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.uri.scheme_str() == Some("wss")
    }
}

/// Names only what cannot be a secret: a path, a query, a header and a first message may each carry
/// a key.
impl fmt::Debug for WsRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `HeaderMap` prints the values, but for those that somebody has marked as sensitive.
        let headers: Vec<_> = self.headers.keys().collect();
        f.debug_struct("WsRequest")
            .field("target", &self.target.endpoint().to_string())
            .field("headers", &headers)
            .field("first_messages", &self.first_messages.len())
            .finish()
    }
}

/// One WebSocket message (RFC 6455, section 5.6), or control frame (section 5.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Text; the transport has checked that it is UTF-8.
    Text(Bytes),
    /// Binary data.
    Binary(Bytes),
    /// A ping. The transport answers it by itself.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// The other side closes the connection, with its code (section 7.4) and reason. The code is the
    /// one that arrived, also where no close frame may carry it, such as 1006. The transport answers
    /// it by itself.
    Close(Option<(u16, String)>),
}

impl Message {
    /// A text message.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Bytes::from(text.into()))
    }

    /// The text of a text message; `None` for every other message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => simdutf8::basic::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

/// What a [`WebSocket`] carries.
pub trait WsStream:
    Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Send
{
}

impl<T> WsStream for T where
    T: Stream<Item = Result<Message, WsError>> + Sink<Message, Error = WsError> + Send
{
}

/// An open WebSocket connection: a stream and a sink of [`Message`]s.
///
/// Whoever reads keeps the connection going: pings are answered and sent, and a dead connection is
/// noticed, while the stream is polled, and only then. What has arrived and can be read without a wait may be
/// told by [`size_hint`](Stream::size_hint). Reading and sending may be split between two
/// tasks. Dropping it says farewell (RFC 6455, section 5.5.1) as far as that needs no waiting; who
/// wants the other side's answer calls `close` and reads until the stream ends.
///
/// # Cancellation
/// Dropping a future of `next`, `flush` or `close` loses nothing: the next one continues. If a future
/// of `send` or `feed` is dropped, its message is sent in whole or not at all; what has been taken is
/// sent by the next flush, or by reading on.
pub struct WebSocket {
    stream: Pin<Box<dyn WsStream>>,
    info: ConnectionInfo,
    on_stall: Option<Box<dyn Fn() + Send + Sync>>,
}

impl WebSocket {
    /// An open connection and how it came to be.
    #[must_use]
    pub fn new(stream: impl WsStream + 'static, info: ConnectionInfo) -> Self {
        Self {
            stream: Box::pin(stream),
            info,
            on_stall: None,
        }
    }

    /// The same connection, whose opener is told of a [stall](Self::report_stall).
    #[must_use]
    pub fn with_stall_report(mut self, report: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_stall = Some(Box::new(report));
        self
    }

    /// Tells whoever opened the connection that nothing arrives over it although something should, as only
    /// its user can know: the next one may better take another way.
    pub fn report_stall(&self) {
        if let Some(report) = &self.on_stall {
            report();
        }
    }

    /// How the connection came to be.
    #[must_use]
    pub fn info(&self) -> &ConnectionInfo {
        &self.info
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl Stream for WebSocket {
    type Item = Result<Message, WsError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl Sink<Message> for WebSocket {
    type Error = WsError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.stream.as_mut().poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), WsError> {
        self.stream.as_mut().start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.stream.as_mut().poll_close(cx)
    }
}

/// What kind of failure an open WebSocket met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WsErrorKind {
    /// The connection broke, without a close frame.
    Broken,
    /// The other side has not answered, or has not read, for too long.
    Unresponsive,
    /// The other side broke the protocol, or sent text that is not UTF-8.
    Protocol,
    /// A message is larger than allowed.
    TooLarge,
    /// New settings lead the connection another way. It was in order; the next dial takes the new
    /// way.
    RouteChanged,
}

impl fmt::Display for WsErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "the connection broke",
            Self::Unresponsive => "the other side is unresponsive",
            Self::Protocol => "protocol violated",
            Self::TooLarge => "message too large",
            Self::RouteChanged => "its route has changed",
        })
    }
}

/// A failure of an open WebSocket. The message fits behind "failed to".
#[derive(Debug)]
pub struct WsError {
    kind: WsErrorKind,
    source: BoxError,
}

impl WsError {
    /// A failure of `kind` with its cause.
    #[must_use]
    pub fn new(kind: WsErrorKind, source: impl Into<BoxError>) -> Self {
        Self {
            kind,
            source: source.into(),
        }
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> WsErrorKind {
        self.kind
    }

    /// Whether the same connection may do better when it is opened anew, without anybody changing
    /// something. A message that is too large is expected to come again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            WsErrorKind::Broken
            | WsErrorKind::Unresponsive
            | WsErrorKind::Protocol
            | WsErrorKind::RouteChanged => true,
            WsErrorKind::TooLarge => false,
        }
    }
}

impl fmt::Display for WsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind;
        let attempt = match kind {
            WsErrorKind::Broken | WsErrorKind::Unresponsive | WsErrorKind::RouteChanged => {
                "keep the websocket open"
            }
            WsErrorKind::Protocol | WsErrorKind::TooLarge => "read the websocket",
        };
        write!(f, "{attempt}: {kind}")
    }
}

impl Error for WsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_does_not_show_what_may_be_a_key() {
        let uri = "wss://user:key1@h:9443/ws/key2?signature=key3";
        let mut request = WsRequest::new(uri.parse().unwrap()).unwrap();
        let key = http::HeaderValue::from_static("key4");
        request.headers.insert("x-mbx-apikey", key);
        request.first_messages.push(Message::text("key5"));
        assert_eq!(
            format!("{request:?}"),
            "WsRequest { target: \"h:9443\", headers: [\"x-mbx-apikey\"], first_messages: 1 }"
        );
    }
}
