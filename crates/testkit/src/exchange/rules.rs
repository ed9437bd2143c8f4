//! What makes one exchange different from another.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;

use super::book::Level;
use super::instrument::Instrument;
use super::market::Market;
use super::replay::{Frame, Replay};
use super::update::Update;

/// An exchange's manners, apart from its data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conduct {
    /// How often it sends a ping or its heartbeat, if it sends any.
    pub(super) ping_every: Option<Duration>,
    /// How long it waits for the pong.
    pub(super) pong_within: Duration,
    /// After how long without a message from it it closes the connection, if it does.
    pub(super) idle: Option<Duration>,
    /// How many messages per second it takes from a client.
    pub(super) messages_per_second: Option<u32>,
    /// How many seconds it asks a client to wait that has asked too much.
    pub(super) retry_after: Option<u64>,
}

/// The protocol of one exchange.
pub(super) trait ExchangeRules: fmt::Debug + Send + Sync {
    fn conduct(&self) -> Conduct;

    /// A new WebSocket connection, or `None` if nothing is there at this path.
    fn open(&self, uri: &Uri) -> Option<Box<dyn Protocol>>;

    /// The answer to a REST request.
    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer;
}

/// One WebSocket connection's side of the protocol.
pub(super) trait Protocol: Send + Sync {
    /// What the exchange says first, before anything is asked.
    fn greeting(&self) -> Option<String> {
        None
    }

    /// Takes a message from the client: the answers, and what new subscriptions begin with.
    fn receive(&mut self, text: &str, source: Source<'_>) -> Vec<Frame>;

    /// What to send of an update.
    fn frames(&mut self, update: &Update) -> Vec<Frame>;

    /// What the exchange sends in place of pings; `None` if it sends pings.
    fn heartbeat(&self) -> Option<Vec<Frame>> {
        None
    }

    /// Whether the client has subscribed to this stream, or to any at all.
    fn is_subscribed(&self, stream: Option<&str>) -> bool;

    /// What the exchange sends ahead of a planned shutdown, if anything.
    fn shutdown_notice(&self) -> Option<String>;
}

/// Where REST answers and snapshots in a stream come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) market: &'a Market,
    pub(super) replay: Option<&'a Replay>,
}

impl Source<'_> {
    /// The recorded book of a symbol, in an exchange that plays a recording.
    pub(super) fn recorded_snapshot(&self, symbol: &str) -> Option<String> {
        self.replay?.recorded_snapshot(symbol).map(str::to_owned)
    }
}

/// A REST request, taken apart.
#[derive(Debug)]
pub(super) struct RestRequest {
    pub(super) method: Method,
    pub(super) path: String,
    query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) peer: SocketAddr,
}

impl RestRequest {
    pub(super) fn new<B>(request: &http::Request<B>, peer: SocketAddr) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: parse_query(request.uri()),
            headers: request.headers().clone(),
            peer,
        }
    }

    /// The value of a parameter that is there and not empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| &**value)
    }
}

// `symbol=BTCUSDT&limit=1000`, or `symbols=%5B%22BTCUSDT%22%5D`.
/// The parameters of a query, percent-decoded.
pub(super) fn parse_query(uri: &Uri) -> Vec<(String, String)> {
    let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    uri.query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

/// What a REST request is answered with.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
    headers: Vec<(&'static str, HeaderValue)>,
}

impl Answer {
    pub(super) fn new(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            status,
            content_type,
            body: body.into(),
            headers: Vec::new(),
        }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: u64) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn into_response(self) -> http::Response<Full<Bytes>> {
        let mut response = http::Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static(self.content_type);
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.extend(
            self.headers
                .into_iter()
                .map(|(name, value)| (HeaderName::from_static(name), value)),
        );
        response
    }
}

/// Levels as JSON, `[["price","quantity"],…]`, with the number of decimals that `form` gives.
pub(super) fn json_levels(
    levels: impl Iterator<Item = Level>,
    instrument: &Instrument,
    form: fn(Decimal) -> Decimal,
) -> String {
    let levels: Vec<_> = levels
        .map(|level| {
            let price = form(instrument.price(level.price));
            let quantity = form(instrument.quantity(level.quantity));
            format!(r#"["{price}","{quantity}"]"#)
        })
        .collect();
    format!("[{}]", levels.join(","))
}
