//! How the messages of an exchange follow one another.

use std::time::Duration;

use super::message::Ids;
use crate::book::OrderBook;

/// How an exchange behaves.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How it answers a request on a WebSocket.
    pub acknowledgement: Acknowledgement,
    /// How its books continue.
    pub books: BookRules,
    /// How its trades continue.
    pub trades: TradeIds,
}

/// How a request on a WebSocket is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    /// Not at all: the first data is the answer.
    Never,
    /// Once, by its id.
    PerRequest,
    /// Once for each stream in it.
    PerStream,
}

/// How the books of an exchange continue.
#[derive(Debug, Clone, Copy)]
pub struct BookRules {
    /// How a change stands to the last id of the stream.
    pub follows: fn(last: u64, ids: &Ids) -> Step,
    /// What brings a new snapshot.
    pub renewal: Renewal,
    /// The checksum of a book, where the exchange sends one. It is compared after every snapshot and
    /// change that carries one.
    pub checksum: Option<BookChecksum>,
    /// How many levels of a side the exchange keeps complete, where snapshots come in the stream; all there
    /// are without it. Others are forgotten after each change, before the checksum is compared.
    pub cut: Option<usize>,
    /// How long a book may be silent that is alive, where the exchange promises that.
    pub quiet: Option<Duration>,
}

impl BookRules {
    /// Whether snapshots come in the stream.
    pub(crate) fn is_streamed(&self) -> bool {
        !matches!(self.renewal, Renewal::Request { .. })
    }

    /// Whether nothing in a change tells that others are missing before it.
    pub(crate) fn is_unnumbered(&self) -> bool {
        (self.follows)(u64::MAX, &Ids::default()) == Step::Next
    }
}

/// The checksum of a book.
#[derive(Debug, Clone, Copy)]
pub struct BookChecksum {
    /// How many levels of each side it covers.
    pub levels: usize,
    /// What it is.
    pub of: fn(&OrderBook) -> u32,
}

/// What brings a new snapshot of a book.
#[derive(Debug, Clone, Copy)]
pub enum Renewal {
    /// A REST request. The changes are then joined to it.
    Request {
        /// How a change stands to the id of a snapshot.
        joins: fn(snapshot: u64, ids: &Ids) -> Step,
        /// How many levels of each side can be requested, in ascending order: the first of them to begin
        /// with, and the more the less a snapshot lasts. A snapshot of fewer levels is the whole side.
        depths: &'static [usize],
    },
    /// Unsubscribe, subscribe: the stream begins with a snapshot.
    Resubscribe {
        /// How long to wait for it.
        within: Duration,
    },
    /// Another connection, which begins with a snapshot.
    Reconnect {
        /// How long to wait for it.
        within: Duration,
    },
}

impl Renewal {
    /// The depths in which snapshots can be requested; none where they come in another way.
    pub(crate) fn depths(&self) -> &'static [usize] {
        match self {
            Self::Request { depths, .. } => depths,
            Self::Resubscribe { .. } | Self::Reconnect { .. } => &[],
        }
    }
}

/// How a change stands to what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is the next.
    Next,
    /// All of it is known, if numbering has not begun anew: which of them, the time tells.
    Old,
    /// Something is missing in between.
    Missing,
}

/// `first..=last`, without a hole between the changes, which may overlap.
#[must_use]
pub fn by_ranges(last: u64, ids: &Ids) -> Step {
    match (ids.first, ids.last) {
        (_, Some(end)) if end <= last => Step::Old,
        // Not `==`: what begins within the known and ends behind it joins a snapshot.
        (Some(first), Some(_)) if first <= last.saturating_add(1) => Step::Next,
        _ => Step::Missing,
    }
}

/// Each change names the id of the one before. Its own may be smaller: numbering begins anew.
#[must_use]
pub fn by_previous(last: u64, ids: &Ids) -> Step {
    match (ids.previous, ids.last) {
        (Some(previous), Some(_)) if previous == last => Step::Next,
        (Some(_), Some(end)) if end == last => Step::Old,
        _ => Step::Missing,
    }
}

/// No ids at all: what is missing shows in the checksum, or not.
#[must_use]
pub fn unnumbered(_last: u64, _ids: &Ids) -> Step {
    Step::Next
}

/// What the ids of trades say, per symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradeIds {
    /// Numbers without a hole: what is missing is known by its ids.
    Contiguous,
    /// Numbers that grow: what is missing is not known.
    Growing,
    /// Text: a trade is known again as one of the last so many.
    Opaque {
        /// How many ids are remembered.
        remembered: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, last: u64) -> Ids {
        Ids {
            previous: None,
            first: Some(first),
            last: Some(last),
        }
    }

    #[test]
    fn ranges_follow_without_a_hole_and_may_overlap() {
        assert_eq!(by_ranges(10, &range(11, 12)), Step::Next);
        assert_eq!(by_ranges(10, &range(9, 12)), Step::Next);
        assert_eq!(by_ranges(10, &range(9, 10)), Step::Old);
        assert_eq!(by_ranges(10, &range(12, 12)), Step::Missing);
        assert_eq!(by_ranges(u64::MAX, &range(1, 2)), Step::Old);
        assert_eq!(by_ranges(10, &Ids::default()), Step::Missing);
    }

    #[test]
    fn a_link_is_all_that_counts_where_the_previous_id_is_told() {
        let link = |previous, last| Ids {
            previous,
            first: None,
            last: Some(last),
        };
        assert_eq!(by_previous(15, &link(Some(15), 3)), Step::Next);
        assert_eq!(by_previous(15, &link(Some(15), 15)), Step::Next);
        assert_eq!(by_previous(15, &link(Some(10), 15)), Step::Old);
        assert_eq!(by_previous(15, &link(Some(16), 17)), Step::Missing);
        assert_eq!(by_previous(0, &link(None, 1)), Step::Missing);
    }
}
