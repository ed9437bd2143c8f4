//! Runs a handshake over a connection.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use proxy_config::ProxyUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use transport::{
    Connection, DialError, DialErrorKind, Dialer, Endpoint, Hop, Overdue, Phase, Target,
};

use crate::codec::{Handshake, HandshakeError, Step};
use crate::prefixed::Prefixed;

const READ_CHUNK: usize = 4096;

/// How long the text of a refusal is waited for once its head has arrived.
const REFUSAL_BODY_WAIT: Duration = Duration::from_secs(1);

/// The endpoint of a configured proxy.
pub(crate) fn endpoint(proxy: &ProxyUrl) -> Endpoint {
    Endpoint::new(proxy.host().clone(), proxy.port())
}

/// Connects to `proxy` by `inner` and asks it for a tunnel to `target`.
pub(crate) async fn open_tunnel<D: Dialer>(
    inner: &D,
    proxy: &Endpoint,
    target: &Target,
    mut handshake: impl Handshake,
) -> Result<Connection, DialError> {
    let hop = || Hop::Proxy(proxy.clone());
    let mut connection = target
        .via(proxy.clone())
        .dial(inner)
        .await
        .map_err(|error| error.pass_through(proxy))?;
    let start = Instant::now();
    let mut input = BytesMut::with_capacity(READ_CHUNK);
    target
        .phase(run(&mut connection, &mut handshake, &mut input))
        .await
        .unwrap_or_else(|overdue| {
            Err(if handshake.is_refused() {
                handshake.finish(&input).into()
            } else {
                Failure::Overdue(overdue)
            })
        })
        .map_err(|failure| match failure {
            Failure::Handshake(error) => tunnel_error(proxy, target, error),
            Failure::Io(error) => DialError::io(hop(), Phase::ProxyHandshake, error)
                .with_towards(target.endpoint().clone()),
            Failure::Overdue(overdue) => DialError::timeout(hop(), Phase::ProxyHandshake, overdue)
                .with_towards(target.endpoint().clone()),
        })?;
    let info = connection.info_mut();
    info.pass_through(proxy);
    info.record(hop(), Phase::ProxyHandshake, start.elapsed());
    Ok(Prefixed::put_back(input, connection))
}

/// What the codec found, as the failure of a dial.
pub(crate) fn tunnel_error(proxy: &Endpoint, target: &Target, error: HandshakeError) -> DialError {
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
    Overdue(Overdue),
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

/// Leaves in `input` what was read beyond the handshake's end.
async fn run(
    connection: &mut Connection,
    handshake: &mut impl Handshake,
    input: &mut BytesMut,
) -> Result<(), Failure> {
    send(connection, &handshake.opening()).await?;
    loop {
        match handshake.advance(input)? {
            Step::Read if handshake.is_refused() => {
                return Err(refusal(connection, handshake, input).await.into());
            }
            Step::Read => {
                if read(connection, input).await? == 0 {
                    return Err(handshake.finish(input).into());
                }
            }
            Step::Write { consumed, output } => {
                input.advance(consumed);
                send(connection, &output).await?;
            }
            Step::Done { consumed } => {
                input.advance(consumed);
                return Ok(());
            }
        }
    }
}

/// One write and one flush per flight: inner layers such as TLS buffer.
async fn send(connection: &mut Connection, output: &[u8]) -> io::Result<()> {
    if output.is_empty() {
        return Ok(());
    }
    let sent = async {
        connection.write_all(output).await?;
        connection.flush().await
    };
    // Whoever closes without having read everything may have said why before.
    sent.await.or_else(unless_closed)
}

/// Reads some more; nothing at the end of the stream, be it a close or a reset.
async fn read(connection: &mut Connection, input: &mut BytesMut) -> io::Result<usize> {
    input.reserve(READ_CHUNK);
    connection.read_buf(input).await.or_else(unless_closed)
}

fn unless_closed<T: Default>(error: io::Error) -> io::Result<T> {
    match DialErrorKind::from(&error) {
        DialErrorKind::Closed => Ok(T::default()),
        _ => Err(error),
    }
}

/// The proxy has refused; its reasons follow. Neither their delay nor a reset hides the refusal.
async fn refusal(
    connection: &mut Connection,
    handshake: &mut impl Handshake,
    input: &mut BytesMut,
) -> HandshakeError {
    let complete = async {
        while read(connection, input).await.is_ok_and(|len| len > 0) {
            handshake.advance(input)?;
        }
        Ok::<(), HandshakeError>(())
    };
    match timeout(REFUSAL_BODY_WAIT, complete).await {
        Ok(Err(refusal)) => refusal,
        Ok(Ok(())) | Err(_) => handshake.finish(input),
    }
}
