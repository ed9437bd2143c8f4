//! Whether standard output is read as fast as events come.

use std::time::Duration;

use tokio::time::Instant;

use crate::duration::seconds;

/// When a reader that is behind is told of first. Each time after that is twice as late.
const FIRST: Duration = Duration::from_secs(1);

//     events wait since       0 s    1 s     2 s     4 s     8 s    ...   all are written
//     log                            WARN    WARN    WARN    WARN         INFO, if there was a WARN
/// Since when events have been waiting for the reader of standard output.
#[derive(Debug)]
pub(super) struct Backlog {
    /// When all events were written last.
    since: Instant,
    /// How much of the time since then was spent waiting for the reader.
    waited: Duration,
    /// How long after `since` it is told of next.
    next: Duration,
    is_told: bool,
}

impl Backlog {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            waited: Duration::ZERO,
            next: FIRST,
            is_told: false,
        }
    }

    /// When to tell of it, if the reader does not read until then.
    pub(super) fn due(&self) -> Instant {
        self.since + self.next
    }

    /// Tells that events have been waiting since `began_at`, and how many, unless most of the time was
    /// spent otherwise: then it is this machine that is behind.
    pub(super) fn tell(&mut self, began_at: Instant, events: usize) {
        let behind = self.since.elapsed();
        let waited = self.waited + began_at.elapsed();
        self.next = behind.max(self.next) * 2;
        if waited >= behind / 2 {
            self.is_told = true;
            let behind_s = seconds(behind);
            tracing::warn!(behind_s, events, "standard output is not read: events wait");
        }
    }

    /// A write has ended that began at that time.
    pub(super) fn note_wait(&mut self, began_at: Instant) {
        self.waited += began_at.elapsed();
    }

    /// All events are written.
    pub(super) fn end(&mut self) {
        if self.is_told {
            let behind_s = seconds(self.since.elapsed());
            tracing::info!(behind_s, "standard output is read again: no event waits");
        }
        *self = Self::new();
    }
}
