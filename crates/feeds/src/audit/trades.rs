//! Which trades have come.

use std::ops::RangeInclusive;

use crate::ranges::Ranges;

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
        let again = ids.clone().find(|id| self.delivered.contains(&(*id..=*id)));
        self.delivered.insert(ids);
        again.map(|id| format!("trade {id} came twice"))
    }

    /// Takes trades that were told to be missing.
    pub(super) fn miss(&mut self, ids: RangeInclusive<u64>) {
        self.missing.insert(ids);
    }

    /// Takes trades that were told to be lost.
    pub(super) fn lose(&mut self, ids: RangeInclusive<u64>) {
        self.lost.insert(ids);
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.delivered.last()
    }

    /// Those between the first and the last that were delivered, and that nobody has told of.
    pub(super) fn untold(&self) -> Vec<RangeInclusive<u64>> {
        let (Some(first), Some(last)) = (self.first, self.last()) else {
            return Vec::new();
        };
        let absent = self.delivered.missing_in(&(first..=last));
        without(absent, &[&self.missing])
    }

    /// Those that were told to be missing, and that have neither come nor were told to be lost.
    pub(super) fn open(&self) -> Vec<RangeInclusive<u64>> {
        without(self.missing.clone(), &[&self.delivered, &self.lost])
    }
}

/// Those of `ids` that are in none of `others`.
fn without(mut ids: Ranges, others: &[&Ranges]) -> Vec<RangeInclusive<u64>> {
    for range in others.iter().flat_map(|it| (*it).clone()) {
        ids.remove(range);
    }
    ids.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
