//! Numbers that look random and are the same in each run.

// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. The increment is 2^64
// divided by the golden ratio. A crate would do as well, but a newer version of it might make
// another market of the same seed.
/// The generator SplitMix64.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound` - 1, or 0 if `bound` is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or_default()
    }

    /// A number from 1 to `limit`.
    pub(super) fn up_to(&mut self, limit: u64) -> u64 {
        1 + self.below(limit)
    }

    /// Heads or tails.
    pub(super) fn flip(&mut self) -> bool {
        self.below(2) == 0
    }
}
