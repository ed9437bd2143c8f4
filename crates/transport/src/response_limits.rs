//! How much time and how many bytes the answer to a REST request may take.

use std::time::Duration;

/// The limits of an answer. They follow its progress, so that a long answer over a slow way arrives and
/// one that has stopped does not hold up anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseLimits {
    /// The longest time from the connection, new or kept, to the end of the answer's head.
    pub head: Duration,
    /// The longest time without a byte of the body.
    pub silence: Duration,
    /// The longest time from the connection to the end of the body. `None`: there is none.
    pub total: Option<Duration>,
    /// The most bytes of the body, as sent and as decoded.
    pub size: usize,
}

impl Default for ResponseLimits {
    /// 30 s to the head, 30 s of silence, no total, 64 MiB.
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            silence: Duration::from_secs(30),
            total: None,
            // Binance's list of all symbols with all their permissions has about 16 MB.
            size: 64 * 1024 * 1024,
        }
    }
}
