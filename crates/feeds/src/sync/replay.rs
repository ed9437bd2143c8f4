//! A connection that takes over from another one.

use super::{BookAction, BookSync, MAX_OLD_NS};
use crate::event::FeedEventKind;

/// What a subscriber has from the connection before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    last_id: u64,
    /// For how long the stream may be behind it.
    until_ns: Option<i64>,
}

impl Told {
    pub(super) fn up_to(last_id: u64) -> Self {
        Self {
            last_id,
            until_ns: None,
        }
    }
}

impl BookSync {
    /// From now on comes what another connection, which takes over from the one before, has said
    /// meanwhile. What is known is no sign of a restart, and a snapshot in the stream is no news.
    pub fn begin_replay(&mut self) {
        self.is_replay = true;
        self.told = self.book().map(|(_, last_id)| Told::up_to(last_id));
    }

    /// The replay is over. If there was a snapshot in it, the book as it is now is emitted in its place, unless
    /// that is older than what the subscriber has: then as it is once it is not. Until something new comes,
    /// what is known is no sign of a restart: the other connection may be behind.
    pub fn end_replay(&mut self) {
        self.is_replay = false;
        self.is_behind = true;
        // Its clock is another one.
        self.old_since_ns = None;
    }

    /// Whether the book is true, and older than what the subscriber has.
    pub(super) fn waits_for_told(&mut self) -> bool {
        let Some(told) = self.told.filter(|_| !self.is_replay) else {
            return false;
        };
        let is_older = self
            .book()
            .is_some_and(|(_, last_id)| last_id < told.last_id);
        if !is_older {
            self.stop_waiting();
        }
        is_older
    }

    /// Something comes in the stream. With smaller ids for too long, it is of another numbering.
    pub(super) fn note_waited(&mut self, now_ns: i64) {
        if let Some(told) = self.told.as_mut().filter(|_| !self.is_replay) {
            let end_ns = now_ns.saturating_add(MAX_OLD_NS);
            if *told.until_ns.get_or_insert(end_ns) < now_ns {
                self.stop_waiting();
            }
        }
    }

    fn stop_waiting(&mut self) {
        self.told = None;
        self.merge();
    }

    /// Makes one snapshot of what is to be emitted.
    fn merge(&mut self) {
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
