//! What the numbers of the trades of one symbol say.

use std::mem;
use std::ops::RangeInclusive;

use super::recent::Recent;
use crate::exchange::TradeHole;
use crate::ranges::Ranges;

/// The most ids that can be missing between two trades. Ids that are farther apart are of another
/// numbering: none of the exchanges has so many trades of a symbol within days.
pub(in crate::feed) const MOST_MISSING: u64 = 100_000_000;

/// The most ids that an exchange gives by mistake before it goes on as before.
const MISTAKEN: u64 = 16;

/// The most ranges of ids that are remembered. With more, the lowest ids that are missing count as seen.
const RANGES: usize = 256;

/// What is known of a trade beside its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// When it was matched, in nanoseconds, where the exchange tells.
    pub(super) time_ns: Option<i64>,
    /// Whether it would be the first new one on its connection.
    pub(super) is_first: bool,
}

/// What a trade is to those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::feed) enum Novelty {
    /// It is new.
    New,
    /// It has been there before, or was before the subscription.
    Known,
    /// It is new, and others are missing before it.
    AfterHole(TradeHole),
    /// It is new and the first one after a cut, and others may be missing before it.
    AfterCut(TradeHole),
    /// It is new, and numbering has begun anew with it. If it has gone back to where it was before a
    /// mistake, others may be missing.
    Restarted(Option<TradeHole>),
    /// It is several trades, and some of them have been there before: only these have not.
    Partly(Ranges),
}

/// Trades whose ids have no hole.
#[derive(Debug, Default)]
pub(super) struct Contiguous {
    seen: Ranges,
    /// Where numbering stands: nothing above has been seen or was told to be missing.
    end: Option<u64>,
    latest_ns: Option<i64>,
    /// Those that were before the subscription, and have not been delivered.
    past: Ranges,
    /// What was seen before numbering began anew, as long as that may have been a mistake.
    before: Option<Ranges>,
}

//     an event's ids                       it is
//     above, seen before a restart, and    a repetition
//       earlier than the latest
//     above all before, next to them       new
//     above, with a hole before it         new, and the hole is told
//     above, farther away than can be      of another numbering
//     above what was before a restart      of that numbering again: the restart was a mistake
//     below the highest, later than all    of another numbering
//     below, farther away than can be      of another numbering, unless they have been seen
//     below, none of them seen             new: it is late
//     below, all of them seen              a repetition
//     below, some of them seen             neither: those that have not been seen are missing
//
// One mistaken id therefore silences nothing: what goes on where numbering was before it is either late,
// and comes, or of "another numbering", which is told. Time is what tells the two apart; without it,
// only the distance does.
impl Contiguous {
    pub(super) fn note(&mut self, ids: RangeInclusive<u64>, place: Place) -> Novelty {
        let (first, last) = (*ids.start(), *ids.end());
        let before_ns = self.latest_ns;
        let is_new_time = is_later(before_ns, place.time_ns);
        self.latest_ns = before_ns.max(place.time_ns);
        let Some(end) = self.end else {
            self.accept(ids);
            return Novelty::New;
        };
        if end < first {
            // Another connection, which is behind, tells what was before numbering began anew.
            let has_seen = |before: &Ranges| before.contains(&ids);
            let is_earlier = is_later(place.time_ns, before_ns);
            if is_earlier && self.before.as_ref().is_some_and(has_seen) {
                return Novelty::Known;
            }
            let missing = first - end - 1;
            if missing > 0
                && let Some(before) = self.take_back(first)
            {
                self.seen = before;
                return self.go_back(ids);
            }
            if missing > MOST_MISSING {
                self.accept(ids);
                return Novelty::Restarted(None);
            }
            self.accept(ids);
            return match missing {
                0 => Novelty::New,
                _ => Novelty::AfterHole(TradeHole {
                    after_id: end,
                    after_ns: before_ns,
                    before_id: first,
                }),
            };
        }
        let unseen = self.seen.missing_in(&ids);
        let is_below_all = self.lowest().is_some_and(|lowest| last < lowest);
        let is_other = is_new_time
            || (!unseen.is_empty() && end.saturating_sub(last) > MOST_MISSING)
            || (is_below_all && place.is_first && place.time_ns.is_none());
        // What has been told to be missing above all that was seen is no older for that.
        if is_other && Some(last) <= self.seen.last() {
            return self.restart(ids);
        }
        if unseen.is_empty() {
            return Novelty::Known;
        }
        if unseen.lowest() == Some(&ids) {
            self.accept(ids);
            return Novelty::New;
        }
        self.end = Some(end.max(last));
        Novelty::Partly(unseen)
    }

    /// Takes note of what was before the subscription.
    pub(super) fn note_past(&mut self, ids: RangeInclusive<u64>, time_ns: Option<i64>) {
        self.latest_ns = self.latest_ns.max(time_ns);
        self.past.insert(ids.clone());
        self.accept(ids);
    }

    /// Nothing is known but a trade with `id`.
    pub(super) fn begin_after(&mut self, id: u64, time_ns: Option<i64>) {
        self.latest_ns = time_ns;
        self.accept(id..=id);
    }

    /// Whether a trade is not behind all that is known, and not of another numbering.
    pub(super) fn is_behind(&self, last: u64, time_ns: Option<i64>) -> bool {
        Some(last) <= self.end && !is_later(self.latest_ns, time_ns)
    }

    /// What has not been delivered from `from` on and before the `first` that has been, or up to the end.
    pub(super) fn missing_from(&self, from: u64, first: Option<u64>) -> Ranges {
        let Some(ids) = before(from, first, self.end) else {
            return Ranges::default();
        };
        let mut missing = self.seen.missing_in(&ids);
        for ids in self.past.within(&ids) {
            missing.insert(ids);
        }
        missing
    }

    /// There has been a trade with `id`. Tells what is missing, with it.
    pub(super) fn note_last(&mut self, id: u64) -> Option<TradeHole> {
        let after_id = self.end.filter(|end| is_near(*end, id))?;
        self.end = Some(id);
        Some(TradeHole {
            after_id,
            after_ns: self.latest_ns,
            before_id: id.saturating_add(1),
        })
    }

    /// Takes note of trades that fill a hole.
    pub(super) fn fill(&mut self, ids: RangeInclusive<u64>) {
        self.past.remove(ids.clone());
        self.insert(ids);
    }

    /// Whether a trade of the past is from before the first one that was subscribed to.
    pub(super) fn is_before_all(&self, last: u64, time_ns: Option<i64>) -> bool {
        let is_below_all = self.lowest().is_some_and(|lowest| last < lowest);
        is_below_all && !is_later(self.latest_ns, time_ns)
    }

    fn lowest(&self) -> Option<u64> {
        self.seen.lowest().map(|range| *range.start())
    }

    fn accept(&mut self, ids: RangeInclusive<u64>) {
        self.end = self.end.max(Some(*ids.end()));
        self.insert(ids);
    }

    fn insert(&mut self, ids: RangeInclusive<u64>) {
        self.seen.insert(ids);
        if self.seen.len() > RANGES {
            self.seen.close_lowest();
        }
    }

    /// Numbering begins anew with `ids`, or goes back to where it was before a few that were mistaken.
    fn restart(&mut self, ids: RangeInclusive<u64>) -> Novelty {
        let above = *ids.start()..=u64::MAX;
        let mut below = self.seen.clone();
        below.remove(above.clone());
        if !below.is_empty() && self.seen.within(&above).count() <= MISTAKEN {
            self.seen = below;
            return self.go_back(ids);
        }
        self.past = Ranges::default();
        self.before = Some(mem::take(&mut self.seen));
        self.end = None;
        self.accept(ids);
        Novelty::Restarted(None)
    }

    /// What was seen before the last restart, if `first` may follow to that. Only few have come since.
    fn take_back(&mut self, first: u64) -> Option<Ranges> {
        let before = self.before.take()?;
        let is_mistake = self.seen.count() <= MISTAKEN;
        let is_next = before.last().is_some_and(|last| last < first);
        (is_mistake && is_next).then_some(before)
    }

    /// Goes on with `ids` behind what has been seen.
    fn go_back(&mut self, ids: RangeInclusive<u64>) -> Novelty {
        let first = *ids.start();
        let before = self.seen.last();
        self.before = None;
        self.end = None;
        self.accept(ids);
        let is_hole = |before: &u64| (1..=MOST_MISSING).contains(&(first - before - 1));
        Novelty::Restarted(before.filter(is_hole).map(|before| TradeHole {
            after_id: before,
            after_ns: None,
            before_id: first,
        }))
    }
}

/// Trades whose ids grow, with holes of their own.
#[derive(Debug)]
pub(super) struct Growing {
    recent: Recent<u64>,
    /// Those before numbering began anew.
    before: Option<Recent<u64>>,
    end: Option<u64>,
    latest_ns: Option<i64>,
}

impl Growing {
    pub(super) fn new(remembered: usize) -> Self {
        Self {
            recent: Recent::new(remembered),
            before: None,
            end: None,
            latest_ns: None,
        }
    }

    pub(super) fn note(&mut self, id: u64, place: Place) -> Novelty {
        let before_ns = self.latest_ns;
        self.latest_ns = before_ns.max(place.time_ns);
        let Some(end) = self.end else {
            self.end = Some(id);
            self.recent.insert(&id);
            return Novelty::New;
        };
        // Another connection, which is behind, tells what was before numbering began anew.
        let has_seen = |before: &Recent<u64>| before.contains(&id);
        let is_earlier = is_later(place.time_ns, before_ns);
        if end < id && is_earlier && self.before.as_ref().is_some_and(has_seen) {
            return Novelty::Known;
        }
        if id <= end && is_later(before_ns, place.time_ns) {
            // In a numbering that grows, those below do not come again.
            self.before = Some(self.recent.split_off(|seen| *seen < id));
            self.recent.insert(&id);
            self.end = Some(id);
            return Novelty::Restarted(None);
        }
        if !self.recent.insert(&id) {
            return Novelty::Known;
        }
        self.end = Some(end.max(id));
        if place.is_first && end < id.saturating_sub(1) {
            return Novelty::AfterCut(TradeHole {
                after_id: end,
                after_ns: before_ns,
                before_id: id,
            });
        }
        Novelty::New
    }

    pub(super) fn note_past(&mut self, id: u64, time_ns: Option<i64>) {
        self.latest_ns = self.latest_ns.max(time_ns);
        self.end = self.end.max(Some(id));
        self.recent.insert(&id);
    }

    /// Nothing is known but a trade with `id`.
    pub(super) fn begin_after(&mut self, id: u64, time_ns: Option<i64>) {
        self.note_past(id, time_ns);
    }

    /// Whether a trade is not behind all that is known, and not of another numbering.
    pub(super) fn is_behind(&self, id: u64, time_ns: Option<i64>) -> bool {
        Some(id) <= self.end && !is_later(self.latest_ns, time_ns)
    }

    /// The exchange has had `id`. Tells what may be missing, with it.
    pub(super) fn note_newest(&mut self, id: u64, time_ns: Option<i64>) -> Option<TradeHole> {
        let after_id = self.end.filter(|end| is_near(*end, id))?;
        let after_ns = self.latest_ns;
        self.end = Some(id);
        self.latest_ns = after_ns.max(time_ns);
        Some(TradeHole {
            after_id,
            after_ns,
            before_id: id.saturating_add(1),
        })
    }

    /// What may not have been delivered from `from` on and before the `first` that has been, or up to the end.
    pub(super) fn missing_from(&self, from: u64, first: Option<u64>) -> Ranges {
        let mut missing = Ranges::default();
        if let Some(ids) = before(from, first, self.end) {
            missing.insert(ids);
            for id in self.recent.iter() {
                missing.remove(*id..=*id);
            }
        }
        missing
    }

    /// Takes note of a trade that fills a hole.
    pub(super) fn fill(&mut self, id: u64) {
        self.recent.insert(&id);
    }
}

/// Whether `id` follows to `end`, in the same numbering.
fn is_near(end: u64, id: u64) -> bool {
    (1..=MOST_MISSING).contains(&id.saturating_sub(end))
}

/// The ids from `from` on and before the `first` that was delivered; without one, up to `end`. None if `from`
/// is of another numbering.
fn before(from: u64, first: Option<u64>, end: Option<u64>) -> Option<RangeInclusive<u64>> {
    let last = first.map_or(end, |first| first.checked_sub(1))?;
    (from <= last && last - from < MOST_MISSING).then_some(from..=last)
}

fn is_later(latest_ns: Option<i64>, time_ns: Option<i64>) -> bool {
    let both = latest_ns.zip(time_ns);
    both.is_some_and(|(latest, time)| latest < time)
}
