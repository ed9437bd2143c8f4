//! What the times of a stream tell.

use crate::exchange::Time;

/// The exchange's times of the changes of a connection, beside when they were received.
#[derive(Debug, Default)]
pub(super) struct StreamClock {
    latest_ns: Option<i64>,
    /// By how much the clock of this machine is ahead of the exchange's, at most: the change that was
    /// received soonest tells.
    least_lag_ns: Option<i64>,
}

impl StreamClock {
    /// Takes note of the time of a change, received at `at_ns`. Returns whether it is later than all before it.
    pub(super) fn note(&mut self, time: Time, at_ns: i64) -> bool {
        let Some(time_ns) = time.ns() else {
            return false;
        };
        let is_latest = self.latest_ns.is_some_and(|latest_ns| latest_ns < time_ns);
        self.latest_ns = self.latest_ns.max(Some(time_ns));
        let lag_ns = at_ns.saturating_sub(time_ns);
        let least_ns = self.least_lag_ns.get_or_insert(lag_ns);
        *least_ns = lag_ns.min(*least_ns);
        is_latest
    }

    /// When a change of that time, received at `at_ns`, was sent, by the clock of this machine: not when it was received, which is later where
    /// the subscriber holds up the reading. Where the exchange has no times, that is all there is.
    pub(super) fn sent_ns(&self, time: Time, at_ns: i64) -> i64 {
        time.ns()
            .zip(self.least_lag_ns)
            .map_or(at_ns, |(time_ns, lag_ns)| time_ns.saturating_add(lag_ns))
    }
}
