//! Which trades have been seen before.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::RangeInclusive;

use crate::exchange::{Trade, TradeId, TradeIds};
use crate::symbol::Symbol;

/// How many holes of a symbol are remembered, in case that a trade is late.
const HOLES: usize = 16;

/// What a trade is to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Novelty {
    /// It is new.
    New,
    /// It is new, and those with these ids are missing before it.
    AfterHole { from: u64, to: u64 },
    /// It has been there before, or was before the subscription.
    Known,
    /// It is new, and numbering has begun anew with it.
    Restarted,
}

/// The last trades of each symbol. They are kept over connections, since the next one may begin with
/// trades that the last one has brought.
#[derive(Debug)]
pub(super) struct Trades {
    rules: TradeIds,
    /// How many connections there have been.
    connections: u32,
    last: HashMap<Symbol, Last>,
}

/// What is known of the trades of a symbol.
#[derive(Debug, Default)]
struct Last {
    id: Option<u64>,
    /// The first id on the connection.
    first_id: Option<u64>,
    latest_ns: Option<i64>,
    /// The ids that are missing, where ids have no holes of their own.
    holes: VecDeque<RangeInclusive<u64>>,
    /// The connection that brought the first trade.
    since: u32,
    remembered: VecDeque<TradeId>,
    known: HashSet<TradeId>,
}

impl Trades {
    pub(super) fn new(rules: TradeIds) -> Self {
        Self {
            rules,
            connections: 0,
            last: HashMap::new(),
        }
    }

    /// A connection begins.
    pub(super) fn begin_connection(&mut self) {
        self.connections = self.connections.saturating_add(1);
        for last in self.last.values_mut() {
            last.first_id = None;
        }
    }

    /// Takes note of a trade.
    pub(super) fn note(&mut self, trade: &Trade) -> Novelty {
        // No `entry`, which would want a symbol of its own for every trade.
        if !self.last.contains_key(&trade.symbol) {
            let last = Last {
                since: self.connections,
                ..Last::default()
            };
            self.last.insert(trade.symbol.clone(), last);
        }
        let Some(last) = self.last.get_mut(&trade.symbol) else {
            return Novelty::New;
        };
        // History fills the hole since the connection before; what was before the first one was not
        // subscribed to.
        let is_before = trade.is_history && last.since == self.connections;
        let novelty = match (self.rules, &trade.id) {
            (_, None) => Novelty::New,
            (TradeIds::Opaque { remembered }, Some(id)) => last.remember(id, remembered),
            (TradeIds::Contiguous, Some(TradeId::Number(id))) => {
                let first = id.saturating_sub(u64::from(trade.count.saturating_sub(1)));
                last.count(first..=*id, trade.time.ns(), true)
            }
            (_, Some(TradeId::Number(id))) => last.count(*id..=*id, trade.time.ns(), false),
            (_, Some(TradeId::Text(_))) => Novelty::New,
        };
        if is_before { Novelty::Known } else { novelty }
    }
}

impl Last {
    /// `ids` are those of one event. A hole between them and the last is one only if `is_contiguous`.
    fn count(
        &mut self,
        ids: RangeInclusive<u64>,
        time_ns: Option<i64>,
        is_contiguous: bool,
    ) -> Novelty {
        let (first, id) = ids.into_inner();
        let is_new_time = self
            .latest_ns
            .zip(time_ns)
            .is_some_and(|(latest, time)| latest < time);
        self.latest_ns = self.latest_ns.max(time_ns);
        if self.id.is_none_or(|last| last < id) {
            let expected = self.id.replace(id).map(|last| last + 1);
            self.first_id = self.first_id.or(Some(first));
            return match expected {
                Some(expected) if is_contiguous && expected < first => {
                    self.open_hole(expected..=first - 1);
                    Novelty::AfterHole {
                        from: expected,
                        to: first - 1,
                    }
                }
                _ => Novelty::New,
            };
        }
        if self.fill_hole(first..=id) {
            self.first_id = self.first_id.map(|known| known.min(first));
            return Novelty::New;
        }
        if is_new_time || self.first_id.is_some_and(|first| id < first) {
            (self.id, self.first_id) = (Some(id), Some(id));
            self.holes.clear();
            return Novelty::Restarted;
        }
        self.first_id = self.first_id.or(Some(id));
        Novelty::Known
    }

    fn open_hole(&mut self, hole: RangeInclusive<u64>) {
        self.holes.push_back(hole);
        if self.holes.len() > HOLES {
            self.holes.pop_front();
        }
    }

    /// Whether `ids` are missing. From now on, they are not.
    fn fill_hole(&mut self, ids: RangeInclusive<u64>) -> bool {
        let (first, last) = ids.into_inner();
        let is_around = |hole: &RangeInclusive<u64>| hole.contains(&first) && hole.contains(&last);
        let place = self.holes.iter().position(is_around);
        let Some(hole) = place.and_then(|place| self.holes.remove(place)) else {
            return false;
        };
        // What is left of it on both sides.
        let (from, to) = hole.into_inner();
        if from < first {
            self.open_hole(from..=first - 1);
        }
        if last < to {
            self.open_hole(last + 1..=to);
        }
        true
    }

    fn remember(&mut self, id: &TradeId, remembered: usize) -> Novelty {
        if !self.known.insert(id.clone()) {
            return Novelty::Known;
        }
        self.remembered.push_back(id.clone());
        if self.remembered.len() > remembered
            && let Some(oldest) = self.remembered.pop_front()
        {
            self.known.remove(&oldest);
        }
        Novelty::New
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::event::Side;
    use crate::exchange::Time;

    fn trade(id: TradeId, time: i64) -> Trade {
        Trade {
            symbol: "A-B".parse().unwrap(),
            id: Some(id),
            count: 1,
            side: Side::Buy,
            price: Decimal::ONE,
            amount: Decimal::ONE,
            time: Time::At(time),
            is_history: false,
        }
    }

    fn number(id: u64, time: i64) -> Trade {
        trade(TradeId::Number(id), time)
    }

    fn connected(rules: TradeIds) -> Trades {
        let mut trades = Trades::new(rules);
        trades.begin_connection();
        trades
    }

    #[test]
    fn what_comes_again_is_known_even_over_a_new_connection() {
        use Novelty::{Known, New};
        for rules in [TradeIds::Contiguous, TradeIds::Growing] {
            let mut trades = connected(rules);
            assert_eq!(trades.note(&number(5, 10)), New);
            assert_eq!(trades.note(&number(6, 20)), New);
            assert_eq!(trades.note(&number(6, 20)), Known);
            trades.begin_connection();
            assert_eq!(trades.note(&number(5, 10)), Known);
            assert_eq!(trades.note(&number(6, 20)), Known);
            assert_eq!(trades.note(&number(7, 20)), New);
        }
    }

    #[test]
    fn ids_that_skip_are_a_hole_where_they_have_none_of_their_own() {
        use Novelty::{AfterHole, Known, New};
        let mut trades = connected(TradeIds::Growing);
        assert_eq!(trades.note(&number(300, 10)), New);
        assert_eq!(trades.note(&number(305, 10)), New);
        let mut trades = connected(TradeIds::Contiguous);
        assert_eq!(trades.note(&number(300, 10)), New);
        trades.begin_connection();
        let hole = AfterHole { from: 301, to: 304 };
        assert_eq!(trades.note(&number(305, 10)), hole);
        // Late ones, of which some are one event.
        let two = Trade {
            count: 2,
            ..number(303, 10)
        };
        assert_eq!(trades.note(&two), New);
        assert_eq!(trades.note(&two), Known);
        assert_eq!(trades.note(&number(304, 10)), New);
        assert_eq!(trades.note(&number(301, 10)), New);
        assert_eq!(trades.note(&number(301, 10)), Known);
        // Five trades in one event leave none out.
        let five = Trade {
            count: 5,
            ..number(310, 20)
        };
        assert_eq!(trades.note(&five), New);
        let last = AfterHole {
            from: 311,
            to: u64::MAX - 1,
        };
        assert_eq!(trades.note(&number(u64::MAX, 20)), last);
    }

    #[test]
    fn an_id_that_is_not_new_of_a_later_time_or_below_the_first_is_a_restart() {
        use Novelty::{Known, New, Restarted};
        let mut trades = connected(TradeIds::Growing);
        assert_eq!(trades.note(&number(5, 10)), New);
        assert_eq!(trades.note(&number(2, 11)), Restarted);
        assert_eq!(trades.note(&number(3, 11)), New);
        assert_eq!(trades.note(&number(1, 11)), Restarted);
        assert_eq!(trades.note(&number(1, 11)), Known);
    }

    #[test]
    fn text_is_known_as_long_as_it_is_remembered() {
        use Novelty::{Known, New};
        let text = |text: &str| trade(TradeId::Text(text.into()), 0);
        let mut trades = connected(TradeIds::Opaque { remembered: 2 });
        for (id, expected) in [("b", New), ("a", New), ("b", Known), ("c", New), ("b", New)] {
            assert_eq!(trades.note(&text(id)), expected, "{id}");
        }
    }

    #[test]
    fn history_only_fills_the_hole_between_two_connections() {
        use Novelty::{Known, New};
        let past = |id| Trade {
            is_history: true,
            ..number(id, 0)
        };
        let mut trades = connected(TradeIds::Contiguous);
        for (id, expected) in [(1, Known), (2, Known)] {
            assert_eq!(trades.note(&past(id)), expected);
        }
        assert_eq!(trades.note(&number(3, 0)), New);
        trades.begin_connection();
        for (id, expected) in [(2, Known), (3, Known), (4, New), (5, New)] {
            assert_eq!(trades.note(&past(id)), expected);
        }
        assert_eq!(trades.note(&number(6, 0)), New);
    }
}
