//! An exchange with one budget, at one address.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub(super) const TOTAL: u32 = 6_000;
pub(super) const PER: Duration = Duration::from_secs(60);
/// From one trade of a shard to the next.
pub(super) const TRADE: Duration = Duration::from_secs(10);

/// It counts the units of the last [`PER`], and refuses nothing.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    counted: VecDeque<(Instant, u32)>,
    sum: u32,
    pub(super) most: u32,
    pub(super) requests: u64,
}

impl Exchange {
    pub(super) fn count(&mut self, units: u32, now: Instant) {
        while let Some((at, old)) = self.counted.front().copied()
            && now >= at + PER
        {
            self.counted.pop_front();
            self.sum -= old;
        }
        self.counted.push_back((now, units));
        self.sum += units;
        self.most = self.most.max(self.sum);
        self.requests += 1;
    }
}
