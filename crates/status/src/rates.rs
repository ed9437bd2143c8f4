//! Events in a second.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Rates are of this time at least.
const SPAN: Duration = Duration::from_secs(1);

/// The rates of counters that only grow, by the name of an exchange and the number of a connection.
///
/// They are of the time between two looks, however far apart those are.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    at: Option<Instant>,
    counts: HashMap<(String, u64), u64>,
    per_second: HashMap<(String, u64), f64>,
}

impl Rates {
    /// Looks at `counts` at `now`. Each comes with for how long it has been counted.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        counts: impl Iterator<Item = ((String, u64), u64, Duration)>,
    ) {
        let since = self.at.map(|at| now.saturating_duration_since(at));
        if since.is_some_and(|since| since < SPAN) {
            return;
        }
        let before = std::mem::take(&mut self.counts);
        self.per_second.clear();
        for (key, count, age) in counts {
            let (start, span) = match (before.get(&key), since) {
                (Some(start), Some(since)) => (*start, since),
                _ => (0, age.max(SPAN)),
            };
            let rate = as_float(count.saturating_sub(start)) / span.as_secs_f64();
            self.per_second.insert(key.clone(), rate);
            self.counts.insert(key, count);
        }
        self.at = Some(now);
    }

    /// The rate of one.
    pub(crate) fn of(&self, key: &(String, u64)) -> f64 {
        self.per_second.get(key).copied().unwrap_or_default()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is shown with three digits"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_that_of_the_time_since_the_look_before() {
        let mut rates = Rates::default();
        let key = ("binance".to_owned(), 1);
        let start = Instant::now();
        for (at_s, count, expected) in [(0, 100, 10.0), (2, 300, 100.0), (7, 310, 2.0)] {
            let now = start + Duration::from_secs(at_s);
            let counts = [(key.clone(), count, Duration::from_secs(10 + at_s))];
            rates.look(now, counts.into_iter());
            assert_eq!(rates.of(&key), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn two_looks_at_once_have_the_same_rates() {
        let mut rates = Rates::default();
        let key = ("binance".to_owned(), 1);
        let start = Instant::now();
        let counts = |count| [(("binance".to_owned(), 1), count, Duration::from_secs(4))];
        rates.look(start, counts(8).into_iter());
        rates.look(start + Duration::from_millis(10), counts(9).into_iter());
        assert_eq!(rates.of(&key), 2.0);
    }
}
