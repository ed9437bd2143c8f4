//! A connection that takes over from another one.

use super::{BookAction, BookSync};
use crate::event::FeedEventKind;

impl BookSync {
    /// From now on comes what another connection, which takes over from the one before, has said
    /// meanwhile. What is known is no sign of a restart, and a snapshot in the stream is no news.
    pub fn begin_replay(&mut self) {
        self.is_replay = true;
    }

    /// The replay is over. If there was a snapshot in it, the book as it is now is emitted in its place.
    pub fn end_replay(&mut self) {
        self.is_replay = false;
        let is_snapshot = |action: &BookAction| {
            matches!(action, BookAction::Emit(FeedEventKind::L2Snapshot(_), _))
        };
        let Some(at) = self.actions.iter().rposition(is_snapshot) else {
            return;
        };
        let mut after = self.actions.split_off(at);
        let Some(BookAction::Emit(FeedEventKind::L2Snapshot(mut snapshot), mut at_ns)) =
            after.pop_front()
        else {
            return;
        };
        while let Some(BookAction::Emit(FeedEventKind::L2Delta(delta), delta_ns)) = after.front() {
            snapshot.last_id = delta.last_id;
            snapshot.timestamp_ns = delta.timestamp_ns;
            at_ns = *delta_ns;
            after.pop_front();
        }
        if self.book().is_some() {
            let (bids, asks) = self.book.told();
            (snapshot.bids, snapshot.asks) = (bids.collect(), asks.collect());
            self.actions.clear();
            self.emit(FeedEventKind::L2Snapshot(snapshot), at_ns);
        }
        self.actions.append(&mut after);
    }
}
