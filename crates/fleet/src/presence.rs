//! What a collector says of itself.

use std::collections::BTreeSet;
use std::fmt;

use crate::shard::{Shard, ShardCount};

/// What a collector says of itself: that it is there, and which shards it is ready for.
///
/// As text, `leaving`, `aside`, or the numbers of these shards: `3,17`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It is there, and streams these shards, which another collector still has the leases of.
    There {
        /// The shards.
        ready_for: BTreeSet<Shard>,
    },
    /// It is there and has nothing, since it could stream nothing of what belonged to it. Nothing does for a while.
    Aside,
    /// It hands over all that it has.
    Leaving,
}

const ASIDE: &str = "aside";
const LEAVING: &str = "leaving";

impl Presence {
    /// Parses what a collector of a fleet with so many shards says. Another text is that of a collector
    /// which is ready for nothing: it is there.
    #[must_use]
    pub fn parse(text: &[u8], shards: ShardCount) -> Self {
        if text == LEAVING.as_bytes() {
            return Self::Leaving;
        }
        if text == ASIDE.as_bytes() {
            return Self::Aside;
        }
        let text = str::from_utf8(text).unwrap_or_default();
        Self::There {
            ready_for: text
                .split(',')
                .filter_map(|number| shards.parse(number))
                .collect(),
        }
    }
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaving => f.write_str(LEAVING),
            Self::Aside => f.write_str(ASIDE),
            Self::There { ready_for } => {
                for (place, shard) in ready_for.iter().enumerate() {
                    if place > 0 {
                        f.write_str(",")?;
                    }
                    shard.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presence_is_read_as_it_was_written_and_nonsense_is_ready_for_nothing() {
        let count = ShardCount::new(20).unwrap();
        let parse = |text: &str| Presence::parse(text.as_bytes(), count);
        for text in ["", "3", "3,17", "aside", "leaving"] {
            assert_eq!(parse(text).to_string(), text);
        }
        for (text, read) in [("20,3", "3"), ("x", ""), ("Leaving", ""), (",,1,", "1")] {
            assert_eq!(parse(text).to_string(), read);
        }
        let nothing = Presence::There {
            ready_for: BTreeSet::new(),
        };
        assert_eq!(Presence::parse(b"\xff3", count), nothing);
    }
}
