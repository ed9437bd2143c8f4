//! Which trades have come.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The trades of a symbol by their ids.
#[derive(Debug, Default)]
pub(super) struct Trades {
    delivered: Ranges,
    missing: Ranges,
    lost: Ranges,
    first: Option<u64>,
}

impl Trades {
    /// Takes trades that were delivered. Tells what is wrong with that.
    pub(super) fn deliver(&mut self, ids: RangeInclusive<u64>) -> Option<String> {
        self.first.get_or_insert(*ids.start());
        let again = ids.clone().find(|id| self.delivered.contains(*id));
        self.delivered.add(ids);
        again.map(|id| format!("trade {id} came twice"))
    }

    /// Takes trades that were told to be missing.
    pub(super) fn miss(&mut self, ids: RangeInclusive<u64>) {
        self.missing.add(ids);
    }

    /// Takes trades that were told to be lost.
    pub(super) fn lose(&mut self, ids: RangeInclusive<u64>) {
        self.lost.add(ids);
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.delivered.last()
    }

    /// Those between the first and the last that were delivered, and that nobody has told of.
    pub(super) fn untold(&self) -> Vec<RangeInclusive<u64>> {
        let (Some(first), Some(last)) = (self.first, self.last()) else {
            return Vec::new();
        };
        let told = self.delivered.and(&self.missing);
        told.holes(first..=last)
    }

    /// Those that were told to be missing, and that have neither come nor were told to be lost.
    pub(super) fn open(&self) -> Vec<RangeInclusive<u64>> {
        let closed = self.delivered.and(&self.lost);
        let missing = self.missing.0.iter();
        missing
            .flat_map(|(from, to)| closed.holes(*from..=*to))
            .collect()
    }
}

/// Numbers, as ranges that do not touch: the last one of each by its first.
#[derive(Debug, Clone, Default)]
struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    fn contains(&self, number: u64) -> bool {
        let range = self.0.range(..=number).next_back();
        range.is_some_and(|(_, last)| number <= *last)
    }

    fn last(&self) -> Option<u64> {
        self.0.last_key_value().map(|(_, last)| *last)
    }

    /// Those of both.
    fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (from, to) in &other.0 {
            both.add(*from..=*to);
        }
        both
    }

    /// The numbers of `range` that are not in it.
    fn holes(&self, range: RangeInclusive<u64>) -> Vec<RangeInclusive<u64>> {
        let (mut next, last) = range.into_inner();
        let mut holes = Vec::new();
        let before = self.0.range(..next).next_back();
        for (from, to) in before.into_iter().chain(self.0.range(next..=last)) {
            if next < *from {
                holes.push(next..=*from - 1);
            }
            next = next.max(to.saturating_add(1));
        }
        if next <= last {
            holes.push(next..=last);
        }
        holes
    }

    fn add(&mut self, range: RangeInclusive<u64>) {
        let (mut first, mut last) = range.into_inner();
        // Those that it touches become part of it.
        while let Some((from, to)) = self.0.range(..=last.saturating_add(1)).next_back()
            && to.saturating_add(1) >= first
        {
            let (from, to) = (*from, *to);
            (first, last) = (first.min(from), last.max(to));
            self.0.remove(&from);
        }
        self.0.insert(first, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let mut ranges = Ranges::default();
        for range in [5..=6, 1..=2, 9..=9, 3..=3, 7..=8, 4..=4, 0..=20] {
            ranges.add(range);
        }
        assert_eq!(ranges.0, BTreeMap::from([(0, 20)]));
        assert!(ranges.contains(0) && ranges.contains(20) && !ranges.contains(21));
    }

    #[test]
    fn what_is_neither_delivered_nor_missing_is_untold() {
        let mut trades = Trades::default();
        assert_eq!(trades.deliver(3..=4), None);
        assert_eq!(trades.deliver(9..=9), None);
        trades.miss(6..=7);
        assert_eq!(trades.untold(), [5..=5, 8..=8]);
        assert_eq!(trades.deliver(4..=5), Some("trade 4 came twice".to_owned()));
        assert_eq!(trades.untold(), [8..=8]);
    }

    #[test]
    fn what_is_missing_is_open_until_it_comes_or_is_lost() {
        let mut trades = Trades::default();
        trades.miss(3..=8);
        trades.miss(20..=21);
        assert_eq!(trades.open(), [3..=8, 20..=21]);
        assert_eq!(trades.deliver(1..=4), None);
        trades.lose(6..=6);
        assert_eq!(trades.open(), [5..=5, 7..=8, 20..=21]);
        trades.lose(7..=21);
        assert_eq!(trades.deliver(5..=5), None);
        assert_eq!(trades.open(), []);
    }
}
