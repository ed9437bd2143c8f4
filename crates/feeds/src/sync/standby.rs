//! A book of another connection that goes on in place of the one that was told.

use super::replay::Told;
use super::{BookAction, BookSync};
use crate::event::{FeedEventKind, L2Snapshot};

impl BookSync {
    /// Goes on in place of `before`, whose connection has ended. The book as it is now is emitted, with what
    /// `snapshot` says beside its levels; if it is older than what the subscriber has, once it is not.
    pub(crate) fn take_over(&mut self, before: &Self, snapshot: L2Snapshot, now_ns: i64) {
        self.epoch = before.epoch + 1;
        let (bids, asks) = self.book.told();
        let snapshot = L2Snapshot {
            epoch: self.epoch,
            bids: bids.collect(),
            asks: asks.collect(),
            ..snapshot
        };
        self.actions = [BookAction::Emit(
            FeedEventKind::L2Snapshot(snapshot),
            now_ns,
        )]
        .into();
        self.told = before.book().map(|(_, last_id)| Told::up_to(last_id));
        self.is_behind = true;
    }
}
