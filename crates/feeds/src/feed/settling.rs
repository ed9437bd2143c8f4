//! Changes that come one after the other, and are made together.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long no other change must have come.
const QUIET: Duration = Duration::from_millis(250);

/// How long the first one waits at most.
const MOST: Duration = Duration::from_secs(1);

/// When changes are to be made that have come.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// When the first one must be made, and when all of them are.
    times: Option<(Instant, Instant)>,
}

impl Settling {
    /// A change has come.
    pub(super) fn note(&mut self, now: Instant) {
        let latest = self.times.map_or(now + MOST, |(latest, _)| latest);
        self.times = Some((latest, latest.min(now + QUIET)));
    }

    /// All that have come are made.
    pub(super) fn clear(&mut self) {
        self.times = None;
    }

    /// Ends when they are to be made. Cancel safe.
    pub(super) async fn over(&self) {
        match self.times {
            Some((_, due)) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }
}
