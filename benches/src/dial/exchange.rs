//! An exchange that says at once where its clients come from.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::time::{ClockId, clock_gettime};
use rustls::ServerConfig;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::server;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::prepared_route::Greeting;
use crate::error::Result;

/// How long a REST answer is.
const BODY: usize = 130;

/// How long a message of a burst is.
const MESSAGE: usize = 200;

/// Messages that follow each other closely, as those of a market do.
const BURST: usize = 3;
const WITHIN_BURST: Duration = Duration::from_millis(2);
/// Longer than an acknowledgement may be delayed.
const BETWEEN_BURSTS: Duration = Duration::from_millis(50);

/// Where to get one burst after the other, behind the greeting.
pub(crate) const BURSTS: &str = "bursts";

/// Where the greeting comes a second time, a little later.
pub(crate) const TWICE: &str = "twice";
const LATER: Duration = Duration::from_millis(20);

/// A message of a burst.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// When it was sent, in nanoseconds of this machine's monotonic clock.
    pub(crate) at: u64,
}

/// This machine's monotonic clock, in nanoseconds. All processes read the same.
pub(crate) fn monotonic() -> u64 {
    let time = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The ports of a running exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) stream: u16,
    pub(super) rest: u16,
}

/// Serves WebSocket and REST at free ports of `ip`, for as long as the runtime lives.
pub(super) async fn serve(ip: IpAddr, tls: Arc<ServerConfig>) -> Result<Ports> {
    let acceptor = TlsAcceptor::from(tls);
    let stream = TcpListener::bind((ip, 0)).await?;
    let rest = TcpListener::bind((ip, 0)).await?;
    let ports = Ports {
        stream: stream.local_addr()?.port(),
        rest: rest.local_addr()?.port(),
    };
    tokio::spawn(accept(stream, acceptor.clone(), serve_stream));
    tokio::spawn(accept(rest, acceptor, serve_rest));
    Ok(ports)
}

async fn accept<F>(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    serve: impl Fn(TlsStream<TcpStream>, SocketAddr) -> F + Copy + Send + 'static,
) where
    F: Future<Output = Result<()>> + Send + 'static,
{
    while let Ok((socket, peer)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            socket.set_nodelay(true)?;
            let stream = acceptor.accept(socket).await?;
            serve(stream, peer).await
        });
    }
}

#[expect(
    clippy::result_large_err,
    reason = "tungstenite's callback has that signature"
)]
async fn serve_stream(stream: TlsStream<TcpStream>, peer: SocketAddr) -> Result<()> {
    let mut path = String::new();
    let look = |request: &server::Request, response: server::Response| {
        request
            .uri()
            .path()
            .trim_start_matches('/')
            .clone_into(&mut path);
        Ok(response)
    };
    // Thousands of these are open at once.
    let small = WebSocketConfig::default().read_buffer_size(4096);
    let mut socket = accept_hdr_async_with_config(stream, look, Some(small)).await?;
    let greeting = serde_json::to_string(&Greeting { peer: peer.ip() })?;
    socket.send(greeting.as_str().into()).await?;
    if path == TWICE {
        sleep(LATER).await;
        socket.send(greeting.into()).await?;
    }
    if path == BURSTS {
        return send_bursts(&mut socket).await;
    }
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}

/// Until the client has enough.
async fn send_bursts(socket: &mut WebSocketStream<TlsStream<TcpStream>>) -> Result<()> {
    loop {
        for _ in 0..BURST {
            let sent = serde_json::to_string(&Sent { at: monotonic() })?;
            socket.send(format!("{sent:MESSAGE$}").into()).await?;
            sleep(WITHIN_BURST).await;
        }
        sleep(BETWEEN_BURSTS).await;
    }
}

async fn serve_rest(stream: TlsStream<TcpStream>, peer: SocketAddr) -> Result<()> {
    let greeting = serde_json::to_string(&Greeting { peer: peer.ip() })?;
    let body = Bytes::from(format!("{greeting:BODY$}"));
    let answer = move |_: Request<_>| {
        let response = Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body.clone()));
        async { response }
    };
    let connection = http1::Builder::new();
    Ok(connection
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await?)
}
