//! The three proxy handshakes as state machines without input or output.
//!
//! A [`Handshake`] says what to send and is shown everything received that it has not consumed
//! yet. What stands behind the proxy's last reply belongs to the target and is never consumed.

mod connect;
mod error;
mod socks4;
mod socks5;

use std::fmt;

use transport::Secrets;

pub use connect::Connect;
pub use error::{HandshakeError, Stage};
pub use socks4::{Socks4, Socks4Address};
pub use socks5::Socks5;

/// What a handshake wants next. `Debug` does not show what to send, for it may hold credentials.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// More input is needed; nothing of what was shown is consumed.
    Read,
    /// The first `consumed` bytes are done with; send `output`, which may be empty, and go on.
    Write {
        /// How many bytes of the input are done with.
        consumed: usize,
        /// What to send.
        output: Vec<u8>,
    },
    /// The tunnel is open; what follows the first `consumed` bytes comes from the target.
    Done {
        /// How many bytes of the input belonged to the handshake.
        consumed: usize,
    },
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("Read"),
            Self::Write { consumed, output } => f
                .debug_struct("Write")
                .field("consumed", consumed)
                .field("output", &format_args!("{} bytes", output.len()))
                .finish(),
            Self::Done { consumed } => f.debug_struct("Done").field("consumed", consumed).finish(),
        }
    }
}

/// What seems to listen where the first byte of an answer is `first`.
fn hint(first: u8) -> &'static str {
    match first {
        // The status line of a response.
        b'H' => "it answers in http; is the scheme http?",
        b'<' => "it sends a page without a status line",
        // A reply of SOCKS4 begins with 0; a server that repeats the version it was sent, with 4.
        0 | 4 => "it answers in socks4; is the scheme socks4?",
        5 => "it answers in socks5; is the scheme socks5?",
        // A record of TLS: an alert, or a handshake message (RFC 8446, section 5.1).
        0x15 | 0x16 => "it answers in tls; is the scheme https?",
        _ => "its answer is in no known protocol",
    }
}

// How a handshake is driven:
//
//     opening()             -> is sent; or pipelined_opening() in its place
//     advance(input)        with all that was received and is not consumed
//       Read                -> read more, advance() again
//       Write               -> forget `consumed`, send `output`, advance() with the rest at once
//       Done                -> forget `consumed`; the rest is the target's
//       Err                 -> no tunnel
//     end of the stream     -> finish(input), which is always an error
//
// Replies may be cut anywhere and may come together, so `advance` is asked again after each `Write`
// before anything is read.
/// A client's side of a proxy handshake.
pub trait Handshake: Send {
    /// Quotes nothing of the proxy's words that holds one of these, beside its own login: those of
    /// the other hops of a chain, of which any may speak in place of the next.
    fn conceal(&mut self, _secrets: &Secrets) {}

    /// What to send before anything is read.
    fn opening(&mut self) -> Vec<u8>;

    /// All messages of the handshake, to be sent in place of the [opening](Self::opening); every
    /// further output is empty then. `None` if that makes no difference: a handshake of one message
    /// has nothing to pipeline.
    fn pipelined_opening(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Looks at all input that is not consumed yet.
    ///
    /// # Errors
    /// [`HandshakeError`] as soon as the input shows that there will be no tunnel.
    fn advance(&mut self, input: &[u8]) -> Result<Step, HandshakeError>;

    /// Whether the proxy has refused and only the text of its refusal is still awaited.
    fn is_refused(&self) -> bool {
        false
    }

    /// The proxy sent nothing after `input`, which [`advance`](Self::advance) has seen: it closed
    /// the connection, or took too long over the text of its refusal.
    fn finish(&mut self, input: &[u8]) -> HandshakeError;
}
