//! Which tickers another connection has brought.

use crate::exchange::Ticker;
use crate::mark::Mark;
use crate::symbol::SymbolMap;

/// How long the second connection may be behind the first one after it has taken over.
const BEHIND_NS: i64 = 10_000_000_000;

/// The last ticker of each symbol that came while a second connection was open, until that is past it.
#[derive(Debug, Default)]
pub(super) struct Tickers(SymbolMap<Last>);

#[derive(Debug, Clone, Copy)]
struct Last {
    mark: Mark,
    received_ns: i64,
}

impl Last {
    fn of(ticker: &Ticker, received_ns: i64) -> Self {
        Self {
            mark: Mark::of(ticker),
            received_ns,
        }
    }

    /// Whether `other` is not later: as the exchange says, else by when it came.
    fn is_as_late_as(&self, other: &Self) -> bool {
        let order = self.mark.order(other.mark);
        let order = order.unwrap_or_else(|| self.received_ns.cmp(&other.received_ns));
        order.is_ge()
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

    #[test]
    fn what_is_not_later_is_known_by_the_best_sign_of_it() {
        let mut tickers = Tickers::default();
        assert!(!tickers.is_known(&Ticker::marked(Some(1), None), 1));
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
            tickers.note(&Ticker::marked(Some(7), Some(70)), 700);
            let known = tickers.is_known(&Ticker::marked(id, time_ns), received_ns);
            assert_eq!(known, expected, "{id:?} {time_ns:?} {received_ns}");
        }
        tickers.note(&Ticker::marked(None, None), 700);
        tickers.shift(50);
        assert!(tickers.is_known(&Ticker::marked(None, None), 750));
        tickers.clear();
        assert!(!tickers.is_known(&Ticker::marked(None, None), 1));
    }
}
