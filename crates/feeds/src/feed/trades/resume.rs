//! Trades that go on after one that is known from elsewhere.

use super::{GROWING, Growing, Ids, Seen, Trades};
use crate::exchange::{Trade, TradeHole, TradeId};
use crate::feed::resumption::Mark;
use crate::ranges::Ranges;
use crate::symbol::Symbol;

/// What a mark says of the trades of a symbol.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::feed) enum Resumed {
    /// Nothing until the first one comes.
    Awaited,
    /// These are missing before the first one.
    Missing(Ranges),
}

impl Trades {
    /// The subscriber has all up to `mark` from elsewhere. Tells what is missing before the first trade of the
    /// stream. If there has been none, the mark counts as the last one of a connection before.
    pub(in crate::feed) fn resume(&mut self, symbol: &Symbol, mark: Mark) -> Resumed {
        if let Some(seen) = self.seen.get(symbol).filter(|seen| !seen.is_mark) {
            return Resumed::Missing(seen.missing_after(mark.id));
        }
        let Some(ids) = Ids::after(self.rules, mark) else {
            return Resumed::Missing(Ranges::default());
        };
        let before = self.connections.saturating_sub(1);
        let seen = Seen {
            ids,
            since: before,
            latest: before,
            first: None,
            is_mark: true,
        };
        self.seen.insert(symbol.clone(), seen);
        Resumed::Awaited
    }

    /// Whether the stream of `symbol` has brought a trade.
    pub(in crate::feed) fn is_begun(&self, symbol: &Symbol) -> bool {
        self.seen.get(symbol).is_some_and(|it| it.first.is_some())
    }

    /// The exchange has had `newest`. If the stream has brought no trade of the symbol, tells what is missing
    /// since the mark, with it.
    pub(in crate::feed) fn note_newest(
        &mut self,
        symbol: &Symbol,
        newest: Mark,
    ) -> Option<TradeHole> {
        let seen = self.seen.get_mut(symbol)?;
        if seen.first.is_some() {
            return None;
        }
        seen.is_mark = false;
        match &mut seen.ids {
            Ids::Contiguous(ids) => ids.note_last(newest.id),
            Ids::Growing(ids) => ids.note_newest(newest.id, newest.time_ns),
            Ids::Opaque(_) => None,
        }
    }
}

impl Seen {
    /// Forgets the mark if the stream begins before it, or with it: it is behind what is known from elsewhere,
    /// and nothing is missing.
    pub(super) fn leave_mark(&mut self, trade: &Trade) {
        let Some(TradeId::Number(last)) = trade.id else {
            return;
        };
        let time_ns = trade.time.ns();
        let begun = match &self.ids {
            Ids::Contiguous(ids) if ids.is_behind(last, time_ns) => Ids::Contiguous(<_>::default()),
            Ids::Growing(ids) if ids.is_behind(last, time_ns) => {
                Ids::Growing(Growing::new(GROWING))
            }
            _ => return,
        };
        self.ids = begun;
    }

    /// What has not been delivered between `after` and the first trade of the stream.
    fn missing_after(&self, after: u64) -> Ranges {
        let after = after.saturating_add(1);
        match &self.ids {
            Ids::Contiguous(ids) => ids.missing_from(after, self.first),
            Ids::Growing(ids) => ids.missing_from(after, self.first),
            Ids::Opaque(_) => Ranges::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::event::Side;
    use crate::exchange::{Time, TradeIds};
    use crate::feed::trades::Novelty;

    fn mark(id: u64, time: i64) -> Mark {
        Mark {
            id,
            time_ns: (time != 0).then_some(time),
        }
    }

    fn trade(id: u64, time: i64) -> Trade {
        Trade {
            symbol: symbol(),
            id: Some(TradeId::Number(id)),
            count: 1,
            side: Side::Buy,
            price: Decimal::ONE,
            amount: Decimal::ONE,
            time: Time::At(time),
            is_history: false,
        }
    }

    fn symbol() -> Symbol {
        "A-B".parse().unwrap()
    }

    /// The rules of all numbers, with a connection on which a mark comes.
    fn marked(id: u64, time: i64) -> [Trades; 2] {
        [TradeIds::Contiguous, TradeIds::Growing].map(|rules| {
            let mut trades = Trades::new(rules);
            trades.begin_connection();
            assert_eq!(trades.resume(&symbol(), mark(id, time)), Resumed::Awaited);
            trades
        })
    }

    #[test]
    fn a_mark_is_the_last_trade_of_a_connection_before() {
        let hole = TradeHole {
            after_id: 4,
            after_ns: Some(10),
            before_id: 7,
        };
        let [mut contiguous, mut growing] = marked(4, 10);
        assert_eq!(contiguous.note(&trade(7, 20)), Novelty::AfterHole(hole));
        assert_eq!(growing.note(&trade(7, 20)), Novelty::AfterCut(hole));
        for mut trades in marked(4, 10) {
            assert_eq!(trades.note(&trade(5, 20)), Novelty::New);
            assert!(trades.is_begun(&symbol()));
        }
    }

    #[test]
    fn a_stream_that_is_behind_the_mark_is_as_one_without_a_mark() {
        for time in [0, 30] {
            for mut trades in marked(8, time) {
                for id in 6..=10 {
                    assert_eq!(trades.note(&trade(id, 20 + id as i64 % 2)), Novelty::New);
                }
            }
        }
    }

    #[test]
    fn a_lower_number_of_a_later_time_is_of_another_numbering() {
        for mut trades in marked(8, 30) {
            assert_eq!(trades.note(&trade(6, 40)), Novelty::Restarted(None));
            let missing = trades.resume(&symbol(), mark(3, 0));
            assert_eq!(
                missing,
                Resumed::Missing(Ranges::default().missing_in(&(4..=5)))
            );
        }
    }

    #[test]
    fn a_trade_that_is_told_while_the_stream_is_silent_is_the_last_one() {
        for mut trades in marked(4, 10) {
            let hole = trades.note_newest(&symbol(), mark(6, 20)).unwrap();
            assert_eq!((hole.after_id, hole.before_id), (4, 7));
            assert_eq!(trades.note_newest(&symbol(), mark(6, 20)), None);
            // The stream is late.
            assert_eq!(trades.note(&trade(6, 20)), Novelty::New);
            assert_eq!(trades.note(&trade(7, 21)), Novelty::New);
            assert_eq!(trades.note_newest(&symbol(), mark(9, 30)), None);
        }
    }

    #[test]
    fn a_mark_of_another_numbering_claims_nothing() {
        for rules in [TradeIds::Contiguous, TradeIds::Growing] {
            let mut trades = Trades::new(rules);
            trades.begin_connection();
            trades.note(&trade(1 << 40, 1));
            let missing = trades.resume(&symbol(), mark(3, 0));
            assert_eq!(missing, Resumed::Missing(Ranges::default()));
        }
    }
}
