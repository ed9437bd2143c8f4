//! The server: says what it is asked for, as fast as it can.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use clap::Args;
use serde::{Deserialize, Serialize};
use testkit::TestCa;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::net::TcpListener;
use tokio::task::yield_now;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use super::cell::{Cell, Framing, PAUSE};
use crate::child;
use crate::error::Result;
use crate::relay::{self, accept};
use crate::wire::{TEXT, frame};

/// What is written at once; TLS records are collected until there is as much.
const CHUNK: usize = 256 * 1024;

/// The server and the proxy of `receive`, as a process of their own.
#[derive(Debug, Args)]
pub(crate) struct Serve {}

/// Where to find the server and the proxy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Addresses {
    pub(super) plain: SocketAddr,
    pub(super) secure: SocketAddr,
    /// Leads to `plain`.
    pub(super) forwarded_plain: SocketAddr,
    /// Leads to `secure`.
    pub(super) forwarded_secure: SocketAddr,
    /// A SOCKS5 proxy.
    pub(super) proxy: SocketAddr,
    /// Whom to trust.
    pub(super) ca_pem: String,
}

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
    let plain = TcpListener::bind(any_port).await?;
    let secure = TcpListener::bind(any_port).await?;
    let proxy = TcpListener::bind(any_port).await?;
    let addresses = Addresses {
        plain: plain.local_addr()?,
        secure: secure.local_addr()?,
        forwarded_plain: forwarder(plain.local_addr()?).await?,
        forwarded_secure: forwarder(secure.local_addr()?).await?,
        proxy: proxy.local_addr()?,
        ca_pem: ca.pem(),
    };
    child::say(&addresses)?;
    tokio::spawn(accept(plain, send));
    tokio::spawn(accept(secure, move |stream| {
        let acceptor = acceptor.clone();
        let stream = BufWriter::with_capacity(CHUNK, stream);
        async move { send(acceptor.accept(stream).await?).await }
    }));
    tokio::spawn(accept(proxy, relay::socks5));
    tokio::task::spawn_blocking(child::until_abandoned).await?
}

/// Listens for who wants to reach `target` without knowing it.
async fn forwarder(target: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(accept(listener, move |client| {
        relay::forward(client, target)
    }));
    Ok(address)
}

async fn send<S>(stream: S) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut asked_for = None;
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let remember = |request: &Request, response: Response| {
        asked_for = Cell::of_path(request.uri().path());
        Ok::<_, ErrorResponse>(response)
    };
    let mut stream = accept_hdr_async(stream, remember).await?.into_inner();
    let (payload, framing) = asked_for.ok_or("no such path")?;
    let frames: Vec<_> = payload
        .messages()?
        .iter()
        .map(|text| frame(TEXT, text.as_bytes()))
        .collect();
    match framing {
        Framing::Burst => {
            let chunk: Vec<u8> = repeat_to(CHUNK, &frames);
            loop {
                stream.write_all(&chunk).await?;
                stream.flush().await?;
            }
        }
        Framing::Records => loop {
            for frame in &frames {
                stream.write_all(frame).await?;
            }
        },
        Framing::Single => {
            let mut next = Instant::now();
            loop {
                for frame in &frames {
                    next += PAUSE;
                    until(next).await;
                    stream.write_all(frame).await?;
                    stream.flush().await?;
                }
            }
        }
    }
}

/// Waits more exactly than a timer does, which counts in milliseconds, and lets the proxy work.
async fn until(moment: Instant) {
    while Instant::now() < moment {
        yield_now().await;
    }
}

/// All `frames`, over and over, whole ones only, in about `size` bytes.
fn repeat_to(size: usize, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(size);
    for frame in frames.iter().cycle() {
        chunk.extend_from_slice(frame);
        if chunk.len() >= size {
            break;
        }
    }
    chunk
}
