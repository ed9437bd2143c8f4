//! How a link is broken.

use std::time::Duration;

/// What a [`Link`](crate::Link) does to the bytes of each connection. "Down" is towards who connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkFault {
    /// All connections are closed, and no other is accepted.
    Refuse,
    /// Each connection is reset after so many bytes down.
    Reset {
        /// How many.
        after: usize,
    },
    /// Nothing is carried, and nothing is closed.
    Stall,
    /// One byte at a time is carried down, and then nothing for a while.
    Drip {
        /// For how long.
        every: Duration,
    },
    /// Each connection ends, as if both sides had closed it, after so many bytes down.
    Truncate {
        /// How many.
        after: usize,
    },
    /// Every byte down, after so many, is another one.
    Garbage {
        /// How many are left as they are.
        after: usize,
    },
    /// The way down ends, and the way up stays.
    HalfClose,
    /// What is carried arrives later, either way.
    Latency {
        /// How much.
        by: Duration,
    },
    /// Only so many bytes per second are carried down.
    Bandwidth {
        /// How many: at least one.
        bytes_per_second: usize,
    },
}
