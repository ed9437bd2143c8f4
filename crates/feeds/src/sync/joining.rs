//! The way from the first change to a book that is true.

use super::buffer::{Buffer, Received};
use super::{BookSync, SyncState};
use crate::event::FeedEventKind;
use crate::exchange::{BookChange, Ids, Renewal, Step};

impl BookSync {
    /// Keeps a change until there is a snapshot.
    pub(super) fn buffer(&mut self, received: Received, is_new_time: bool) {
        let Received { change, at_ns } = &received;
        let ids = change.ids;
        let SyncState::Joining { changes } = &self.state else {
            return;
        };
        let step = changes
            .last_ids()
            .map(|last| (self.rules.follows)(last.last.unwrap_or_default(), &ids));
        let is_restart = step == Some(Step::Old)
            && (self.is_restart(&ids, is_new_time) || self.is_old_for_too_long(change, *at_ns));
        if is_restart {
            self.first_id = ids.first.or(ids.last);
            self.outdate_request();
        }
        let SyncState::Joining { changes } = &mut self.state else {
            return;
        };
        match step {
            Some(Step::Old) if is_restart => *changes = Buffer::default(),
            Some(Step::Old) => return,
            // The subscriber has no book, so a gap is no news: a snapshot that joins what is behind
            // it closes the gap as well.
            Some(Step::Missing) => *changes = Buffer::default(),
            Some(Step::Next) | None => {}
        }
        changes.push(received);
        self.old_since_ns = None;
        self.is_behind = false;
        self.need_snapshot();
    }

    /// Begins the book with the snapshot, unless that is older than the first of the changes.
    pub(super) fn join(
        &mut self,
        mut snapshot: Received,
        changes: Buffer,
        joins: fn(u64, &Ids) -> Step,
    ) {
        let last_id = snapshot.change.ids.last.unwrap_or_default();
        let stream_id = changes.last_ids().and_then(|ids| ids.last);
        let changes = match changes.behind_snapshot(|ids| joins(last_id, ids)) {
            Ok(changes) => changes,
            Err(changes) => {
                self.state = SyncState::Joining { changes };
                self.need_snapshot();
                return;
            }
        };
        // There is no clock here. The later of the two is what the book had to wait for.
        let waited_for = changes.front().map_or(i64::MIN, |first| first.at_ns);
        snapshot.at_ns = snapshot.at_ns.max(waited_for);
        let since_ns = snapshot.at_ns;
        if let Err(reason) = self.begin(&mut snapshot) {
            self.emit_invalid(reason, since_ns);
            let changes = changes.into_iter().collect();
            self.state = SyncState::Joining { changes };
            self.need_snapshot();
            return;
        }
        self.state = SyncState::Joined { last_id, stream_id };
        self.old_since_ns = None;
        self.emit_snapshot(snapshot);
        // Each by the rules of a live book: one of them may still cross it. Their times have been
        // looked at.
        for Received { mut change, at_ns } in changes {
            let at_ns = at_ns.max(since_ns);
            if self.follow(&mut change, at_ns, false) {
                let delta = self.delta(change);
                self.emit(FeedEventKind::L2Delta(delta), at_ns);
            }
        }
    }

    /// As [`follow`](Self::follow), for a change behind the snapshot with the id `last_id`, or one that the snapshot
    /// holds.
    pub(super) fn catch_up(
        &mut self,
        last_id: u64,
        stream_id: Option<u64>,
        change: &mut BookChange,
        at_ns: i64,
        is_new_time: bool,
    ) -> bool {
        let Renewal::Request { joins, .. } = self.rules.renewal else {
            return false;
        };
        let ids = change.ids;
        let step = joins(last_id, &ids);
        if step != Step::Old {
            return self.advance(last_id, step, change, at_ns, is_new_time);
        }
        // It is older than the snapshot. Whether it is new, only the stream's last id tells.
        let is_repeated = stream_id.is_some_and(|id| (self.rules.follows)(id, &ids) == Step::Old);
        if self.is_old_for_too_long(change, at_ns)
            || is_repeated && self.is_restart(&ids, is_new_time)
        {
            self.begin_anew(Received::taken(change, at_ns));
            return false;
        }
        self.state = SyncState::Joined {
            last_id,
            stream_id: if is_repeated { stream_id } else { ids.last },
        };
        false
    }
}
