//! What an exchange remembers of a connection.

use std::net::SocketAddr;
use std::time::SystemTime;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method};

use crate::ledger::{Record, push_bounded};

/// Which of an exchange's two listeners accepted a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExchangeTransport {
    /// The one for REST.
    Rest,
    /// The one for WebSocket.
    WebSocket,
}

/// A connection that a [`MockExchange`](crate::MockExchange) accepted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExchangeConnection {
    /// Which listener accepted it.
    pub transport: ExchangeTransport,
    /// Who connected, as seen by the exchange: behind a proxy, its egress address.
    pub peer: SocketAddr,
    /// When it connected.
    pub accepted_at: SystemTime,
    /// The requests on it, oldest first: more than one shows that a connection was used again. A
    /// WebSocket has its handshake.
    pub requests: Vec<ExchangeRequest>,
    /// How many WebSocket messages were sent on it: events, acknowledgements and errors.
    pub messages_sent: u64,
    /// The text messages that came in, oldest first.
    pub messages_received: Vec<String>,
    /// Whether the connection is over.
    pub closed: bool,
}

/// A request that an exchange got.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExchangeRequest {
    /// The method.
    pub method: Method,
    /// The path, with the query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
}

impl ExchangeConnection {
    pub(super) fn new(transport: ExchangeTransport, peer: SocketAddr) -> Self {
        Self {
            transport,
            peer,
            accepted_at: SystemTime::now(),
            requests: Vec::new(),
            messages_sent: 0,
            messages_received: Vec::new(),
            closed: false,
        }
    }

    pub(super) fn add_request<B>(&mut self, request: &http::Request<B>) {
        let uri = request.uri();
        let path = uri
            .path_and_query()
            .map_or(uri.path(), PathAndQuery::as_str);
        // The query is kept, since it is what a test of signatures or symbols looks at.
        let request = ExchangeRequest {
            method: request.method().clone(),
            path: path.to_owned(),
            headers: request.headers().clone(),
        };
        push_bounded(&mut self.requests, request);
    }
}

impl Record for ExchangeConnection {
    fn close(&mut self) {
        self.closed = true;
    }
}
