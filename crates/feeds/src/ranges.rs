//! Sets of ids.

use std::ops::RangeInclusive;

/// The ids of so many trades of which the last one is `id`.
pub(crate) fn ids_of(id: u64, count: u32) -> RangeInclusive<u64> {
    id.saturating_sub(u64::from(count.saturating_sub(1)))..=id
}

/// Ids, as ranges in ascending order with ids between them that are not in the set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<RangeInclusive<u64>>);

impl Ranges {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The lowest range.
    pub(crate) fn lowest(&self) -> Option<&RangeInclusive<u64>> {
        self.0.first()
    }

    /// The highest id.
    pub(crate) fn last(&self) -> Option<u64> {
        self.0.last().map(|range| *range.end())
    }

    pub(crate) fn insert(&mut self, ids: RangeInclusive<u64>) {
        let (mut first, mut last) = ids.into_inner();
        // Nearly always, the next one.
        if let Some(highest) = self.0.last_mut()
            && highest.end().checked_add(1) == Some(first)
        {
            *highest = *highest.start()..=last;
            return;
        }
        // Those that overlap or touch.
        let from = self
            .0
            .partition_point(|range| range.end().saturating_add(1) < first);
        let to = self
            .0
            .partition_point(|range| *range.start() <= last.saturating_add(1));
        for range in self.0.get(from..to).unwrap_or_default() {
            first = first.min(*range.start());
            last = last.max(*range.end());
        }
        self.0.splice(from..to.max(from), [first..=last]);
    }

    pub(crate) fn remove(&mut self, ids: RangeInclusive<u64>) {
        let (from, to) = self.around(&ids);
        let (first, last) = ids.into_inner();
        let mut left = Vec::new();
        for range in self.0.get(from..to).unwrap_or_default() {
            let (start, end) = (*range.start(), *range.end());
            if start < first {
                left.push(start..=first - 1);
            }
            if last < end {
                left.push(last + 1..=end);
            }
        }
        self.0.splice(from..to.max(from), left);
    }

    /// Those of `ids` that are in the set.
    pub(crate) fn within(&self, ids: &RangeInclusive<u64>) -> Self {
        let (from, to) = self.around(ids);
        let cut = |range: &RangeInclusive<u64>| {
            *range.start().max(ids.start())..=*range.end().min(ids.end())
        };
        let overlapping = self.0.get(from..to).unwrap_or_default();
        Self(overlapping.iter().map(cut).collect())
    }

    /// Those of `ids` that are not in the set.
    pub(crate) fn missing_in(&self, ids: &RangeInclusive<u64>) -> Self {
        let (from, to) = self.around(ids);
        let mut missing = Self(vec![ids.clone()]);
        for range in self.0.get(from..to).unwrap_or_default() {
            missing.remove(range.clone());
        }
        missing
    }

    /// Whether all of `ids` are in the set.
    pub(crate) fn contains(&self, ids: &RangeInclusive<u64>) -> bool {
        let (from, _) = self.around(ids);
        let range = self.0.get(from);
        range.is_some_and(|range| range.start() <= ids.start() && ids.end() <= range.end())
    }

    /// How many ids there are, as far as that can be counted.
    pub(crate) fn count(&self) -> u64 {
        let counts = self.0.iter().map(|range| range.end() - range.start());
        counts.fold(0, |sum, count| sum.saturating_add(count).saturating_add(1))
    }

    /// Adds what lies between the two lowest ranges.
    pub(crate) fn close_lowest(&mut self) {
        if let [lowest, next, ..] = self.0.as_slice() {
            self.insert(*lowest.start()..=*next.end());
        }
    }

    /// The places of the ranges that overlap `ids`: from the first one to before the second one.
    fn around(&self, ids: &RangeInclusive<u64>) -> (usize, usize) {
        let from = self.0.partition_point(|range| range.end() < ids.start());
        let to = self.0.partition_point(|range| range.start() <= ids.end());
        (from, to)
    }
}

impl IntoIterator for Ranges {
    type Item = RangeInclusive<u64>;
    type IntoIter = std::vec::IntoIter<RangeInclusive<u64>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_a_set(
            changes in vec((any::<bool>(), 0..40_u64, 0..8_u64), 0..40),
            (first, length) in (0..40_u64, 0..12_u64),
            shift in proptest::sample::select(vec![0, u64::MAX - 47]),
        ) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (is_new, first, length) in changes {
                let ids = shift + first..=shift + first + length;
                if is_new {
                    set.extend(ids.clone());
                    ranges.insert(ids);
                } else {
                    set.retain(|id| !ids.contains(id));
                    ranges.remove(ids);
                }
            }
            let all = |ranges: &Ranges| ranges.clone().into_iter().flatten().collect::<Vec<_>>();
            prop_assert_eq!(all(&ranges), set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(ranges.count(), set.len() as u64);
            prop_assert_eq!(ranges.last(), set.last().copied());
            let apart = ranges.0.windows(2).all(|pair| pair[0].end() + 1 < *pair[1].start());
            assert!(apart, "{ranges:?}");

            let ids = shift + first..=shift + (first + length).min(47);
            let (within, missing): (Vec<_>, Vec<_>) =
                ids.clone().partition(|id| set.contains(id));
            prop_assert_eq!(all(&ranges.within(&ids)), within);
            prop_assert_eq!(ranges.contains(&ids), missing.is_empty());
            prop_assert_eq!(all(&ranges.missing_in(&ids)), missing);
        }
    }
}
