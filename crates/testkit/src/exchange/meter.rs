//! Counting what limits are about.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use transport::Window;

/// Counts beyond so many are thrown away when their window is over.
const MANY: usize = 10_000;

/// How a window passes.
// Reports of users show that Binance counts messages in any second, and Kraken documents dials in any
// ten minutes. How the exchanges cut the time of requests is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passing {
    /// It begins with the first unit, and anew when it is over.
    Whole,
    /// Each unit is forgotten by itself.
    Rolling,
}

/// Units within a window of time, by when they were used.
#[derive(Debug, Default)]
struct Count {
    used: VecDeque<(Instant, u32)>,
    sum: u32,
    per: Duration,
}

impl Count {
    fn is_over(&self, now: Instant) -> bool {
        let is_old = |(at, _): &(Instant, u32)| now.duration_since(*at) >= self.per;
        self.used.back().is_none_or(is_old)
    }

    fn add(&mut self, units: u32, now: Instant, passing: Passing) {
        let is_old = |at: Instant, per| now.duration_since(at) >= per;
        match passing {
            Passing::Whole => {
                if self
                    .used
                    .front()
                    .is_none_or(|(at, _)| is_old(*at, self.per))
                {
                    self.used.clear();
                    self.used.push_back((now, 0));
                    self.sum = 0;
                }
            }
            Passing::Rolling => {
                while let Some((at, old)) = self.used.front().copied()
                    && is_old(at, self.per)
                {
                    self.used.pop_front();
                    self.sum = self.sum.saturating_sub(old);
                }
                self.used.push_back((now, units));
            }
        }
        self.sum = self.sum.saturating_add(units);
    }
}

/// What is used of each budget.
#[derive(Debug, Default)]
pub(super) struct Meter {
    counts: Mutex<HashMap<(SocketAddr, &'static str), Count>>,
    /// By when all that was asked for would have come at the steady rate.
    trickles: Mutex<HashMap<(IpAddr, &'static str), Instant>>,
}

impl Meter {
    /// Counts `units` of the budget `window` of `client`. Returns how many are used within the window,
    /// and how long it is until the first of them are forgotten.
    pub(super) fn add(
        &self,
        client: SocketAddr,
        window: Window,
        units: u32,
        passing: Passing,
    ) -> (u32, Duration) {
        let now = Instant::now();
        let mut counts = self.counts.lock();
        if counts.len() > MANY {
            counts.retain(|_, count| !count.is_over(now));
        }
        let count = counts.entry((client, window.name)).or_default();
        count.per = window.per;
        count.add(units, now, passing);
        let begun = count.used.front().map_or(now, |(at, _)| *at);
        (
            count.sum,
            window.per.saturating_sub(now.duration_since(begun)),
        )
    }

    /// Whether one more is within one per `pause`, of which up to `burst` may come at once. What is
    /// not is not counted.
    pub(super) fn trickle(
        &self,
        address: IpAddr,
        name: &'static str,
        pause: Duration,
        burst: u32,
    ) -> bool {
        let now = Instant::now();
        let mut trickles = self.trickles.lock();
        let done = trickles.entry((address, name)).or_insert(now);
        let next = (*done).max(now) + pause;
        let is_free = next <= now + pause * burst;
        if is_free {
            *done = next;
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window::new("requests", 2, Duration::from_secs(10));

    #[tokio::test(start_paused = true)]
    async fn each_client_and_each_window_has_a_count_that_begins_again() {
        let meter = Meter::default();
        let other = Window {
            name: "dials",
            ..WINDOW
        };
        let add = |client, window, units| meter.add(client, window, units, Passing::Whole);
        let [one, two] = [1, 2].map(|last| SocketAddr::from(([127, 0, 0, last], 1)));
        assert_eq!(add(one, WINDOW, 1), (1, WINDOW.per));
        assert_eq!(add(one, WINDOW, 2).0, 3);
        assert_eq!(add(two, WINDOW, 1).0, 1);
        assert_eq!(add(one, other, 1).0, 1);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(add(one, WINDOW, 1), (4, Duration::from_secs(6)));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(add(one, WINDOW, 1).0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rolling_window_forgets_unit_by_unit() {
        let meter = Meter::default();
        let client = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut used = Vec::new();
        for seconds in [0, 6, 3, 1, 5, 1] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            used.push(meter.add(client, WINDOW, 1, Passing::Rolling).0);
        }
        // At 0, 6, 9, 10, 15 and 16 seconds.
        assert_eq!(used, [1, 2, 3, 3, 4, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_rate_allows_a_burst_for_each_address() {
        let meter = Meter::default();
        let second = Duration::from_secs(1);
        for last in [1, 2] {
            let address = IpAddr::from([127, 0, 0, last]);
            let admitted = || {
                let free = |_: &u32| meter.trickle(address, "requests", second, 30);
                (0..35).filter(free).count()
            };
            assert_eq!(admitted(), 30);
            assert_eq!(admitted(), 0);
            tokio::time::advance(second * 2).await;
            assert_eq!(admitted(), 2);
        }
    }
}
