//! The connections that have not asked yet.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The connections that have not asked for anything yet, the oldest first. Clones are about the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Silent(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_age: BTreeMap<u64, (IpAddr, Arc<Notify>)>,
}

impl Silent {
    /// A new connection from `peer`.
    pub(super) fn enter(&self, peer: IpAddr) -> Mute {
        let over = Arc::new(Notify::new());
        let mut waiting = self.0.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting
            .by_age
            .insert(number, (network(peer), Arc::clone(&over)));
        Mute {
            silent: self.clone(),
            number,
            over,
        }
    }

    /// Has the oldest one end of those from where most come, if there is one: a flood from somewhere takes its own
    /// room.
    pub(super) fn end_one(&self) {
        let mut waiting = self.0.lock();
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (peer, _) in waiting.by_age.values() {
            *counts.entry(*peer).or_default() += 1;
        }
        let most = counts.values().copied().max();
        let mut oldest_first = waiting.by_age.iter();
        let one = oldest_first.find(|(_, (peer, _))| counts.get(peer).copied() == most);
        let number = one.map(|(number, _)| *number);
        if let Some((_, over)) = number.and_then(|number| waiting.by_age.remove(&number)) {
            over.notify_one();
        }
    }
}

/// What somebody has who has `peer`: with IPv6, that is all of a network.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip => ip,
    }
}

/// A connection that may be silent.
#[derive(Debug)]
pub(super) struct Mute {
    silent: Silent,
    number: u64,
    over: Arc<Notify>,
}

impl Mute {
    /// It has asked.
    pub(super) fn speaks(&self) {
        self.silent.0.lock().by_age.remove(&self.number);
    }

    /// Ends when another one shall have its room.
    pub(super) async fn over(&self) {
        self.over.notified().await;
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        self.speaks();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn is_over(mute: &Mute) -> bool {
        timeout(Duration::ZERO, mute.over()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_room_is_that_of_the_oldest_from_where_most_come() {
        let silent = Silent::default();
        let enter = |peer: &str| silent.enter(peer.parse().unwrap());
        let alone = enter("10.0.0.1");
        let flood = ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map(enter);
        flood[0].speaks();
        silent.end_one();
        assert!(is_over(&flood[1]).await && !is_over(&alone).await);
        // Now there is one of each.
        silent.end_one();
        assert!(is_over(&alone).await && !is_over(&flood[2]).await);
        silent.end_one();
        silent.end_one();
        assert!(is_over(&flood[2]).await && !is_over(&flood[0]).await);
    }
}
