//! Fences of a fleet.

use std::fmt;
use std::sync::Arc;

/// Tells who has a shard of a fleet from those who had it before: the shard, and the revision with which
/// the collector got it.
///
/// Whoever gets the shard later has a higher revision. A stream cannot refuse a message by it, so whoever
/// reads does: behind a message with a higher fence of a shard, one with a lower fence of the same shard is
/// from a collector that the shard was taken from. Its form is `prod.17.4711`: the fleet, the number of the
/// shard, and the revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fence {
    /// With the name of the fleet, because two fleets may publish to one stream.
    shard: Arc<str>,
    revision: u64,
}

impl Fence {
    /// That of a shard of `fleet`, whose name has 1 to 64 letters of ASCII, digits, `-` and `_`. `None` if it
    /// has not.
    #[must_use]
    pub fn new(fleet: &str, shard: u16, revision: u64) -> Option<Self> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        let is_name = (1..=64).contains(&fleet.len()) && fleet.bytes().all(is_plain);
        is_name.then(|| Self {
            shard: format!("{fleet}.{shard}").into(),
            revision,
        })
    }

    /// The fence that is written in this form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let fleet = parts.next()?;
        let (shard, revision) = (number(parts.next()?)?, number(parts.next()?)?);
        match parts.next() {
            None => Self::new(fleet, u16::try_from(shard).ok()?, revision),
            Some(_) => None,
        }
    }

    /// The name of the fleet: `prod`.
    #[must_use]
    pub fn fleet(&self) -> &str {
        self.shard.split('.').next().unwrap_or_default()
    }

    /// The shard, with the name of the fleet: `prod.17`.
    #[must_use]
    pub fn shard(&self) -> &str {
        &self.shard
    }

    /// The revision with which the collector got the shard.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

/// A number in its one form: neither `+1` nor `01`.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.shard, self.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_reads_back_as_itself_and_nothing_else_is_one() {
        let fence = Fence::new("prod", 17, 4711).unwrap();
        assert_eq!(fence.to_string(), "prod.17.4711");
        assert_eq!((fence.fleet(), fence.shard()), ("prod", "prod.17"));
        assert_eq!(fence.revision(), 4711);
        assert_eq!(Fence::parse("prod.17.4711"), Some(fence));
        for text in [
            "",
            "prod.17",
            "prod.17.4711.1",
            "prod.+17.4711",
            "prod.017.4711",
            "prod.65536.1",
            "prod.1.18446744073709551616",
            ".1.1",
            "a b.1.1",
            "a\r\nb.1.1",
        ] {
            assert_eq!(Fence::parse(text), None, "{text:?}");
        }
        assert_eq!(Fence::new("a.b", 1, 1), None);
        assert_eq!(Fence::new(&"x".repeat(65), 1, 1), None);
    }
}
