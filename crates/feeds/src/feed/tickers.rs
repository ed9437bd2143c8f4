//! Which tickers another connection has brought.

use std::collections::HashMap;

use crate::exchange::Ticker;
use crate::symbol::Symbol;

/// How long the second connection may be behind the first one after it has taken over.
const BEHIND_NS: i64 = 10_000_000_000;

/// The last ticker of each symbol that came while a second connection was open, until that is past it.
#[derive(Debug, Default)]
pub(super) struct Tickers(HashMap<Symbol, Last>);

#[derive(Debug, Clone, Copy)]
struct Last {
    id: Option<u64>,
    time_ns: Option<i64>,
    received_ns: i64,
}

impl Last {
    fn of(ticker: &Ticker, received_ns: i64) -> Self {
        Self {
            id: ticker.id,
            time_ns: ticker.time.ns(),
            received_ns,
        }
    }

    /// Whether `other` is not later: by the exchange's id, else by its time, else by when it came.
    fn is_as_late_as(&self, other: &Self) -> bool {
        let by_id = self.id.zip(other.id).map(|(last, id)| id <= last);
        let by_time = self.time_ns.zip(other.time_ns);
        let by_time = by_time.map(|(last, time)| time <= last);
        by_id
            .or(by_time)
            .unwrap_or(other.received_ns <= self.received_ns)
    }
}

impl Tickers {
    /// The first connection has brought it.
    pub(super) fn note(&mut self, ticker: &Ticker, received_ns: i64) {
        let last = Last::of(ticker, received_ns);
        match self.0.get_mut(&ticker.symbol) {
            Some(known) => *known = last,
            None => drop(self.0.insert(ticker.symbol.clone(), last)),
        }
    }

    /// Whether the first connection has brought this ticker of the second one, or a later one.
    pub(super) fn is_known(&mut self, ticker: &Ticker, received_ns: i64) -> bool {
        let Some(last) = self.0.get(&ticker.symbol) else {
            return false;
        };
        let is_soon = received_ns.saturating_sub(last.received_ns) <= BEHIND_NS;
        let is_known = is_soon && last.is_as_late_as(&Last::of(ticker, received_ns));
        if !is_known {
            self.0.remove(&ticker.symbol);
        }
        is_known
    }

    /// The clock is ahead of the one before by so much.
    pub(super) fn shift(&mut self, ahead_ns: i64) {
        for last in self.0.values_mut() {
            last.received_ns = last.received_ns.saturating_add(ahead_ns);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Time;

    fn ticker(id: Option<u64>, time_ns: Option<i64>) -> Ticker {
        Ticker {
            symbol: "A-B".parse().unwrap(),
            bid: None,
            ask: None,
            id,
            time: time_ns.map_or(Time::Absent, Time::At),
        }
    }

    #[test]
    fn what_is_not_later_is_known_by_the_best_sign_of_it() {
        let mut tickers = Tickers::default();
        assert!(!tickers.is_known(&ticker(Some(1), None), 1));
        for (id, time_ns, received_ns, expected) in [
            (Some(7), Some(99), 999, true),
            (Some(8), Some(9), 9, false),
            (None, Some(70), 999, true),
            (None, Some(71), 9, false),
            (None, None, 700, true),
            (None, None, 701, false),
            (Some(7), None, 700 + BEHIND_NS, true),
            (Some(7), None, 701 + BEHIND_NS, false),
        ] {
            tickers.note(&ticker(Some(7), Some(70)), 700);
            let known = tickers.is_known(&ticker(id, time_ns), received_ns);
            assert_eq!(known, expected, "{id:?} {time_ns:?} {received_ns}");
        }
        tickers.note(&ticker(None, None), 700);
        tickers.shift(50);
        assert!(tickers.is_known(&ticker(None, None), 750));
        tickers.clear();
        assert!(!tickers.is_known(&ticker(None, None), 1));
    }
}
