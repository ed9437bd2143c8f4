//! Which trades have been seen before.

mod numbering;
mod recent;
mod resume;

use self::numbering::{Contiguous, Growing, Place};
pub(super) use self::numbering::{MOST_MISSING, Novelty};
use self::recent::Recent;
pub(super) use self::resume::Resumed;
use super::resumption::Mark;
use crate::exchange::{Trade, TradeHole, TradeId, TradeIds};
use crate::ranges::ids_of;
use crate::symbol::{Symbol, SymbolMap};

/// How many ids of a symbol are remembered where they have holes of their own: what a stream repeats is
/// seconds old.
const GROWING: usize = 1024;

/// The trades of each symbol that have been seen. They are kept over connections, since the next one may
/// begin with trades that the last one has brought.
#[derive(Debug)]
pub(super) struct Trades {
    rules: TradeIds,
    /// How many connections there have been.
    connections: u32,
    seen: SymbolMap<Seen>,
}

/// What is known of the trades of a symbol.
#[derive(Debug)]
struct Seen {
    ids: Ids,
    /// The connection that brought the first trade.
    since: u32,
    /// The connection that brought the last new one.
    latest: u32,
    /// The id of the first new one, since numbering began anew.
    first: Option<u64>,
    /// Nothing is known but the last one from elsewhere.
    is_mark: bool,
}

#[derive(Debug)]
enum Ids {
    Contiguous(Contiguous),
    Growing(Growing),
    Opaque(Recent<TradeId>),
}

impl Trades {
    pub(super) fn new(rules: TradeIds) -> Self {
        Self {
            rules,
            connections: 0,
            seen: SymbolMap::default(),
        }
    }

    /// A connection begins.
    pub(super) fn begin_connection(&mut self) {
        self.connections = self.connections.saturating_add(1);
    }

    /// Forgets the trades of `symbol`: those from now on are not subscribed to.
    pub(super) fn forget(&mut self, symbol: &Symbol) {
        self.seen.remove(symbol);
    }

    /// Takes note of a trade of the stream.
    pub(super) fn note(&mut self, trade: &Trade) -> Novelty {
        let connection = self.connections;
        let seen = self.seen.get_or_insert_with(&trade.symbol, || Seen {
            ids: Ids::new(self.rules),
            since: connection,
            latest: connection,
            first: None,
            is_mark: false,
        });
        let Some(id) = &trade.id else {
            return Novelty::New;
        };
        if seen.is_mark && !trade.is_history {
            seen.leave_mark(trade);
        }
        let time_ns = trade.time.ns();
        let place = Place {
            time_ns,
            is_first: seen.latest != connection,
        };
        // History fills the hole since the connection before; what was before the first one was not
        // subscribed to.
        let is_before = trade.is_history && seen.since == connection;
        let novelty = match (&mut seen.ids, id) {
            (Ids::Contiguous(seen), TradeId::Number(id)) => {
                let ids = ids_of(*id, trade.count);
                if is_before {
                    seen.note_past(ids, time_ns);
                    return Novelty::Known;
                }
                if trade.is_history && seen.is_before_all(*id, time_ns) {
                    return Novelty::Known;
                }
                seen.note(ids, place)
            }
            (Ids::Growing(seen), TradeId::Number(id)) => {
                if is_before {
                    seen.note_past(*id, time_ns);
                    return Novelty::Known;
                }
                seen.note(*id, place)
            }
            (Ids::Opaque(seen), id) => match seen.insert(id) && !is_before {
                true => Novelty::New,
                false => Novelty::Known,
            },
            (_, TradeId::Text(_)) => Novelty::New,
        };
        if novelty != Novelty::Known {
            seen.latest = connection;
            seen.is_mark = false;
            if let TradeId::Number(id) = id
                && (seen.first.is_none() || matches!(novelty, Novelty::Restarted(_)))
            {
                seen.first = Some(*ids_of(*id, trade.count).start());
            }
        }
        novelty
    }

    /// The exchange has had a trade with `id`. If this connection has brought none of the symbol, tells what
    /// is missing since the last one.
    pub(super) fn note_last(&mut self, symbol: &Symbol, id: u64) -> Option<TradeHole> {
        let seen = self.seen.get_mut(symbol)?;
        let hole = match &mut seen.ids {
            Ids::Contiguous(ids) if seen.latest != self.connections => ids.note_last(id),
            _ => None,
        };
        seen.is_mark &= hole.is_none();
        hole
    }

    /// Takes note of a trade that fills a hole.
    pub(super) fn fill(&mut self, trade: &Trade) {
        let seen = self.seen.get_mut(&trade.symbol).map(|seen| &mut seen.ids);
        match (seen, &trade.id) {
            (Some(Ids::Contiguous(seen)), Some(TradeId::Number(id))) => {
                seen.fill(ids_of(*id, trade.count));
            }
            (Some(Ids::Growing(seen)), Some(TradeId::Number(id))) => seen.fill(*id),
            _ => {}
        }
    }
}

impl Ids {
    /// Those that go on after `mark`; `None` if they are no numbers.
    fn after(rules: TradeIds, mark: Mark) -> Option<Self> {
        match rules {
            TradeIds::Contiguous => {
                let mut ids = Contiguous::default();
                ids.begin_after(mark.id, mark.time_ns);
                Some(Self::Contiguous(ids))
            }
            TradeIds::Growing => {
                let mut ids = Growing::new(GROWING);
                ids.begin_after(mark.id, mark.time_ns);
                Some(Self::Growing(ids))
            }
            TradeIds::Opaque { .. } => None,
        }
    }

    fn new(rules: TradeIds) -> Self {
        match rules {
            TradeIds::Contiguous => Self::Contiguous(Contiguous::default()),
            TradeIds::Growing => Self::Growing(Growing::new(GROWING)),
            TradeIds::Opaque { remembered } => Self::Opaque(Recent::new(remembered)),
        }
    }
}

#[cfg(test)]
mod tests;
