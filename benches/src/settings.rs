//! How thorough to be.

use std::time::Duration;

/// How thorough every benchmark shall be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How often each contender is measured.
    pub(crate) rounds: usize,
    /// How long one measurement of a steady state lasts.
    pub(crate) window: Duration,
}

impl Settings {
    /// What the published figures are made with.
    pub(crate) fn thorough() -> Self {
        Self {
            rounds: 5,
            window: Duration::from_millis(100),
        }
    }

    /// Enough to see that everything works; the figures mean little.
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 1,
            window: Duration::from_millis(20),
        }
    }
}
