//! When which member is checked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tokio::time::Instant;

/// The most checks of a pool at a time, whatever its size.
const MOST: usize = 64;

/// The checks of a pool's members: each one interval after the end of its last, a tenth more or less. The
/// first ones are spread over the first interval, and never is more than an eighth of the pool checked at
/// a time.
#[derive(Debug)]
pub(crate) struct Schedule {
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    interval: Duration,
    running: usize,
    most: usize,
}

impl Schedule {
    pub(crate) fn new(members: usize, interval: Duration, now: Instant) -> Self {
        let first = |place: usize| {
            let part = (place as f64 + fastrand::f64()) / members as f64;
            Reverse((now + interval.mul_f64(part), place))
        };
        Self {
            due: (0..members).map(first).collect(),
            interval,
            running: 0,
            most: (members / 8).clamp(1, MOST),
        }
    }

    /// A member whose check is due; it runs until its [end](Self::end).
    pub(crate) fn begin(&mut self, now: Instant) -> Option<usize> {
        if self.next_at()? > now {
            return None;
        }
        self.running += 1;
        self.due.pop().map(|Reverse((_, place))| place)
    }

    /// When the next check may begin; not before another one has ended if there is no time.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        if self.running >= self.most {
            return None;
        }
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// The check of the member at `place` has ended.
    pub(crate) fn end(&mut self, place: usize, now: Instant) {
        self.running = self.running.saturating_sub(1);
        let jitter = 0.9 + 0.2 * fastrand::f64();
        self.due
            .push(Reverse((now + self.interval.mul_f64(jitter), place)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_checked_once_in_an_interval_and_never_all_at_once() {
        fastrand::seed(5);
        let interval = Duration::from_secs(60);
        let start = Instant::now();
        let mut schedule = Schedule::new(80, interval, start);
        let (mut checks, mut running) = (vec![0; 80], Vec::new());
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            // A check takes a second.
            for place in running.drain(..) {
                schedule.end(place, now);
            }
            while let Some(place) = schedule.begin(now) {
                checks[place] += 1;
                running.push(place);
            }
            assert!(running.len() <= 10, "{}", running.len());
        }
        assert!(
            checks.iter().all(|checks| (8..=11).contains(checks)),
            "{checks:?}"
        );
    }
}
