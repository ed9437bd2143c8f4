//! Runs a handshake over a connection.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use transport::{Connection, DialError, DialErrorKind, Elapsed};

use crate::codec::{Handshake, HandshakeError, Step};

/// Types of TLS records (RFC 8446, section 5.1).
const TLS_ALERT: u8 = 0x15;
const TLS_HANDSHAKE: u8 = 0x16;

// A reply of SOCKS5 has 262 bytes at most, and nearly every head of a response fits as well.
const READ_CHUNK: usize = 4096;

/// How long the text of a refusal is waited for once its head has arrived.
// Short, because the status says it all to a program; the text, such as a page about a quota, is
// for whoever reads the error.
const REFUSAL_BODY_WAIT: Duration = Duration::from_secs(1);

/// Why there is no tunnel.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The proxy was not even reached.
    Dial(DialError),
    Handshake(HandshakeError),
    Io(io::Error),
    Elapsed(Elapsed),
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

/// A handshake under way.
pub(crate) struct Drive<H> {
    connection: Connection,
    handshake: H,
    /// What has been read and not consumed.
    input: BytesMut,
    /// How long the other side may be silent, if less than its phase takes.
    patience: Option<Duration>,
}

impl<H: Handshake> Drive<H> {
    pub(crate) fn new(connection: Connection, handshake: H, patience: Option<Duration>) -> Self {
        Self {
            connection,
            handshake,
            input: BytesMut::with_capacity(READ_CHUNK),
            patience,
        }
    }

    /// Ends with the proxy's last reply.
    pub(crate) async fn run(&mut self) -> Result<(), Failure> {
        loop {
            match self.handshake.advance(&self.input)? {
                // Only its text is missing, which has a short wait of its own.
                Step::Read if self.handshake.is_refused() => {
                    return Err(self.refusal().await.into());
                }
                Step::Read => {
                    if self.read_patiently().await? == 0 {
                        return Err(self.handshake.finish(&self.input).into());
                    }
                }
                Step::Write { consumed, output } => {
                    self.input.advance(consumed);
                    self.send(&output).await?;
                }
                Step::Done { consumed } => {
                    self.input.advance(consumed);
                    return Ok(());
                }
            }
        }
    }

    /// Waits for a first byte behind the proxy's last reply to `flight`. No target answers a
    /// `ClientHello` with anything but TLS; a proxy that takes it for another request does.
    pub(crate) async fn hear_target(&mut self, flight: &[u8]) -> Result<(), Failure> {
        // The byte is not consumed: it goes to the target's TLS with all that was read.
        if self.input.is_empty() && self.read_patiently().await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        // The first byte of a record: type, version (2), length (2). A flight that is no TLS may
        // have any answer.
        let is_tls = |bytes: &[u8]| matches!(bytes.first(), Some(&(TLS_ALERT | TLS_HANDSHAKE)));
        if is_tls(flight) && !is_tls(&self.input) {
            return Err(HandshakeError::Malformed("no tls follows its reply").into());
        }
        Ok(())
    }

    /// One write and one flush per flight: inner layers such as TLS buffer.
    pub(crate) async fn send(&mut self, output: &[u8]) -> io::Result<()> {
        if output.is_empty() {
            return Ok(());
        }
        // Unflushed, the bytes could lie in the layer below for ever, for what follows is a read.
        let sent = async {
            self.connection.write_all(output).await?;
            self.connection.flush().await
        };
        // Whoever closes without having read everything may have said why before.
        sent.await.or_else(unless_closed)
    }

    /// What it means that the time is up.
    pub(crate) fn give_up(&mut self, elapsed: Elapsed) -> Failure {
        // A refusal is an answer. That its text was late does not make it a time-out.
        if self.handshake.is_refused() {
            self.handshake.finish(&self.input).into()
        } else {
            Failure::Elapsed(elapsed)
        }
    }

    /// The connection, and what was read beyond the handshake's end.
    pub(crate) fn into_parts(self) -> (Connection, BytesMut) {
        (self.connection, self.input)
    }

    async fn read_patiently(&mut self) -> Result<usize, Failure> {
        // For each read anew: a proxy that sends anything at all has understood something. The
        // phase bounds the whole.
        Ok(match self.patience {
            None => self.read().await?,
            Some(patience) => timeout(patience, self.read())
                .await
                .map_err(|_| Failure::Elapsed(Elapsed::Phase(patience)))??,
        })
    }

    /// Reads some more; nothing at the end of the stream, be it a close or a reset.
    async fn read(&mut self) -> io::Result<usize> {
        // A full buffer would read nothing, which looks like the end of the stream.
        self.input.reserve(READ_CHUNK);
        let read = self.connection.read_buf(&mut self.input).await;
        read.or_else(unless_closed)
    }

    /// The proxy has refused; its reasons follow. Neither their delay nor a reset hides the
    /// refusal.
    async fn refusal(&mut self) -> HandshakeError {
        let complete = async {
            while self.read().await.is_ok_and(|len| len > 0) {
                self.handshake.advance(&self.input)?;
            }
            Ok::<(), HandshakeError>(())
        };
        match timeout(REFUSAL_BODY_WAIT, complete).await {
            Ok(Err(refusal)) => refusal,
            // The stream has ended, or the time: the beginning of the text has to do.
            Ok(Ok(())) | Err(_) => self.handshake.finish(&self.input),
        }
    }
}

fn unless_closed<T: Default>(error: io::Error) -> io::Result<T> {
    // A proxy that closes while bytes of ours are unread resets the connection, and a reset may
    // come ahead of the refusal that explains it: read on.
    match DialErrorKind::from(&error) {
        DialErrorKind::Closed => Ok(T::default()),
        _ => Err(error),
    }
}
