//! Which shards a collector can be sure of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::RwLock;

use crate::assignment::Fence;
use crate::shard::Shard;

/// Which shards a collector can be sure of, for whoever stores its events: at any moment, from any thread,
/// however long the process or the event has waited. Clones are the same.
///
/// Roles come late: a process that was stopped for longer than a lease still has the role of an owner when it
/// goes on, until the server answers. What was renewed last is over by then, by a clock that only goes
/// forward.
#[derive(Debug, Clone, Default)]
pub struct Reliance(Arc<RwLock<HashMap<Shard, Relied>>>);

/// A lease, and when a collector is sure of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relied {
    /// The fence that it has the shard with.
    pub fence: Fence,
    /// One lease after it has got the shard. Before that, it may publish what another has stored: what was
    /// kept, or had waited in its sockets.
    pub from: Instant,
    /// The end of the lease, as far as it was renewed.
    pub until: Instant,
}

impl Relied {
    fn is_sure(&self, fence: Fence, now: Instant) -> bool {
        self.fence == fence && (self.from..self.until).contains(&now)
    }
}

impl Reliance {
    /// Whether no other collector has `shard`, and none had it in the last lease.
    #[must_use]
    pub fn is_sure(&self, shard: Shard, fence: Fence, now: Instant) -> bool {
        let relied = self.0.read();
        relied.get(&shard).is_some_and(|it| it.is_sure(fence, now))
    }

    /// Replaces everything.
    pub(crate) fn set(&self, relied: impl Iterator<Item = (Shard, Relied)>) {
        let mut all = self.0.write();
        all.clear();
        all.extend(relied);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::shard::ShardCount;

    #[test]
    fn a_lease_is_relied_on_with_its_fence_and_for_its_time() {
        let mut shards = ShardCount::new(2).unwrap().iter();
        let (shard, other) = (shards.next().unwrap(), shards.next().unwrap());
        let from = Instant::now() + Duration::from_secs(10);
        let until = from + Duration::from_secs(9);
        let fence = Fence(7);
        let reliance = Reliance::default();
        assert!(!reliance.is_sure(shard, fence, from));
        let asked = reliance.clone();
        reliance.set([(shard, Relied { fence, from, until })].into_iter());
        let moment = Duration::from_millis(1);
        for (shard, fence, now, is_sure) in [
            (shard, fence, from, true),
            (shard, fence, until - moment, true),
            (shard, fence, from - moment, false),
            (shard, fence, until, false),
            (shard, Fence(6), from, false),
            (other, fence, from, false),
        ] {
            assert_eq!(asked.is_sure(shard, fence, now), is_sure);
        }
        reliance.set(std::iter::empty());
        assert!(!asked.is_sure(shard, fence, from));
    }
}
