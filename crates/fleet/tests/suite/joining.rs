//! Collectors at a store in memory, in paused time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fleet::{CollectorId, Fleet, MemoryStore, Role, Shard, ShardCount, Stores, Terms};
use tokio::time::{sleep, timeout};

/// The shards of the fleet.
pub(crate) fn shards() -> ShardCount {
    ShardCount::new(16).unwrap()
}

/// A collector that streams at once.
pub(crate) struct Collector {
    pub(crate) fleet: Fleet,
    pub(crate) roles: BTreeMap<Shard, Role>,
}

impl Collector {
    pub(crate) fn join(stores: Stores, name: &str, terms: Terms) -> Self {
        let own = CollectorId::new_run_of(name);
        Self {
            fleet: Fleet::join(stores, own, shards(), terms),
            roles: BTreeMap::new(),
        }
    }

    /// Plays its roles for so long.
    pub(crate) async fn play(&mut self, time: Duration) {
        let _ = timeout(time, async {
            while let Some((shard, role)) = self.fleet.next().await {
                self.roles.insert(shard, role);
                self.fleet.ready(shard);
            }
        })
        .await;
    }

    pub(crate) fn owned(&self) -> usize {
        let is_own = |role: &&Role| matches!(role, Role::Own(_));
        self.roles.values().filter(is_own).count()
    }
}

/// The leases of `store`, and budgets of its own.
pub(crate) fn stores(leases: &MemoryStore) -> Stores {
    Stores {
        leases: Arc::new(leases.clone()),
        budgets: Arc::new(MemoryStore::new(None)),
        advice: Arc::new(MemoryStore::new(Some(Duration::from_secs(300)))),
    }
}

/// Both play for so long.
pub(crate) async fn both(one: &mut Collector, other: &mut Collector, seconds: f64) {
    let time = Duration::from_secs_f64(seconds);
    tokio::join!(one.play(time), other.play(time));
}

#[tokio::test(start_paused = true)]
async fn collectors_share_what_there_is_and_hand_it_over_when_they_leave() {
    let terms = Terms::default();
    let store = MemoryStore::new(Some(terms.lease()));
    let mut first = Collector::join(stores(&store), "a", terms);
    first.play(Duration::from_secs(1)).await;
    assert_eq!(first.owned(), 16);
    let mut second = Collector::join(stores(&store), "b", terms);
    both(&mut first, &mut second, 10.0).await;
    assert_eq!(first.owned() + second.owned(), 16);
    assert!(second.owned() > 0);
    let standing = *second.fleet.standing().borrow();
    assert!(standing.is_connected);
    assert_eq!(standing.collectors, 2);
    assert_eq!(
        (standing.owned, standing.confirmed),
        (second.owned(), second.owned())
    );
    second.fleet.leave();
    both(&mut first, &mut second, 20.0).await;
    assert_eq!((first.owned(), second.owned()), (16, 0));
    assert_eq!(second.fleet.next().await, None, "it has left");
    assert_eq!(first.fleet.standing().borrow().collectors, 1);
}

#[tokio::test(start_paused = true)]
async fn without_the_store_all_go_on_and_say_so() {
    let terms = Terms::default();
    let store = MemoryStore::new(Some(terms.lease()));
    let mut one = Collector::join(stores(&store), "a", terms);
    let mut other = Collector::join(stores(&store), "b", terms);
    both(&mut one, &mut other, 10.0).await;
    let before = (one.owned(), other.owned());
    store.set_reachable(false);
    both(&mut one, &mut other, 60.0).await;
    assert_eq!((one.owned(), other.owned()), before);
    let standing = *one.fleet.standing().borrow();
    assert!(!standing.is_connected);
    assert_eq!((standing.owned, standing.confirmed), (before.0, 0));
    store.set_reachable(true);
    both(&mut one, &mut other, 15.0).await;
    assert_eq!((one.owned(), other.owned()), before);
    let standing = *one.fleet.standing().borrow();
    assert!(standing.is_connected);
    assert_eq!(standing.confirmed, before.0);
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_without_a_word_is_followed_within_the_lease() {
    let terms = Terms::default();
    let store = MemoryStore::new(Some(terms.lease()));
    let mut one = Collector::join(stores(&store), "a", terms);
    let mut other = Collector::join(stores(&store), "b", terms);
    both(&mut one, &mut other, 10.0).await;
    assert!(other.owned() > 0);
    drop(other);
    one.play(terms.lease() + Duration::from_secs(1)).await;
    assert_eq!(one.owned(), 16);
    sleep(Duration::ZERO).await;
}
