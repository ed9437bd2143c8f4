//! The parts into which the symbols of a fleet are divided.

use std::fmt;

use feeds::Symbol;

use crate::rendezvous::score;

/// One part of all symbols: what one collector at a time is responsible for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

impl Shard {
    /// Its place in a list of all shards.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Its number, from 0 on.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many shards there are: 1 to 4,096. It is the same for all collectors of a fleet, for as long as
/// there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardCount(u16);

impl ShardCount {
    /// The most shards.
    pub const MAX: u16 = 4_096;

    /// So many shards, if it is a possible number.
    #[must_use]
    pub fn new(count: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&count).then_some(Self(count))
    }

    /// How many.
    #[must_use]
    pub fn value(self) -> u16 {
        self.0
    }

    /// All shards, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Shard> {
        (0..self.0).map(Shard)
    }

    /// The shard that `symbol` of `exchange` belongs to. With another number of shards, few symbols
    /// belong to another one.
    #[must_use]
    pub fn shard_of(self, exchange: &str, symbol: &Symbol) -> Shard {
        let thing = format!("{exchange} {symbol}");
        let best = self
            .iter()
            .max_by_key(|shard| score(&thing, &shard.to_string()));
        best.unwrap_or(Shard(0))
    }

    /// The shard of this number, if there is one.
    pub(crate) fn parse(self, text: &str) -> Option<Shard> {
        let number: u16 = text.parse().ok()?;
        (number < self.0).then_some(Shard(number))
    }
}

/// 64 shards: enough for 16 collectors with shares that differ by a quarter.
impl Default for ShardCount {
    fn default() -> Self {
        Self(64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_stays_in_its_shard_unless_a_new_one_is_its_place() {
        let [few, more] = [8, 9].map(|count| ShardCount::new(count).unwrap());
        let mut moved = 0;
        for number in 0..900 {
            let symbol = Symbol::parse(&format!("S{number}-USDT")).unwrap();
            let [before, after] = [few, more].map(|count| count.shard_of("okx", &symbol));
            assert!(before == after || after == Shard(8));
            moved += u32::from(before != after);
        }
        assert!((60..140).contains(&moved), "{moved}");
    }

    #[test]
    fn only_possible_numbers_are_shards() {
        assert_eq!(ShardCount::new(0), None);
        assert_eq!(ShardCount::new(ShardCount::MAX + 1), None);
        let count = ShardCount::new(2).unwrap();
        let parsed = ["0", "1", "2", "-1", "", "1,"].map(|text| count.parse(text));
        let [zero, one] = [0, 1].map(|number| Some(Shard(number)));
        assert_eq!(parsed, [zero, one, None, None, None, None]);
    }
}
