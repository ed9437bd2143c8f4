//! How long to wait before the next try.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::failure::{Failure, Pace};

/// The most that is waited, unless the other side asks for more.
const LONGEST: Duration = Duration::from_secs(60);

//     failure         1          2          3           4           5            later
//     seconds         1..2       2..4       4..8        8..16       16..32       30..60
//     of a dial       0.2..0.4   0.3..0.6   0.45..0.9   0.68..1.4   1.01..2.03   up to 30..60
//
// What is back after a second has a connection within two.
//
// Random, because what cut one connection has cut those of everybody else, and all of them dial
// again. Binance allows an address 300 dials in five minutes.
/// Growing delays, each lengthened by a random share of itself.
#[derive(Debug)]
pub(super) struct Backoff {
    growth: ExponentialBuilder,
    delays: ExponentialBackoff,
    attempt: u32,
}

impl Backoff {
    /// Delays that double, from 1 second on.
    pub(super) fn new() -> Self {
        Self::of(ExponentialBuilder::new().with_min_delay(Duration::from_secs(1)))
    }

    /// Delays that grow by half, from 0.2 seconds on.
    pub(super) fn of_dials() -> Self {
        let growth = ExponentialBuilder::new().with_min_delay(Duration::from_millis(200));
        Self::of(growth.with_factor(1.5))
    }

    fn of(growth: ExponentialBuilder) -> Self {
        let growth = growth
            .with_max_delay(LONGEST / 2)
            .without_max_times()
            .with_jitter();
        Self {
            growth,
            delays: growth.build(),
            attempt: 0,
        }
    }

    /// How many tries have failed since the last reset.
    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(super) fn reset(&mut self) {
        *self = Self::of(self.growth);
    }

    /// Counts a failed try and tells how long to wait until the next one.
    pub(super) fn delay_after(&mut self, failure: &Failure) -> Duration {
        if failure.pace == Pace::Rerouted {
            self.reset();
        }
        self.attempt = self.attempt.saturating_add(1);
        //     pace       delay                                counts as
        //     AtOnce     none, or growing if it is repeated   one more
        //     Rerouted   none                                 the first
        //     Growing    growing                              one more
        //     Slowest    a minute, or growing where the       one more
        //                other side says how long
        let delay = match failure.pace {
            // Only once: an exchange that keeps announcing its end shall not be dialed in a loop.
            Pace::AtOnce if self.attempt == 1 => Duration::ZERO,
            Pace::Rerouted => Duration::ZERO,
            Pace::Slowest if failure.retry_after.is_none() => LONGEST,
            Pace::AtOnce | Pace::Growing | Pace::Slowest => self.growing(),
        };
        delay.max(failure.retry_after.unwrap_or_default())
    }

    /// The next of the growing delays.
    pub(super) fn growing(&mut self) -> Duration {
        // Without a number of times, the delays never end.
        self.delays.next().unwrap_or(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_with_jitter_up_to_a_minute() {
        let mut backoff = Backoff::new();
        for attempt in 1..=12 {
            let delay = backoff.delay_after(&Failure::new("x")).as_secs_f64();
            let base = f64::from(1 << (attempt - 1).min(5)).min(30.0);
            assert!((base..=2.0 * base).contains(&delay), "{attempt}: {delay}");
            assert_eq!(backoff.attempt(), attempt);
        }
        backoff.reset();
        assert!(backoff.delay_after(&Failure::new("x")) <= Duration::from_secs(2));
    }

    #[test]
    fn two_backoffs_differ() {
        let delays = || {
            let mut backoff = Backoff::new();
            [(); 5].map(|()| backoff.growing())
        };
        assert_ne!(delays(), delays());
    }

    #[test]
    fn what_the_other_side_asks_for_is_the_least() {
        let mut backoff = Backoff::new();
        let wait = Duration::from_secs(120);
        let asked = Failure::new("x").with_retry_after(Some(wait));
        assert_eq!(backoff.delay_after(&asked), wait);
        let absurd = Failure::new("x").with_retry_after(Some(Duration::MAX));
        let three_days = Duration::from_secs(3 * 24 * 60 * 60);
        assert_eq!(backoff.delay_after(&absurd), three_days);
    }

    #[test]
    fn an_announced_end_is_followed_at_once_but_only_once() {
        let mut backoff = Backoff::new();
        let announced = Failure::new("x").with_pace(Pace::AtOnce);
        assert_eq!(backoff.delay_after(&announced), Duration::ZERO);
        assert!(backoff.delay_after(&announced) >= Duration::from_secs(1));
    }

    #[test]
    fn another_route_is_taken_at_once_whatever_failed_before() {
        let mut backoff = Backoff::new();
        for _ in 0..3 {
            backoff.delay_after(&Failure::new("x"));
            let rerouted = Failure::new("x").with_pace(Pace::Rerouted);
            assert_eq!(backoff.delay_after(&rerouted), Duration::ZERO);
        }
    }

    #[test]
    fn what_cannot_succeed_by_itself_waits_longest() {
        let hopeless = || Failure::new("x").with_pace(Pace::Slowest);
        assert_eq!(Backoff::new().delay_after(&hopeless()), LONGEST);
        // As long as a ban lasts, if that is told.
        let wait = Duration::from_secs(5);
        let banned = hopeless().with_retry_after(Some(wait));
        assert_eq!(Backoff::new().delay_after(&banned), wait);
    }
}
