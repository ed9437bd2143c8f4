//! What becomes of the trades of the stream, and of those that are missing in it.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::pin::pin;

use super::backfill::Found;
use super::convert::trade_event;
use super::event_sender::Stopped;
use super::session::Session;
use super::trades::Novelty;
use crate::event::FeedEventKind;
use crate::exchange::{Activity, Trade, TradeHole, TradeIds};
use crate::symbol::Symbol;

impl Session {
    /// Takes a trade of the stream.
    pub(super) fn take_trade(&mut self, trade: Trade, received_ns: i64) {
        match self.trades.note(&trade) {
            Novelty::Known => return,
            Novelty::New => {}
            Novelty::AfterHole(hole) => {
                self.open_gap(&trade.symbol, ids_in(&hole), hole.after_ns, received_ns);
            }
            Novelty::AfterCut(hole) => {
                self.ask_for(&trade.symbol, ids_in(&hole), hole.after_ns, received_ns);
            }
            Novelty::Restarted(hole) => {
                let reason = "numbering has begun anew";
                let lost = self.backfill.give_up(&trade.symbol, reason);
                self.tell_found(lost, received_ns);
                let restarted = FeedEventKind::NumberingRestarted {
                    symbol: trade.symbol.clone(),
                };
                self.events.gather(restarted, received_ns);
                if let Some(hole) = hole {
                    self.open_gap(&trade.symbol, ids_in(&hole), None, received_ns);
                }
            }
            Novelty::Partly(missing) => {
                for ids in missing {
                    for ids in self.backfill.untold(&trade.symbol, &ids) {
                        self.open_gap(&trade.symbol, ids, None, received_ns);
                    }
                }
                return;
            }
        }
        let found = match self.backfill.is_open() {
            true => self.backfill.take(&trade),
            false => Vec::new(),
        };
        self.events.gather(trade_event(trade), received_ns);
        self.tell_found(found, received_ns);
    }

    /// Takes what the exchange says of all symbols. Of one that has not been traded on this connection, it
    /// shows what was missed before.
    pub(super) fn note_last_trades(&mut self, told: &HashMap<Symbol, Activity>) {
        let now_ns = self.events.now_ns();
        for (symbol, activity) in told {
            let last = activity.trade_id;
            if let Some(hole) = last.and_then(|id| self.trades.note_last(symbol, id)) {
                self.open_gap(symbol, ids_in(&hole), hole.after_ns, now_ns);
            }
        }
    }

    /// Tells that trades are missing, and asks for them.
    pub(super) fn open_gap(
        &mut self,
        symbol: &Symbol,
        ids: RangeInclusive<u64>,
        after_ns: Option<i64>,
        received_ns: i64,
    ) {
        let gap = FeedEventKind::TradeGap {
            symbol: symbol.clone(),
            from: *ids.start(),
            to: *ids.end(),
        };
        self.events.gather(gap, received_ns);
        self.ask_for(symbol, ids, after_ns, received_ns);
    }

    /// Asks for trades that are or may be missing.
    pub(super) fn ask_for(
        &mut self,
        symbol: &Symbol,
        ids: RangeInclusive<u64>,
        after_ns: Option<i64>,
        received_ns: i64,
    ) {
        let Some(instrument) = self.instruments.by_symbol(symbol) else {
            return;
        };
        let lost = self.backfill.open(instrument, ids, after_ns);
        self.tell_found(lost, received_ns);
    }

    /// Tells what has become of missing trades.
    pub(super) fn tell_found(&mut self, found: Vec<Found>, received_ns: i64) {
        for found in found {
            let event = match found {
                Found::Trade(trade) => {
                    self.trades.fill(&trade);
                    trade_event(Trade {
                        is_history: true,
                        ..trade
                    })
                }
                // Where ids have holes of their own, nobody knows whether there were trades.
                Found::Lost { .. } if self.exchange.rules().trades != TradeIds::Contiguous => {
                    continue;
                }
                Found::Lost {
                    symbol,
                    ids,
                    reason,
                } => FeedEventKind::TradesLost {
                    symbol,
                    from: *ids.start(),
                    to: *ids.end(),
                    reason,
                },
            };
            self.events.gather(event, received_ns);
        }
    }

    /// Waits for `until`, takes orders, and goes on filling gaps.
    pub(super) async fn backfill_until<T>(
        &mut self,
        until: impl Future<Output = T>,
    ) -> Result<T, Stopped> {
        let mut until = pin!(until);
        loop {
            tokio::select! {
                // In this order, nothing is opened that is not wanted any longer.
                biased;
                Some(order) = self.orders.recv() => self.change(order, None).await?,
                outcome = &mut until => return Ok(outcome),
                found = self.backfill.next() => {
                    self.tell_found(found, self.events.now_ns());
                    self.events.hand_over().await?;
                }
            }
        }
    }
}

/// What is missing in a hole.
fn ids_in(hole: &TradeHole) -> RangeInclusive<u64> {
    hole.after_id.saturating_add(1)..=hole.before_id.saturating_sub(1)
}
