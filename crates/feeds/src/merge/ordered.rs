//! One stream whose ids have no hole, out of two lines that both carry it.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use super::line::{Line, Pair};

/// The longest that something waits for what the other line may still bring.
// A line is behind the other one by milliseconds. One that has stalled must not hold up what the other
// brings behind a hole of the exchange's own.
const LONGEST_WAIT_NS: i64 = 2_000_000_000;

/// The most that waits. With more, it is no longer waited for what is missing.
const MOST_HELD: usize = 4096;

//     a line brings                                      it is
//     what follows, or overlaps what has been passed     passed
//     what has been passed                               repeated
//     what is behind a hole                              held
//     a smaller id at a later time than its own last     the first of a new numbering: passed
//     what is far from a new numbering                   of the old one: repeated
//
//     what is held is passed
//     when the hole is filled
//     when no other line can fill it: each has brought what is behind it, or is closed
//     after two seconds
/// Merges two lines by their ids: what came, each once, in order.
///
/// What is missing on both lines shows in what is passed: its ids do not follow those before.
#[derive(Debug)]
pub(super) struct Ordered<T> {
    /// The ids of the present numbering that have been passed, from the first to the last one.
    passed: Option<RangeInclusive<u64>>,
    lines: Pair<Position>,
    /// In the order of their first ids.
    held: VecDeque<Held<T>>,
}

/// What an item covers, and when it was by the exchange's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) ids: RangeInclusive<u64>,
    pub(super) time_ns: Option<i64>,
}

/// Where a line is.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    is_open: bool,
    last_id: Option<u64>,
    latest_ns: Option<i64>,
    /// The other line has begun a new numbering, and this one has not.
    is_outdated: bool,
}

#[derive(Debug)]
struct Held<T> {
    ids: RangeInclusive<u64>,
    item: T,
    until_ns: i64,
    /// A new numbering begins with it.
    is_restart: bool,
}

/// What has become of an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken<T> {
    /// It is next. All before the id have been passed already, if there is one.
    Passed(T, Option<u64>),
    /// It has been passed already, or is of a numbering that is over.
    Repeated(T),
    /// It waits for what is missing before it.
    Held,
}

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self {
            passed: None,
            lines: Pair::default(),
            held: VecDeque::new(),
        }
    }
}

impl<T> Ordered<T> {
    /// A line is open. It may begin anywhere.
    pub(super) fn open(&mut self, line: Line) {
        *self.lines.of_mut(line) = Position {
            is_open: true,
            ..Position::default()
        };
    }

    /// A line has ended. If the other one is of an older numbering, that is what goes on.
    pub(super) fn close(&mut self, line: Line) {
        *self.lines.of_mut(line) = Position::default();
        let other = self.lines.of_mut(line.other());
        if std::mem::take(&mut other.is_outdated) {
            self.passed = other.last_id.map(|id| id..=id);
        }
    }

    /// Whether `line` has brought anything.
    pub(super) fn has_heard(&self, line: Line) -> bool {
        self.lines.of(line).last_id.is_some()
    }

    /// Takes what `line` brings at `now_ns`. What is held may be due then.
    pub(super) fn take(&mut self, line: Line, item: T, span: Span, now_ns: i64) -> Taken<T> {
        let Span { ids, time_ns } = span;
        let is_restart = self.note(line, &ids, time_ns);
        let Some(passed) = self.passed.clone() else {
            self.passed = Some(ids);
            return Taken::Passed(item, None);
        };
        if is_restart {
            return self.begin_anew(item, ids);
        }
        let next = passed.end().saturating_add(1);
        if self.lines.of_mut(line).is_outdated {
            let touches = passed.start() <= ids.end() && *ids.start() <= next;
            self.lines.of_mut(line).is_outdated = !touches;
            if !touches {
                return Taken::Repeated(item);
            }
        }
        if ids.end() <= passed.end() {
            return Taken::Repeated(item);
        }
        let is_unfillable = self.held.is_empty() && !self.may_be_filled(*ids.start());
        if *ids.start() <= next || is_unfillable {
            return self.pass(item, ids);
        }
        let held = Held {
            until_ns: now_ns.saturating_add(LONGEST_WAIT_NS),
            ids,
            item,
            is_restart: false,
        };
        let from = held.ids.clone();
        let at = self
            .held
            .partition_point(|it| (it.ids.start(), it.ids.end()) <= (from.start(), from.end()));
        self.held.insert(at, held);
        Taken::Held
    }

    /// The next of what was held and is due at `now_ns`: [`Passed`](Taken::Passed), or
    /// [`Repeated`](Taken::Repeated).
    pub(super) fn release(&mut self, now_ns: i64) -> Option<Taken<T>> {
        let first = self.held.front()?;
        let start = *first.ids.start();
        let next = self.passed.as_ref().map(|it| it.end().saturating_add(1));
        let is_due = next.is_none_or(|next| start <= next)
            || !self.may_be_filled(start)
            || self.held.len() > MOST_HELD
            || self.due_ns().is_some_and(|due_ns| due_ns <= now_ns);
        if !is_due {
            return None;
        }
        let first = self.held.pop_front()?;
        let (ids, item) = (first.ids, first.item);
        Some(match next {
            _ if first.is_restart => {
                self.passed = Some(ids);
                Taken::Passed(item, None)
            }
            Some(next) if *ids.end() < next => Taken::Repeated(item),
            _ => self.pass(item, ids),
        })
    }

    /// When what is held is due, whatever comes.
    pub(super) fn due_ns(&self) -> Option<i64> {
        self.held.iter().map(|it| it.until_ns).min()
    }

    /// Whether a line may still bring what is missing before `start`.
    fn may_be_filled(&self, start: u64) -> bool {
        let is_before = |it: &Position| it.last_id.is_none_or(|id| id.saturating_add(1) < start);
        let lines = self.lines.iter();
        let mut able = lines.filter(|it| it.is_open && !it.is_outdated && is_before(it));
        able.next().is_some()
    }

    /// A new numbering begins with `item`, behind all that is held.
    fn begin_anew(&mut self, item: T, ids: RangeInclusive<u64>) -> Taken<T> {
        if self.held.is_empty() {
            self.passed = Some(ids);
            return Taken::Passed(item, None);
        }
        self.held
            .iter_mut()
            .for_each(|held| held.until_ns = i64::MIN);
        self.held.push_back(Held {
            ids,
            item,
            until_ns: i64::MIN,
            is_restart: true,
        });
        Taken::Held
    }

    fn pass(&mut self, item: T, ids: RangeInclusive<u64>) -> Taken<T> {
        let first = *ids.start();
        let (start, next) = match &self.passed {
            Some(passed) => (*passed.start(), passed.end().saturating_add(1)),
            None => (first, first),
        };
        self.passed = Some(start..=*ids.end());
        Taken::Passed(item, (first < next).then_some(next))
    }

    /// Notes where `line` is. Returns whether it begins a new numbering.
    fn note(&mut self, line: Line, ids: &RangeInclusive<u64>, time_ns: Option<i64>) -> bool {
        let position = self.lines.of_mut(line);
        let is_later = position.latest_ns.zip(time_ns).is_some_and(|(a, b)| a < b);
        let is_smaller = position.last_id.is_some_and(|last| *ids.end() <= last);
        let is_restart = is_smaller && is_later && !position.is_outdated;
        position.latest_ns = position.latest_ns.max(time_ns);
        position.last_id = match is_restart || position.is_outdated {
            true => Some(*ids.end()),
            false => position.last_id.max(Some(*ids.end())),
        };
        if is_restart {
            self.lines.of_mut(line.other()).is_outdated = true;
        }
        is_restart
    }
}
