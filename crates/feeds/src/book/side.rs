//! One side of an order book.

use std::cmp::Ordering;
use std::iter::{Copied, Rev};
use std::slice;

use rust_decimal::Decimal;

use crate::level::{Level, Parts, compare};

/// Up to so many changes are made one by one.
// Each moves what is better, which is little near the best price. More of them, in an order that is as bad
// as can be, would cost the square.
const FEW: usize = 64;

/// The levels of a side, from the worst price to the best: most changes are near the end.
///
/// Of `BIDS` the highest price is the best, of asks the lowest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Side<const BIDS: bool>(Vec<Level>);

pub(super) type BestFirst<'a> = Copied<Rev<slice::Iter<'a, Level>>>;

impl<const BIDS: bool> Side<BIDS> {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn best(&self) -> Option<Level> {
        self.0.last().copied()
    }

    pub(super) fn best_first(&self) -> BestFirst<'_> {
        self.0.iter().rev().copied()
    }

    /// Sets sizes, and removes the levels whose size is zero.
    pub(super) fn apply(&mut self, changes: &[Level]) {
        if changes.len() > FEW {
            return self.merge(changes);
        }
        for change in changes {
            match self.position(change.price) {
                Ok(at) if change.size.is_zero() => {
                    self.0.remove(at);
                }
                Ok(at) => {
                    if let Some(level) = self.0.get_mut(at) {
                        *level = *change;
                    }
                }
                Err(at) if !change.size.is_zero() => self.0.insert(at, *change),
                Err(_) => {}
            }
        }
    }

    fn merge(&mut self, changes: &[Level]) {
        self.0.extend(changes);
        // Stable: of two that have one price, the later one counts.
        self.0
            .sort_by(|one, other| rank::<BIDS>(one.price, other.price));
        self.0.dedup_by(|later, kept| {
            let is_same = later.price == kept.price;
            if is_same {
                *kept = *later;
            }
            is_same
        });
        self.0.retain(|level| !level.size.is_zero());
    }

    /// Applies `changes`, and makes them those of the best `most` levels: of a level that is no longer
    /// among them, the size becomes zero, and one that has come to be among them is added.
    pub(super) fn apply_to_best(&mut self, changes: &mut Vec<Level>, most: usize) {
        let before = self.edge(most);
        self.apply(changes);
        let after = self.edge(most);
        changes.retain_mut(|change| {
            let is_told = is_within::<BIDS>(change.price, after);
            if !is_told {
                change.size = Decimal::ZERO;
            }
            is_told || is_within::<BIDS>(change.price, before)
        });
        let start = |edge: Option<Decimal>| {
            edge.map_or(0, |edge| {
                self.0
                    .partition_point(|level| rank::<BIDS>(level.price, edge).is_lt())
            })
        };
        let (before, after) = (start(before), start(after));
        if before == after {
            return;
        }
        let mut changed: Vec<_> = changes.iter().map(|change| change.price).collect();
        changed.sort_unstable();
        let moved = self.0.iter().skip(before.min(after));
        let moved = moved
            .take(before.abs_diff(after))
            .filter(|level| changed.binary_search(&level.price).is_err());
        changes.extend(moved.map(|level| match before < after {
            true => Level {
                size: Decimal::ZERO,
                ..*level
            },
            false => *level,
        }));
    }

    /// Forgets all but the best `most` levels.
    pub(super) fn cut(&mut self, most: usize) {
        let too_many = self.len().saturating_sub(most);
        self.0.drain(..too_many);
    }

    /// The worst of the best `most` prices, if there are others.
    fn edge(&self, most: usize) -> Option<Decimal> {
        let at = self.len().checked_sub(most).filter(|others| *others > 0)?;
        self.0.get(at).map(|level| level.price)
    }

    /// Where `price` is, or where it would be.
    fn position(&self, price: Decimal) -> Result<usize, usize> {
        self.position_by_digits(price).unwrap_or_else(|| {
            self.0
                .binary_search_by(|level| rank::<BIDS>(level.price, price))
        })
    }

    /// As [`position`](Self::position); `None` if the prices that are looked at do not all have one form.
    // That is found out at the end: a search without a branch takes less than half of the time.
    fn position_by_digits(&self, price: Decimal) -> Option<Result<usize, usize>> {
        let sought = Parts::of(price);
        let mut unlike = 0;
        let at = self.0.partition_point(|level| {
            let parts = Parts::of(level.price);
            unlike |= sought.unlike(parts);
            match BIDS {
                true => parts.digits < sought.digits,
                false => parts.digits > sought.digits,
            }
        });
        let found = self.0.get(at).map(|level| Parts::of(level.price));
        unlike |= found.map_or(0, |found| sought.unlike(found));
        let is_there = found.is_some_and(|found| found.digits == sought.digits);
        (sought.is_plain() && unlike == 0).then_some(if is_there { Ok(at) } else { Err(at) })
    }
}

/// How a price stands to another: the better one is greater.
fn rank<const BIDS: bool>(price: Decimal, other: Decimal) -> Ordering {
    match BIDS {
        true => compare(price, other),
        false => compare(other, price),
    }
}

/// Whether `price` is `edge` or a better one. Without an edge, every price is.
fn is_within<const BIDS: bool>(price: Decimal, edge: Option<Decimal>) -> bool {
    edge.is_none_or(|edge| rank::<BIDS>(price, edge).is_ge())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn levels(prices: impl IntoIterator<Item = (u32, u32)>) -> Vec<Level> {
        let level = |(price, size)| Level {
            price: Decimal::from(price),
            size: Decimal::from(size),
        };
        prices.into_iter().map(level).collect()
    }

    #[test]
    fn many_changes_at_once_do_what_each_of_them_does() {
        let changes = levels((0..1000).map(|index| (index * 7919 % 97, index % 5)));
        let mut merged = Side::<true>::default();
        merged.apply(&changes);
        let mut one_by_one = Side::<true>::default();
        for change in &changes {
            one_by_one.apply(&[*change]);
        }
        assert_eq!(merged, one_by_one);
        assert!(merged.len() > 50);
    }

    proptest! {
        #[test]
        fn prices_are_found_whatever_form_they_have(
            prices in prop::collection::vec((-20..200_i64, 0..3_u32), 0..40),
            mut sought in prop::collection::vec((-20..200_i64, 0..3_u32), 1..9),
            is_one_form in any::<bool>(),
        ) {
            sought.extend(&prices);
            let number = |(digits, scale): &(i64, u32)| match is_one_form {
                true => Decimal::new(digits.abs(), 2),
                false => Decimal::new(*digits, *scale),
            };
            let mut sorted: Vec<_> = prices.iter().map(number).collect();
            sorted.sort();
            sorted.dedup();
            let level = |price: &Decimal| Level {
                price: *price,
                size: Decimal::ONE,
            };
            let asks = Side::<false>(sorted.iter().rev().map(level).collect());
            let bids = Side::<true>(sorted.iter().map(level).collect());
            for price in sought.iter().map(number) {
                let expected = sorted.binary_search(&price);
                prop_assert_eq!(bids.position(price), expected);
                let from_the_end = |at: usize| sorted.len() - at;
                let expected = expected.map(|at| from_the_end(at) - 1).map_err(from_the_end);
                prop_assert_eq!(asks.position(price), expected);
            }
        }
    }

    #[test]
    fn the_changes_of_the_best_levels_make_the_best_levels() {
        // Any changes, in any number, of a side of which the best five are told.
        let mut side = Side::<false>::default();
        let mut told = Side::<false>::default();
        let mut seed = 1_u32;
        for _ in 0..2000 {
            let mut changes = Vec::new();
            for _ in 0..=seed % 4 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                changes.extend(levels([((seed >> 8) % 20, (seed >> 20) % 3)]));
            }
            side.apply_to_best(&mut changes, 5);
            told.apply(&changes);
            let best: Vec<_> = side.best_first().take(5).collect();
            assert_eq!(told.best_first().collect::<Vec<_>>(), best);
        }
    }
}
