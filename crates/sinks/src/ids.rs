//! Sets of ids.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Ids, as ranges with ids between them that are not in the set. They may come in any order.
#[derive(Debug, Default)]
pub(crate) struct Ids(BTreeMap<u64, u64>);

impl Ids {
    /// Adds a range, which must not be empty. Returns whether some of it was there.
    pub(crate) fn insert(&mut self, ids: RangeInclusive<u64>) -> bool {
        let (mut first, mut last) = ids.into_inner();
        let mut was_there = false;
        // From the range that begins before or at the end, backwards.
        while let Some((&start, &end)) = self.0.range(..=last.saturating_add(1)).next_back() {
            if end.saturating_add(1) < first {
                break;
            }
            was_there |= start <= last && first <= end;
            self.0.remove(&start);
            (first, last) = (first.min(start), last.max(end));
        }
        self.0.insert(first, last);
        was_there
    }

    pub(crate) fn remove(&mut self, ids: RangeInclusive<u64>) {
        let (first, last) = ids.into_inner();
        while let Some((&start, &end)) = self.0.range(..=last).next_back() {
            if end < first {
                break;
            }
            self.0.remove(&start);
            if start < first {
                self.0.insert(start, first - 1);
            }
            if last < end {
                self.0.insert(last + 1, end);
            }
        }
    }

    /// Whether all of a range is there.
    #[cfg(feature = "nats")]
    pub(crate) fn contains(&self, ids: &RangeInclusive<u64>) -> bool {
        let before = self.0.range(..=*ids.start()).next_back();
        before.is_some_and(|(_, end)| *end >= *ids.end())
    }

    /// What there is of a range, the lowest first.
    pub(crate) fn common(&self, ids: &RangeInclusive<u64>) -> Vec<RangeInclusive<u64>> {
        let before = self.0.range(..=*ids.end()).rev();
        let meeting = before.take_while(|(_, end)| *end >= ids.start());
        let common = meeting.map(|(start, end)| *start.max(ids.start())..=*end.min(ids.end()));
        let mut common: Vec<_> = common.collect();
        common.reverse();
        common
    }

    /// Keeps as many as `most` ranges, the highest.
    pub(crate) fn keep(&mut self, most: usize) {
        while self.0.len() > most {
            self.0.pop_first();
        }
    }

    pub(crate) fn first(&self) -> Option<u64> {
        self.0.first_key_value().map(|(start, _)| *start)
    }

    pub(crate) fn last(&self) -> Option<u64> {
        self.0.last_key_value().map(|(_, end)| *end)
    }

    pub(crate) fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        self.0.iter().map(|(start, end)| *start..=*end)
    }

    /// What is missing between the ranges.
    pub(crate) fn holes(&self) -> Self {
        let behind = self.0.values().map(|end| end.saturating_add(1));
        let before = self.0.keys().skip(1).map(|start| start - 1);
        Self(behind.zip(before).collect())
    }

    /// How many ids there are, as far as that can be counted.
    pub(crate) fn count(&self) -> u64 {
        let counts = self.0.iter().map(|(start, end)| end - start);
        counts.fold(0, |sum, count| sum.saturating_add(count).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all(ids: &Ids) -> BTreeSet<u64> {
        ids.ranges().flatten().collect()
    }

    #[test]
    fn it_is_a_set_whatever_comes_and_goes() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let (mut ids, mut expected) = (Ids::default(), BTreeSet::new());
            for _ in 0..40 {
                let first = random.u64(..60);
                let range = first..=first + random.u64(..8);
                if random.u8(..4) == 0 {
                    range.clone().for_each(|id| {
                        expected.remove(&id);
                    });
                    ids.remove(range);
                } else {
                    let was_there = range.clone().any(|id| expected.contains(&id));
                    expected.extend(range.clone());
                    assert_eq!(ids.insert(range), was_there);
                }
                assert_eq!(all(&ids), expected);
                let asked = random.u64(..40)..=random.u64(40..70);
                let common: Vec<u64> = ids.common(&asked).into_iter().flatten().collect();
                let there = asked.filter(|id| expected.contains(id));
                assert_eq!(common, there.collect::<Vec<_>>());
                assert_eq!(ids.count(), expected.len() as u64);
                let between = match (ids.first(), ids.last()) {
                    (Some(first), Some(last)) => (first..=last).collect(),
                    _ => BTreeSet::new(),
                };
                let holes: BTreeSet<u64> = between.difference(&expected).copied().collect();
                assert_eq!(all(&ids.holes()), holes);
            }
        }
    }

    #[test]
    fn the_highest_id_is_an_id() {
        let mut ids = Ids::default();
        assert!(!ids.insert(u64::MAX..=u64::MAX));
        assert!(!ids.insert(0..=1));
        assert!(ids.insert(1..=u64::MAX));
        assert_eq!(ids.count(), u64::MAX);
        ids.remove(0..=u64::MAX);
        assert_eq!(ids.first(), None);
    }
}
