//! How deep the next snapshot shall be.

use super::allowance::Allowance;

/// A snapshot that lasts for less than this is followed by a deeper one, as far as that is allowed.
// Of a price that wanders, five times the range last 25 times as long, and at Binance weigh 5 times as
// much. Of one that runs, they last 5 times as long: never more weight for the same time.
const SHORT_NS: i64 = 2 * 60 * 1_000_000_000;

/// One that lasts for less than this is followed by a deeper one in any case: in the minute for which a
/// weight counts, that is no dearer.
const HURRIED_NS: i64 = 10 * 1_000_000_000;

/// One that lasts for longer is followed by a shallower one, which then lasts for more than
/// [`SHORT_NS`].
const LONG_NS: i64 = 60 * 60 * 1_000_000_000;

/// The depths that an exchange offers, and the one that a market needs: the shallowest at first.
#[derive(Debug)]
pub(super) struct Depths {
    offered: &'static [usize],
    shallowest: usize,
    at: usize,
    allowance: Allowance,
}

impl Depths {
    /// Of the depths `offered`, in ascending order, those that do for `told` levels of a side.
    pub(super) fn new(offered: &'static [usize], told: Option<usize>) -> Self {
        // As many again as are told, so that the price can move.
        let needed = told.map_or(0, |told| told.saturating_mul(2));
        let does = |levels: &usize| *levels >= needed;
        let deepest = offered.len().saturating_sub(1);
        let shallowest = offered.iter().position(does).unwrap_or(deepest);
        Self {
            offered,
            shallowest,
            at: shallowest,
            allowance: Allowance::default(),
        }
    }

    /// Has others share what is allowed.
    pub(super) fn share(&mut self, allowance: Allowance) {
        self.allowance = allowance;
    }

    /// How many levels of a side can be told, if `depth` are wanted.
    pub(super) fn most_told(offered: &[usize], depth: usize) -> usize {
        let most = offered.last().map_or(depth, |deepest| deepest / 2);
        depth.min(most.max(1))
    }

    /// The number of levels to ask for now.
    pub(super) fn ask(&self) -> usize {
        let levels = self.levels(self.at).unwrap_or_default();
        self.allowance.earn(levels);
        levels
    }

    fn levels(&self, at: usize) -> Option<usize> {
        self.offered.get(at).copied()
    }

    /// The last one was of use for so long.
    pub(super) fn note_lifetime(&mut self, ns: i64) {
        if ns < SHORT_NS {
            if self.may_deepen(ns) {
                self.at += 1;
            }
        } else if ns > LONG_NS && self.at > self.shallowest {
            self.at -= 1;
        }
    }

    /// Whether there is a deeper one, and the last one was short enough for it or the allowance has it.
    fn may_deepen(&self, ns: i64) -> bool {
        let levels = self.levels(self.at).zip(self.levels(self.at + 1));
        levels.is_some_and(|(now, next)| ns < HURRIED_NS || self.allowance.spend(next - now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: &[usize] = &[100, 500, 1000, 5000];

    #[test]
    fn what_does_not_last_is_followed_by_a_deeper_one_and_what_lasts_by_a_shallower_one() {
        let mut depths = Depths::new(OFFERED, None);
        let mut next = |seconds: i64| {
            depths.note_lifetime(seconds * 1_000_000_000);
            depths.ask()
        };
        let lifetimes = [1, 119, 120, 3600, 10, 10, 3601, 4000, 4000, 4000];
        let levels = lifetimes.map(&mut next);
        assert_eq!(
            levels,
            [500, 1000, 1000, 1000, 5000, 5000, 1000, 500, 100, 100]
        );
    }

    #[test]
    fn what_is_allowed_is_shared_and_what_lasts_for_seconds_is_followed_by_a_deeper_one_all_the_same()
     {
        let allowance = Allowance::default();
        let mut books: Vec<_> = (0..20).map(|_| Depths::new(OFFERED, None)).collect();
        let mut next = |seconds: i64| {
            for book in &mut books {
                book.share(allowance.clone());
                book.note_lifetime(seconds * 1_000_000_000);
            }
            books
                .iter()
                .map(|book| book.levels(book.at))
                .collect::<Vec<_>>()
        };
        let levels = next(60);
        assert_eq!(levels[..12], [Some(500); 12]);
        assert_eq!(levels[12..], [Some(100); 8]);
        assert_eq!(next(10), levels);
        let levels = next(9);
        assert_eq!(levels[..12], [Some(1000); 12]);
        assert_eq!(levels[12..], [Some(500); 8]);
    }

    #[test]
    fn what_is_told_fits_twice_into_the_shallowest_and_at_least_into_the_deepest() {
        let first = |told| Depths::new(OFFERED, Some(told)).ask();
        assert_eq!(
            [1, 50, 51, 500, 501].map(first),
            [100, 100, 500, 1000, 5000]
        );
        assert_eq!(Depths::most_told(OFFERED, 50), 50);
        assert_eq!(Depths::most_told(OFFERED, 5000), 2500);
        assert_eq!(Depths::most_told(&[], 400), 400);
    }
}
