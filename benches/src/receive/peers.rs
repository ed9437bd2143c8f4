//! The other libraries of Rust, each as its documentation shows it.

use std::pin::Pin;
use std::time::Duration;

use fastwebsockets::{FragmentCollector, handshake};
use futures_util::StreamExt;
use http::Request;
use http::header::{CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http_body_util::Empty;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::bytes::Bytes;
use super::cell::Relay;
use super::check::Check;
use super::client::{Link, Receive, Throughput, drain};
use crate::error::Result;

/// A library, and how it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Tungstenite,
    FastWebSockets,
    TokioWebSockets,
    Yawc,
    /// No library: reads the bytes and leaves them alone, so nobody can be faster.
    Bytes,
}

impl Peer {
    pub(super) const ALL: [Self; 5] = [
        Self::Tungstenite,
        Self::FastWebSockets,
        Self::TokioWebSockets,
        Self::Yawc,
        Self::Bytes,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tungstenite => "tokio-tungstenite",
            Self::FastWebSockets => "fastwebsockets",
            Self::TokioWebSockets => "tokio-websockets",
            Self::Yawc => "yawc",
            Self::Bytes => "the bytes alone",
        }
    }

    pub(super) async fn measure(self, link: Link<'_>, window: Duration) -> Result<Throughput> {
        let socket = connect(link).await?;
        if link.cell.is_secure {
            let connector = TlsConnector::from(link.tls.clone());
            let name = ServerName::from(link.target().ip());
            let stream = connector.connect(name, socket).await?;
            self.measure_over(stream, link, window).await
        } else {
            self.measure_over(socket, link, window).await
        }
    }

    async fn measure_over<S>(
        self,
        stream: S,
        link: Link<'_>,
        window: Duration,
    ) -> Result<Throughput>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (uri, cell) = (link.uri(), link.cell);
        match self {
            Self::Tungstenite => {
                let (client, _) = client_async(&uri, stream).await?;
                drain(client, cell, window).await
            }
            Self::FastWebSockets => {
                let request = upgrade_request(&uri)?;
                let (client, _) = handshake::client(&SpawnExecutor, request, stream).await?;
                drain(FragmentCollector::new(client), cell, window).await
            }
            Self::TokioWebSockets => {
                let builder = tokio_websockets::ClientBuilder::new().uri(&uri)?;
                let (client, _) = builder.connect_on(stream).await?;
                drain(client, cell, window).await
            }
            Self::Yawc => {
                let options = yawc::Options::default();
                let client = yawc::WebSocket::handshake(uri.parse()?, stream, options).await?;
                drain(client, cell, window).await
            }
            Self::Bytes => drain(Bytes::open(&uri, stream, cell).await?, cell, window).await,
        }
    }
}

/// A connection without any delay of small packets: the libraries get the best one there is.
async fn connect(link: Link<'_>) -> Result<TcpStream> {
    let target = link.target();
    let is_proxied = link.way == Relay::Socks5;
    let first = if is_proxied {
        link.addresses.proxy
    } else {
        target
    };
    #[expect(clippy::disallowed_methods, reason = "the peers connect by themselves")]
    let socket = TcpStream::connect(first).await?;
    socket.set_nodelay(true)?;
    if is_proxied {
        let tunnel = tokio_socks::tcp::Socks5Stream::connect_with_socket(socket, target).await?;
        Ok(tunnel.into_inner())
    } else {
        Ok(socket)
    }
}

fn upgrade_request(uri: &str) -> Result<Request<Empty<bytes::Bytes>>> {
    let uri: http::Uri = uri.parse()?;
    let host = uri.authority().ok_or("no host")?.to_string();
    Ok(Request::get(uri.path())
        .header(HOST, host)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "upgrade")
        .header(SEC_WEBSOCKET_KEY, handshake::generate_key())
        .header(SEC_WEBSOCKET_VERSION, "13")
        .body(Empty::new())?)
}

struct SpawnExecutor;

impl hyper::rt::Executor<Pin<Box<dyn Future<Output = ()> + Send>>> for SpawnExecutor {
    fn execute(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(task);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receive for WebSocketStream<S> {
    async fn receive(&mut self, check: &mut Check) -> Result<()> {
        let message = self.next().await.ok_or("closed")??;
        check.take(message.to_text()?)
    }
}

/// Checks no UTF-8 by itself, so its user does.
impl<S: AsyncRead + AsyncWrite + Unpin> Receive for FragmentCollector<S> {
    async fn receive(&mut self, check: &mut Check) -> Result<()> {
        let frame = self.read_frame().await?;
        check.take(simdutf8::basic::from_utf8(&frame.payload)?)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receive for tokio_websockets::WebSocketStream<S> {
    async fn receive(&mut self, check: &mut Check) -> Result<()> {
        let message = self.next().await.ok_or("closed")??;
        check.take(message.as_text().ok_or("no text")?)
    }
}

/// Checks no UTF-8 unless it is asked to; then `as_str` would check it once more.
impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Receive for yawc::WebSocket<S> {
    async fn receive(&mut self, check: &mut Check) -> Result<()> {
        let frame = self.next_frame().await?;
        check.take(simdutf8::basic::from_utf8(frame.payload())?)
    }
}
