//! A snapshot that replaces that of a book which is still true.

use std::time::Duration;

use super::buffer::{Buffer, Received};
use super::known::KnownBook;
use super::{BookSync, SyncState};
use crate::exchange::{BookChange, Ids, Step};

/// The most that a book is taken to stay true: a price can run at any time.
const LONGEST: Duration = Duration::from_secs(60);

impl BookSync {
    /// Keeps a change for the snapshot that is due, with all that the stream says.
    pub(super) fn note_applied(&mut self, change: &BookChange, at_ns: i64) {
        if let Some(changes) = &mut self.renewal {
            let change = change.clone();
            changes.push(Received { change, at_ns });
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

    /// How long the book stays true, if its price goes on as fast as since its snapshot. None if it is not
    /// true.
    pub(crate) fn time_left(&self, now_ns: i64) -> Duration {
        if self.book().is_none() {
            return Duration::ZERO;
        }
        let age_ns = u128::try_from(now_ns.saturating_sub(self.since_ns)).unwrap_or_default();
        let left_ns = self.book.left_and_gone().and_then(|(left, gone)| {
            let left_ns = age_ns.saturating_mul(left as u128);
            left_ns.checked_div(gone as u128)
        });
        let left = left_ns.and_then(|ns| u64::try_from(ns).ok());
        left.map_or(LONGEST, Duration::from_nanos).min(LONGEST)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::{Binance, BookChange, BookContent, Exchange, Time};
    use crate::level::Level;

    /// A change of the bids at these prices.
    fn bids(
        content: BookContent,
        id: u64,
        prices: impl Iterator<Item = u32>,
        size: u32,
    ) -> BookChange {
        let ids = Ids {
            previous: None,
            first: Some(id),
            last: Some(id),
        };
        let level = |price: u32| Level {
            price: price.into(),
            size: size.into(),
        };
        BookChange {
            symbol: "A-B".parse().unwrap(),
            content,
            ids,
            checksum: None,
            bids: prices.map(level).collect(),
            asks: Vec::new(),
            time: Time::Absent,
        }
    }

    proptest! {
        #[test]
        fn a_book_is_true_for_as_long_as_what_is_left_of_it_lasts(
            gone in 0..=100_u32,
            millis in 0..1_000_000_i64,
        ) {
            let mut sync = BookSync::new("A-B".parse().unwrap(), &Binance::default().rules().books, None);
            sync.note_subscribed();
            prop_assert_eq!(sync.time_left(0), Duration::ZERO);
            sync.snapshot(bids(BookContent::Snapshot, 1, (901..=1000).rev(), 1), 0);
            let now_ns = millis * 1_000_000;
            sync.update(bids(BookContent::Change, 2, 1001 - gone..=1000, 0), now_ns);
            // The last one must not go.
            let left = f64::from(99_u32.saturating_sub(gone));
            let expected = match gone {
                0 => LONGEST.as_secs_f64(),
                _ => millis as f64 / 1000.0 * left / f64::from(gone),
            };
            let seconds = sync.time_left(now_ns).as_secs_f64();
            prop_assert!((seconds - expected.min(LONGEST.as_secs_f64())).abs() < 1e-6, "{seconds} {expected}");
            prop_assert_eq!(sync.book().is_some(), gone < 100);
        }
    }
}
