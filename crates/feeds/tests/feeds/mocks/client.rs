//! REST and WebSocket clients that know no exchange.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Request, StatusCode};
use proxy_config::ProxySettings;
use proxy_injector::{ProxyInjector, Scope};
use serde_json::Value;
use testkit::MockExchange;
use transport::{DialError, HttpTransport, Message, Reply, WebSocket, WsDialer, WsRequest};

/// What must not take for ever.
pub(super) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future)
        .await
        .expect("took too long")
}

/// Straight to the mock.
pub(super) fn direct() -> Scope {
    Arc::new(ProxyInjector::new(ProxySettings::disabled())).anonymous()
}

/// REST of one exchange.
pub(super) struct Rest {
    url: String,
    transport: Box<dyn HttpTransport>,
}

impl Rest {
    pub(super) fn of(exchange: &MockExchange) -> Self {
        Self {
            url: exchange.rest_url(),
            transport: Box::new(direct().http()),
        }
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::get(format!("{}{path}", self.url))
            .header("x-mbx-time-unit", "MICROSECOND")
            .body(Bytes::new())
            .unwrap();
        let response = in_time(self.transport.send(request)).await.unwrap();
        let (head, body) = response.into_parts();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (head.status, head.headers, body)
    }

    /// The body of a 200 as JSON.
    pub(super) async fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

/// One WebSocket connection.
pub(super) struct Ws(WebSocket);

impl Ws {
    pub(super) async fn open(exchange: &MockExchange, path: &str) -> Self {
        Self::dial(exchange, path).await.unwrap()
    }

    /// The status with which the handshake is refused.
    pub(super) async fn refused(exchange: &MockExchange, path: &str) -> u16 {
        let error = Self::dial(exchange, path).await.err().unwrap();
        let status = error.reply().and_then(Reply::status);
        status.unwrap_or_else(|| panic!("{error}"))
    }

    async fn dial(exchange: &MockExchange, path: &str) -> Result<Self, DialError> {
        let uri = format!("{}{path}", exchange.ws_url()).parse().unwrap();
        let request = WsRequest::new(uri).unwrap();
        in_time(direct().websocket().dial(request)).await.map(Self)
    }

    pub(super) async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next text message.
    pub(super) async fn text(&mut self) -> String {
        loop {
            let message = in_time(self.0.next()).await.unwrap().unwrap();
            if let Some(text) = message.as_text() {
                return text.to_owned();
            }
        }
    }

    pub(super) async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap()
    }

    /// Reads up to the close frame.
    pub(super) async fn close_frame(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = in_time(self.0.next()).await.unwrap().unwrap() {
                return frame.unwrap();
            }
        }
    }

    /// Whether nothing arrives for a while.
    pub(super) async fn is_silent(&mut self) -> bool {
        // Seven ticks of the mock: an exchange that had something to say would have said it.
        tokio::time::timeout(Duration::from_millis(150), self.0.next())
            .await
            .is_err()
    }
}

/// Waits for the first trades of a symbol.
pub(super) async fn trades(rest: &Rest, path: &str) -> Vec<Value> {
    in_time(async {
        loop {
            let trades = rest.json(path).await;
            if trades.as_array().unwrap().len() == 5 {
                return trades.as_array().unwrap().clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}
