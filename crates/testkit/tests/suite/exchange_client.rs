//! REST and WebSocket clients for the mock exchanges.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use testkit::{MockExchange, TestCa};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use transport::Io;

use crate::raw_client::{connect, in_time, tls};

/// One REST connection.
pub(crate) struct Rest(SendRequest<Full<Bytes>>);

impl Rest {
    pub(crate) async fn connect(exchange: &MockExchange, ca: Option<&TestCa>) -> Self {
        let stream = connect(exchange.rest_addr()).await.unwrap();
        let stream: Box<dyn Io> = match ca {
            Some(ca) => tls(stream, ca, "127.0.0.1").await.unwrap(),
            None => Box::new(stream),
        };
        let (client, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    pub(crate) async fn get(&mut self, path: &str) -> (StatusCode, HeaderMap, String) {
        self.send(Method::GET, path, "").await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: &'static str,
    ) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "exchange.test")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        self.0.ready().await.unwrap();
        let response = in_time(self.0.send_request(request)).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (head.status, head.headers, body)
    }
}

/// One WebSocket connection.
pub(crate) struct Ws(WebSocketStream<Box<dyn Io>>);

impl Ws {
    pub(crate) async fn open(exchange: &MockExchange, path: &str) -> Self {
        Self::try_open(exchange, None, path).await.unwrap()
    }

    pub(crate) async fn try_open(
        exchange: &MockExchange,
        ca: Option<&TestCa>,
        path: &str,
    ) -> Result<Self, Error> {
        let stream = connect(exchange.ws_addr()).await?;
        let stream: Box<dyn Io> = match ca {
            Some(ca) => tls(stream, ca, "127.0.0.1").await?,
            None => Box::new(stream),
        };
        let url = format!("{}{path}", exchange.ws_url());
        Ok(Self(client_async(url, stream).await?.0))
    }

    /// The status and the body of a handshake that is refused.
    pub(crate) async fn refused(exchange: &MockExchange, path: &str) -> (u16, String) {
        let error = Self::try_open(exchange, None, path).await.err().unwrap();
        let Error::Http(response) = error else {
            panic!("{error}");
        };
        let body = response.body().as_deref().unwrap_or_default();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (response.status().as_u16(), body)
    }

    /// The stream below, on which nobody answers pings.
    pub(crate) fn into_stream(self) -> Box<dyn Io> {
        self.0.into_inner()
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub(crate) async fn next(&mut self) -> Option<Result<Message, Error>> {
        in_time(self.0.next()).await
    }

    /// The next text message.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            if let Message::Text(text) = self.next().await.unwrap().unwrap() {
                return text.as_str().to_owned();
            }
        }
    }

    /// Reads up to the close frame.
    pub(crate) async fn close_frame(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.next().await.unwrap().unwrap() {
                let frame = frame.unwrap();
                return (frame.code.into(), frame.reason.as_str().to_owned());
            }
        }
    }

    /// Whether nothing arrives for a while.
    pub(crate) async fn is_silent(&mut self) -> bool {
        // Seven ticks of the mock: an exchange that had something to say would have said it.
        tokio::time::timeout(Duration::from_millis(150), self.0.next())
            .await
            .is_err()
    }
}
