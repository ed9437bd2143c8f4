//! Runs a handshake over a connection.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use proxy_config::ProxyUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use transport::{Connection, DialError, Dialer, Endpoint, Hop, Phase, Target};

use crate::codec::{Handshake, HandshakeError, Step};
use crate::prefixed::Prefixed;

const READ_CHUNK: usize = 4096;

/// How long the text of a refusal is waited for once its head has said that there will be one.
const REFUSAL_BODY_WAIT: Duration = Duration::from_secs(1);

/// The endpoint of a configured proxy.
pub(crate) fn endpoint(proxy: &ProxyUrl) -> Endpoint {
    Endpoint::new(proxy.host().clone(), proxy.port())
}

/// A target that the proxy's protocol cannot express; nothing has been sent.
pub(crate) fn unsupported(proxy: &Endpoint, target: &Target, error: HandshakeError) -> DialError {
    tunnel_error(proxy, target, error)
}

/// Connects to `proxy` by `inner` and asks it for a tunnel to `target`.
pub(crate) async fn open_tunnel<D: Dialer>(
    inner: &D,
    proxy: &Endpoint,
    target: &Target,
    mut handshake: impl Handshake,
) -> Result<Connection, DialError> {
    let mut connection = inner
        .dial(&target.via(proxy.clone()))
        .await
        .map_err(|error| error.pass_through(proxy))?;
    let start = Instant::now();
    let surplus = target
        .phase(run(&mut connection, &mut handshake))
        .await
        .map_err(|elapsed| {
            let hop = Hop::Proxy(proxy.clone());
            DialError::timeout(hop, Phase::ProxyHandshake, elapsed)
                .with_towards(target.endpoint().clone())
        })?
        .map_err(|failure| match failure {
            Failure::Handshake(error) => tunnel_error(proxy, target, error),
            Failure::Io(error) => {
                DialError::io(Hop::Proxy(proxy.clone()), Phase::ProxyHandshake, error)
                    .with_towards(target.endpoint().clone())
            }
        })?;
    let info = connection.info_mut();
    info.pass_through(proxy);
    info.record(
        Hop::Proxy(proxy.clone()),
        Phase::ProxyHandshake,
        start.elapsed(),
    );
    Ok(Prefixed::put_back(surplus, connection))
}

fn tunnel_error(proxy: &Endpoint, target: &Target, error: HandshakeError) -> DialError {
    let failure = DialError::new(
        Hop::Proxy(proxy.clone()),
        Phase::ProxyHandshake,
        error.kind(),
    )
    .with_towards(target.endpoint().clone());
    match error.reply().cloned() {
        Some(reply) => failure.with_reply(reply),
        None => failure,
    }
    .with_source(error)
}

#[derive(Debug)]
enum Failure {
    Handshake(HandshakeError),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<HandshakeError> for Failure {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

/// Returns what was read beyond the handshake's end.
async fn run(
    connection: &mut Connection,
    handshake: &mut impl Handshake,
) -> Result<BytesMut, Failure> {
    send(connection, &handshake.opening()).await?;
    let mut input = BytesMut::with_capacity(READ_CHUNK);
    loop {
        match handshake.advance(&input)? {
            Step::Read => read(connection, handshake, &mut input).await?,
            Step::Write { consumed, output } => {
                input.advance(consumed);
                send(connection, &output).await?;
            }
            Step::Done { consumed } => {
                input.advance(consumed);
                return Ok(input);
            }
        }
    }
}

/// One write and one flush per flight: inner layers such as TLS buffer.
async fn send(connection: &mut Connection, output: &[u8]) -> io::Result<()> {
    if output.is_empty() {
        return Ok(());
    }
    connection.write_all(output).await?;
    connection.flush().await
}

async fn read(
    connection: &mut Connection,
    handshake: &mut impl Handshake,
    input: &mut BytesMut,
) -> Result<(), Failure> {
    input.reserve(READ_CHUNK);
    let read = connection.read_buf(input);
    let outcome = if handshake.is_refused() {
        timeout(REFUSAL_BODY_WAIT, read).await.unwrap_or(Ok(0))
    } else {
        read.await
    };
    match outcome {
        Ok(0) => Err(handshake.finish(input).into()),
        // A reset instead of a close does not hide a refusal that has already arrived.
        Err(_) if handshake.is_refused() => Err(handshake.finish(input).into()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
