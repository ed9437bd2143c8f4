//! A snapshot that replaces that of a book which is still true.

use super::buffer::{Buffer, Received};
use super::known::KnownBook;
use super::{BookSync, SyncState};
use crate::exchange::{Ids, Step};

impl BookSync {
    /// Keeps a change for the snapshot that is due, with all that the stream says.
    pub(super) fn note_applied(&mut self, received: &Received) {
        if let Some(changes) = &mut self.renewal {
            changes.push(received.clone());
        }
    }

    /// Asks for another snapshot if the price has come near the end of what is known.
    pub(super) fn renew_in_time(&mut self, now_ns: i64) {
        if self.renewal.is_none() && self.book.is_due() {
            self.note_end(now_ns);
            self.begin_renewal();
        }
    }

    /// The snapshot of the book is of no use any longer.
    pub(super) fn note_end(&mut self, now_ns: i64) {
        // Once for each of them.
        if self.renewal.is_none() {
            let lifetime_ns = now_ns.saturating_sub(self.since_ns);
            self.depths.note_lifetime(lifetime_ns);
        }
    }

    fn begin_renewal(&mut self) {
        let Some((_, last_id)) = self.book() else {
            return;
        };
        self.renewal = Some(Buffer::behind(Ids {
            last: Some(last_id),
            ..Ids::default()
        }));
        self.need_snapshot();
    }

    /// Replaces the book by a snapshot and the `changes` behind it, unless that is too old or wrong. What the
    /// subscriber has stays true until then.
    pub(super) fn replace(
        &mut self,
        snapshot: Received,
        changes: Buffer,
        joins: fn(u64, &Ids) -> Step,
    ) {
        let Some((_, stream_id)) = self.book() else {
            return;
        };
        let last_id = snapshot.change.ids.last.unwrap_or_default();
        let changes = match changes.behind_snapshot(|ids| joins(last_id, ids)) {
            Ok(changes) => changes,
            Err(changes) => {
                self.renewal = Some(changes);
                self.need_snapshot();
                return;
            }
        };
        let Received { mut change, at_ns } = snapshot;
        let mut book = KnownBook::new(&self.rules, self.depth);
        book.begin(&mut change, Some(self.asked));
        for Received {
            change: mut next, ..
        } in changes
        {
            book.apply(&mut next);
            (change.ids, change.time) = (next.ids, next.time);
        }
        if book.fault().is_some() {
            // It came too late, or is none: the price has left it already.
            self.depths.note_lifetime(0);
            self.begin_renewal();
            return;
        }
        book.write_into(&mut change);
        self.book = book;
        self.since_ns = at_ns;
        self.old_since_ns = None;
        // The stream may be behind it.
        self.state = match last_id > stream_id {
            true => SyncState::Joined {
                last_id,
                stream_id: Some(stream_id),
            },
            false => SyncState::Live { last_id: stream_id },
        };
        self.emit_snapshot(Received { change, at_ns });
        self.renew_in_time(at_ns);
    }
}
