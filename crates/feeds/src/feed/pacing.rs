//! How soon to dial again.

use std::time::Duration;

use super::backoff::Backoff;
use super::failure::{Failure, Pace};

/// How long a connection must have been open for the next one to be dialed at once.
pub(super) const LASTING: Duration = Duration::from_secs(10);

//     what ended                        the next dial
//     a dial                            after 0.2 to 0.4 s, growing by half up to 30 to 60 s
//     a connection of under 10 s        after 1 to 2 s, doubling up to 30 to 60 s
//     a connection of 10 s and more     at once
//
// An open connection ends the series of dials that failed, and one of 10 s that of short ones.
/// The delays between the dials of one row of connections.
#[derive(Debug)]
pub(super) struct Pacing {
    dials: Backoff,
    short: Backoff,
}

impl Pacing {
    pub(super) fn new() -> Self {
        Self {
            dials: Backoff::of_dials(),
            short: Backoff::new(),
        }
    }

    /// How many tries have failed in a row.
    pub(super) fn attempt(&self) -> u32 {
        self.dials.attempt().saturating_add(self.short.attempt())
    }

    /// A dial has failed. Returns how long to wait until the next one.
    pub(super) fn after_dial(&mut self, failure: &Failure) -> Duration {
        if failure.pace == Pace::Rerouted {
            self.short.reset();
        }
        self.dials.delay_after(failure)
    }

    /// A connection has ended that was open for `age`. Returns how long to wait until the next dial.
    pub(super) fn after_end(&mut self, failure: &mut Failure, age: Duration) -> Duration {
        self.dials.reset();
        if age >= LASTING {
            self.short.reset();
            if failure.pace == Pace::Growing {
                failure.pace = Pace::AtOnce;
            }
        }
        self.short.delay_after(failure)
    }

    /// What failed is of no importance any longer.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }
}
