//! What the subscriber is told.

use super::buffer::Received;
use super::{BookAction, BookSync};
use crate::event::{FeedEventKind, InvalidReason, L2Delta, L2Snapshot};
use crate::exchange::BookChange;

impl BookSync {
    pub(super) fn emit_snapshot(&mut self, Received { change, at_ns }: Received) {
        self.epoch += 1;
        let snapshot = L2Snapshot {
            symbol: change.symbol,
            epoch: self.epoch,
            covers: self.book.covers(),
            verified_levels: change
                .checksum
                .and(self.rules.checksum)
                .map(|checksum| checksum.levels),
            last_id: change.ids.last,
            bids: change.bids,
            asks: change.asks,
            timestamp_ns: change.time.ns(),
        };
        self.emit(FeedEventKind::L2Snapshot(snapshot), at_ns);
    }

    /// What is told of a change.
    #[inline(always)]
    pub(crate) fn delta(&self, change: BookChange) -> L2Delta {
        L2Delta {
            symbol: change.symbol,
            epoch: self.epoch,
            first_id: change.ids.first,
            last_id: change.ids.last,
            bids: change.bids,
            asks: change.asks,
            timestamp_ns: change.time.ns(),
        }
    }

    pub(super) fn emit_invalid(&mut self, reason: InvalidReason, at_ns: i64) {
        let symbol = self.symbol.clone();
        self.emit(FeedEventKind::BookInvalid { symbol, reason }, at_ns);
    }

    pub(super) fn emit(&mut self, kind: FeedEventKind, at_ns: i64) {
        self.actions.push_back(BookAction::Emit(kind, at_ns));
    }
}
