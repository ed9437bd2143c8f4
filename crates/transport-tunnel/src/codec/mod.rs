//! The three proxy handshakes as state machines without input or output.
//!
//! A [`Handshake`] says what to send and is shown everything received that it has not consumed
//! yet. What stands behind the proxy's last reply belongs to the target and is never consumed.

mod connect;
mod error;
mod socks4;
mod socks5;

pub use connect::Connect;
pub use error::HandshakeError;
pub use socks4::{Socks4, Socks4Address};
pub use socks5::Socks5;

/// What a handshake wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// A client's side of a proxy handshake.
pub trait Handshake: Send {
    /// What to send before anything is read.
    fn opening(&mut self) -> Vec<u8>;

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
    fn finish(&mut self, input: &[u8]) -> HandshakeError {
        HandshakeError::Closed {
            received: input.len(),
        }
    }
}
