//! What came of the dials through one exit.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::failure::{Failure, word};

/// Of how many dials the time is remembered: enough for a 99th percentile, in 4 KiB.
// The latest, and not all since the start: how it was yesterday hides what is slow now.
const RECENT: usize = 256;

/// Counts, the times of the latest dials, and the last failure.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    counts: Counts,
    /// How long the latest that succeeded took.
    recent: VecDeque<Duration>,
    last_failure: Option<Failure>,
    dialed_at: Option<Instant>,
}

/// How many dials came to which outcome.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) succeeded: u64,
    /// By phase and kind.
    pub(crate) failed: BTreeMap<(transport::Phase, &'static str), u64>,
    pub(crate) given_up: u64,
}

impl History {
    pub(super) fn succeed(&mut self, took: Duration, now: Instant) {
        self.counts.succeeded += 1;
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(took);
        self.dialed_at = Some(now);
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        let key = (failure.phase, word(failure.kind));
        *self.counts.failed.entry(key).or_default() += 1;
        self.dialed_at = Some(failure.at);
        self.keep(failure);
    }

    pub(super) fn give_up(&mut self, now: Instant) {
        self.counts.given_up += 1;
        self.dialed_at = Some(now);
    }

    /// Keeps a failure that is not counted.
    pub(super) fn keep(&mut self, failure: Failure) {
        self.last_failure = Some(failure);
    }

    pub(super) fn is_newer_than(&self, age: Duration, now: Instant) -> bool {
        self.dialed_at
            .is_some_and(|at| now.saturating_duration_since(at) < age)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.clone()
    }

    pub(crate) fn recent(&self) -> Vec<Duration> {
        self.recent.iter().copied().collect()
    }

    pub(crate) fn last_failure(&self) -> Option<&Failure> {
        self.last_failure.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_times_are_kept() {
        let (mut history, now) = (History::default(), Instant::now());
        for millis in 0..1000 {
            history.succeed(Duration::from_millis(millis), now);
        }
        let recent = history.recent();
        assert_eq!(recent.len(), RECENT);
        assert_eq!(recent[0], Duration::from_millis(1000 - RECENT as u64));
        assert_eq!(history.counts().succeeded, 1000);
    }
}
