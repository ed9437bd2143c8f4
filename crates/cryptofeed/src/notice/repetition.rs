//! How often the same is logged.

use std::collections::HashMap;
use std::time::Duration;

use feeds::ExchangeName;
use tokio::time::Instant;

/// How many events of a source are logged in each period.
const BURST: u64 = 10;

/// How long a period is.
pub(super) const PERIOD: Duration = Duration::from_secs(10);

/// What is counted together: the events of a kind from one connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) exchange: ExchangeName,
    pub(super) connection: Option<u64>,
    pub(super) what: &'static str,
}

//     events of a source in 10 s     logged
//     the first ten                  each of them
//     all others                     one line, when the period is over: how many there were
/// Counts what comes from each source.
#[derive(Debug, Default)]
pub(super) struct Repetition(HashMap<Source, Period>);

#[derive(Debug)]
struct Period {
    since: Instant,
    events: u64,
}

impl Repetition {
    /// Counts an event. Returns whether it is one of the few that are logged.
    pub(super) fn admits(&mut self, source: Source, now: Instant) -> bool {
        let new = Period {
            since: now,
            events: 0,
        };
        let period = self.0.entry(source).or_insert(new);
        period.events += 1;
        period.events <= BURST
    }

    /// Ends the periods that have lasted for `age`, and returns their sources with the number of events
    /// that were not logged, and in which time they came.
    pub(super) fn end(
        &mut self,
        age: Duration,
        now: Instant,
    ) -> impl Iterator<Item = (Source, u64, Duration)> {
        let is_over = move |_: &Source, period: &mut Period| now - period.since >= age;
        let ended = self.0.extract_if(is_over);
        ended.filter_map(move |(source, period)| {
            let more = period.events.saturating_sub(BURST);
            (more > 0).then_some((source, more, now - period.since))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(connection: u64, what: &'static str) -> Source {
        Source {
            exchange: "binance".into(),
            connection: Some(connection),
            what,
        }
    }

    #[test]
    fn the_first_few_are_logged_and_the_rest_are_a_number() {
        let start = Instant::now();
        let mut repetition = Repetition::default();
        let mut logged = 0;
        for _ in 0..12_355 {
            logged += u64::from(repetition.admits(source(1, "malformed"), start));
        }
        assert_eq!(logged, BURST);
        assert_eq!(repetition.end(PERIOD, start).count(), 0);
        let ended: Vec<_> = repetition.end(PERIOD, start + PERIOD).collect();
        assert_eq!(ended, [(source(1, "malformed"), 12_345, PERIOD)]);
        assert!(repetition.admits(source(1, "malformed"), start + PERIOD));
    }

    #[test]
    fn another_connection_and_another_kind_have_counts_of_their_own() {
        let start = Instant::now();
        let mut repetition = Repetition::default();
        for source in [
            source(1, "malformed"),
            source(2, "malformed"),
            source(1, "rejected"),
        ] {
            for _ in 0..BURST {
                assert!(repetition.admits(source.clone(), start));
            }
        }
        assert!(!repetition.admits(source(1, "rejected"), start));
        let ended: Vec<_> = repetition.end(Duration::ZERO, start).collect();
        assert_eq!(ended, [(source(1, "rejected"), 1, Duration::ZERO)]);
        assert!(repetition.0.is_empty());
    }
}
