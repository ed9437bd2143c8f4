//! Whether an exit may be used, by its last failures.

use proxy_config::BreakerConfig;
use tokio::time::Instant;

/// The number of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trial(u64);

/// The circuit breaker of one exit.
//
//     Closed --as many failures in a row as set, or a stall--> Open until now + cool-down
//     Open   --its time is over------------------------------> half-open: the next selection is a trial
//     half-open --selected-----------------------------------> Trial
//     Trial  --a failure-------------------------------------> Open, for twice as long
//     Trial  --given up without a verdict--------------------> half-open
//     any    --a success-------------------------------------> Closed
//     Open   --another member is back, and few are in order--> half-open
//
// Open is a time and not a timer, so that nothing has to run for it to end; it is half-open from then
// on. A failure while it is open is of a connection that began before, and says nothing new.
//
// The cool-down doubles with each time that it opens. It is short again only when the exit has been in
// order for as long as it was skipped before: one that connects and stalls is otherwise back at once.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    state: State,
    failures: u64,
    /// How often it has opened since it was in order.
    openings: u32,
    trials: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { since: Option<Instant> },
    Open { until: Instant },
    Trial(Trial),
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { since: None }
    }
}

/// What a breaker says of its exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Closed,
    /// Open, or half-open from then on.
    Until(Instant),
    OnTrial,
}

impl Breaker {
    pub(crate) fn standing(&self) -> Standing {
        match self.state {
            State::Closed { .. } => Standing::Closed,
            State::Open { until } => Standing::Until(until),
            State::Trial(_) => Standing::OnTrial,
        }
    }

    /// How many failures in a row count while it is closed.
    pub(crate) fn failures(&self) -> u64 {
        self.failures
    }

    /// The exit has been selected. Returns the trial that this is, if it is one.
    pub(crate) fn begin(&mut self, now: Instant) -> Option<Trial> {
        match self.state {
            State::Open { until } if until <= now => {
                self.trials += 1;
                let trial = Trial(self.trials);
                self.state = State::Trial(trial);
                Some(trial)
            }
            _ => None,
        }
    }

    /// Nothing came of `trial`, if it has no verdict yet.
    pub(crate) fn give_back(&mut self, trial: Trial, now: Instant) {
        if matches!(self.state, State::Trial(current) if current == trial) {
            self.state = State::Open { until: now };
        }
    }

    pub(crate) fn succeed(&mut self, now: Instant) {
        self.failures = 0;
        if !matches!(self.state, State::Closed { .. }) {
            self.state = State::Closed { since: Some(now) };
        }
    }

    /// Ends the time that it is open for: the next selection is a trial.
    pub(crate) fn hasten(&mut self, now: Instant) {
        if let State::Open { until } = &mut self.state {
            *until = now.min(*until);
        }
    }

    pub(crate) fn fail(&mut self, now: Instant, config: &BreakerConfig) {
        match self.state {
            State::Open { .. } => {}
            State::Trial(_) => self.open(now, config),
            State::Closed { .. } => {
                self.failures += 1;
                if self.failures >= config.failures() {
                    self.open(now, config);
                }
            }
        }
    }

    /// Opens it at once, for a connection that has stalled: that cost more time than several dials, which would
    /// all succeed again.
    pub(crate) fn trip(&mut self, now: Instant, config: &BreakerConfig) {
        if !matches!(self.state, State::Open { until } if until > now) {
            self.open(now, config);
        }
    }

    fn open(&mut self, now: Instant, config: &BreakerConfig) {
        if let State::Closed { since } = self.state {
            let last = cooldown(self.openings, config);
            let in_order = since.is_none_or(|since| now.saturating_duration_since(since) >= last);
            if in_order {
                self.openings = 0;
            }
        }
        self.failures = 0;
        self.openings = self.openings.saturating_add(1);
        let until = now + cooldown(self.openings, config);
        self.state = State::Open { until };
    }
}

/// For how long it is open the `openings`th time in a row.
fn cooldown(openings: u32, config: &BreakerConfig) -> std::time::Duration {
    let doublings = openings.saturating_sub(1).min(31);
    let doubled = config.cooldown().saturating_mul(1 << doublings);
    doubled.min(config.max_cooldown())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config() -> BreakerConfig {
        let config = BreakerConfig::default().with_cooldown_seconds(10).unwrap();
        config.with_max_cooldown_seconds(35).unwrap()
    }

    /// For how long it is open from `now` on.
    fn open_for(breaker: &Breaker, now: Instant) -> Option<u64> {
        match breaker.standing() {
            Standing::Until(until) => Some((until - now).as_secs()),
            Standing::Closed | Standing::OnTrial => None,
        }
    }

    #[test]
    fn it_opens_after_as_many_failures_in_a_row_as_set() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        let config = config().with_failures(3).unwrap();
        for _ in 0..2 {
            breaker.fail(now, &config);
            breaker.fail(now, &config);
            breaker.succeed(now);
        }
        assert_eq!(breaker.standing(), Standing::Closed);
        for _ in 0..3 {
            breaker.fail(now, &config);
        }
        assert_eq!(open_for(&breaker, now), Some(10));
    }

    #[test]
    fn one_trial_at_a_time_and_each_failure_doubles_the_time_up_to_the_limit() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        breaker.fail(now, &config());
        for seconds in [10, 20, 35, 35] {
            assert_eq!(open_for(&breaker, now), Some(seconds));
            assert_eq!(breaker.begin(now), None);
            now += Duration::from_secs(seconds);
            assert!(breaker.begin(now).is_some());
            assert_eq!(breaker.begin(now), None);
            breaker.fail(now, &config());
        }
        // Those that began before do not make it longer.
        breaker.fail(now + Duration::from_secs(5), &config());
        assert_eq!(open_for(&breaker, now), Some(35));
    }

    #[test]
    fn a_trial_without_a_verdict_leaves_room_for_another_one() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        breaker.fail(now, &config());
        now += Duration::from_secs(10);
        let first = breaker.begin(now).unwrap();
        breaker.give_back(first, now);
        let second = breaker.begin(now).unwrap();
        // The first one ended long ago.
        breaker.give_back(first, now);
        assert_eq!(breaker.standing(), Standing::OnTrial);
        breaker.succeed(now);
        breaker.give_back(second, now);
        assert_eq!(breaker.standing(), Standing::Closed);
    }

    #[test]
    fn one_that_connects_and_stalls_is_skipped_for_longer_each_time() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        for seconds in [10, 20, 35] {
            breaker.trip(now, &config());
            assert_eq!(open_for(&breaker, now), Some(seconds));
            now += Duration::from_secs(seconds);
            assert!(breaker.begin(now).is_some());
            breaker.succeed(now);
            now += Duration::from_secs(1);
        }
        now += Duration::from_secs(35);
        breaker.fail(now, &config());
        assert_eq!(open_for(&breaker, now), Some(10));
    }
}
