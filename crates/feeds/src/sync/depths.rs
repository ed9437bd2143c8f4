//! How deep the next snapshot shall be.

/// A snapshot that lasts for less than this is followed by a deeper one.
// Of a price that wanders, five times the range last 25 times as long, and at Binance weigh 5 times as
// much. Of one that runs, they last 5 times as long: never more weight for the same time.
const SHORT_NS: i64 = 2 * 60 * 1_000_000_000;

/// One that lasts for longer is followed by a shallower one, which then lasts for more than
/// [`SHORT_NS`].
const LONG_NS: i64 = 60 * 60 * 1_000_000_000;

/// The depths that an exchange offers, and the one that a market needs: the shallowest at first.
#[derive(Debug)]
pub(super) struct Depths {
    offered: &'static [usize],
    shallowest: usize,
    at: usize,
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
        }
    }

    /// How many levels of a side can be told, if `depth` are wanted.
    pub(super) fn most_told(offered: &[usize], depth: usize) -> usize {
        let most = offered.last().map_or(depth, |deepest| deepest / 2);
        depth.min(most.max(1))
    }

    /// The number of levels to ask for.
    pub(super) fn levels(&self) -> usize {
        self.offered.get(self.at).copied().unwrap_or_default()
    }

    /// The last one was of use for so long.
    pub(super) fn note_lifetime(&mut self, ns: i64) {
        if ns < SHORT_NS {
            self.at = (self.at + 1).min(self.offered.len().saturating_sub(1));
        } else if ns > LONG_NS && self.at > self.shallowest {
            self.at -= 1;
        }
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
            depths.levels()
        };
        let lifetimes = [1, 119, 120, 3600, 10, 10, 3601, 4000, 4000, 4000];
        let levels = lifetimes.map(&mut next);
        assert_eq!(
            levels,
            [500, 1000, 1000, 1000, 5000, 5000, 1000, 500, 100, 100]
        );
    }

    #[test]
    fn what_is_told_fits_twice_into_the_shallowest_and_at_least_into_the_deepest() {
        let first = |told| Depths::new(OFFERED, Some(told)).levels();
        assert_eq!(
            [1, 50, 51, 500, 501].map(first),
            [100, 100, 500, 1000, 5000]
        );
        assert_eq!(Depths::most_told(OFFERED, 50), 50);
        assert_eq!(Depths::most_told(OFFERED, 5000), 2500);
        assert_eq!(Depths::most_told(&[], 400), 400);
    }
}
