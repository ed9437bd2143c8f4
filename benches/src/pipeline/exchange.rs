//! The exchange and the proxy before it: one process, on a core of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use testkit::TestCa;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::market::{LISTED, Stamp, first_change, message, snapshot};
use crate::child;
use crate::error::Result;
use crate::relay::{self, accept};
use crate::wire;

/// What is written at once.
const CHUNK: usize = 256 * 1024;

/// How long a client has to take a snapshot, and to become quiet.
const SETTLE: Duration = Duration::from_millis(500);

/// Whoever has no book by then has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two bursts of a steady stream.
const TICK: Duration = Duration::from_millis(1);

/// The exchange and the proxy of `pipeline`, as a process of their own.
#[derive(Debug, Args)]
pub(crate) struct Serve {}

/// Where to find them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Addresses {
    /// REST and WebSocket, over TLS.
    pub(super) exchange: SocketAddr,
    /// A SOCKS5 proxy.
    pub(super) proxy: SocketAddr,
    /// Whom to trust.
    pub(super) ca_pem: String,
}

/// What to send to the next client. The exchange says whether that has taken a book, and begins when it
/// hears `null`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) events: u64,
    /// How many at a time, each millisecond, stamped with the time; all at once if there is none,
    /// stamped with their number.
    pub(super) burst: Option<u64>,
}

type Stream = TlsStream<TcpStream>;
type Socket = BufWriter<Stream>;

impl Serve {
    /// Serves until its standard input ends.
    pub(crate) fn run(self) -> Result<()> {
        child::block_on(serve())
    }
}

async fn serve() -> Result<()> {
    let ca = TestCa::new()?;
    let acceptor = TlsAcceptor::from(ca.server_config(&[])?);
    let any_port = (Ipv4Addr::LOCALHOST, 0);
    let exchange = TcpListener::bind(any_port).await?;
    let proxy = TcpListener::bind(any_port).await?;
    child::say(&Addresses {
        exchange: exchange.local_addr()?,
        proxy: proxy.local_addr()?,
        ca_pem: ca.pem(),
    })?;
    let (streams, mut opened) = unbounded_channel();
    let has_book = Arc::new(Notify::new());
    tokio::spawn(accept(proxy, relay::socks5));
    let asked = Arc::clone(&has_book);
    tokio::spawn(accept(exchange, move |stream| {
        let (acceptor, streams, asked) = (acceptor.clone(), streams.clone(), Arc::clone(&asked));
        async move {
            let stream = acceptor.accept(stream).await?;
            if let Some(stream) = answer(stream, &asked).await? {
                streams.send(stream)?;
            }
            Ok(())
        }
    }));
    let mut parent = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = parent.next_line().await? {
        let order: Order = serde_json::from_str(&order)?;
        let all_at_once = (1..=order.events).flat_map(|number| message(number, Stamp(number)));
        let all_at_once = match order.burst {
            None => all_at_once.collect(),
            Some(_) => Vec::new(),
        };
        let opened = timeout(PATIENCE, greet(&mut opened, &has_book)).await;
        let Ok(socket) = opened else {
            child::say(&false)?;
            continue;
        };
        let mut socket = socket?;
        child::say(&true)?;
        parent.next_line().await?.ok_or("nobody is interested")?;
        // A client that is ended before it has everything has failed, and says why.
        let _sent = match order.burst {
            None => send_all(&mut socket, &all_at_once).await,
            Some(burst) => send_steadily(&mut socket, order.events, burst).await,
        };
        // The client leaves first.
        let _ = wire::read_head(&mut socket).await;
    }
    Ok(())
}

/// Waits for a client, and until it has its book.
async fn greet(opened: &mut UnboundedReceiver<Stream>, has_book: &Notify) -> Result<Socket> {
    let stream = opened.recv().await.ok_or("nobody listens any more")?;
    let mut socket = BufWriter::with_capacity(CHUNK, stream);
    socket.write_all(&first_change()).await?;
    socket.flush().await?;
    has_book.notified().await;
    sleep(SETTLE).await;
    Ok(socket)
}

async fn send_all(socket: &mut Socket, frames: &[u8]) -> Result<()> {
    socket.write_all(frames).await?;
    Ok(socket.flush().await?)
}

/// Each message in a TLS record of its own, as exchanges send them.
async fn send_steadily(socket: &mut Socket, events: u64, burst: u64) -> Result<()> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut number = 1;
    while number <= events {
        ticks.tick().await;
        let stamp = Stamp::now()?;
        for _ in 0..burst {
            socket.write_all(&message(number, stamp)).await?;
            number += 1;
        }
        socket.flush().await?;
    }
    Ok(())
}

/// Answers requests, until one makes the connection a WebSocket.
async fn answer<S>(mut stream: S, has_book: &Notify) -> Result<Option<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let head = wire::read_head(&mut stream).await?;
        if let Some(upgraded) = wire::upgrade(&head) {
            stream.write_all(upgraded.as_bytes()).await?;
            stream.flush().await?;
            return Ok(Some(stream));
        }
        let is_list = head.contains("exchangeInfo");
        let body = if is_list {
            LISTED.to_owned()
        } else {
            snapshot()
        };
        stream.write_all(wire::answer(&body).as_bytes()).await?;
        stream.flush().await?;
        if !is_list {
            has_book.notify_one();
        }
    }
}
