//! Collectors at a real server.

use std::time::{Duration, Instant};

use fleet::{Role, Stores, Terms};

use crate::joining::{Collector, both, shards};
use crate::nats_server::NatsServer;

async fn stores(server: &NatsServer, terms: Terms) -> Stores {
    let stores = Stores::connect(&server.url(), "test", shards(), terms).await;
    stores.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_real_server_one_is_followed_within_the_lease_and_a_restart_moves_nothing() {
    let Some(mut server) = NatsServer::start().await else {
        return;
    };
    let terms = Terms::new(Duration::from_secs(3)).unwrap();
    let mut one = Collector::join(stores(&server, terms).await, "a", terms);
    one.play(Duration::from_secs(1)).await;
    assert_eq!(one.owned(), 16);
    let mut other = Collector::join(stores(&server, terms).await, "b", terms);
    both(&mut one, &mut other, 3.0).await;
    assert_eq!(one.owned() + other.owned(), 16);
    let before = (one.owned(), other.owned());
    assert!(before.1 > 0);

    // Away for longer than a lease.
    server.kill();
    both(&mut one, &mut other, 4.0).await;
    assert!(!one.fleet.standing().borrow().is_connected);
    assert_eq!((one.owned(), other.owned()), before);
    server.run().await;
    let start = Instant::now();
    while one.fleet.standing().borrow().confirmed < before.0 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it is not found again"
        );
        both(&mut one, &mut other, 0.2).await;
    }
    assert_eq!((one.owned(), other.owned()), before);

    let fences = |it: &Collector| -> Vec<_> { it.roles.clone().into_iter().collect() };
    let of_other = fences(&other);
    let lost_at = Instant::now();
    drop(other);
    while one.owned() < 16 {
        assert!(
            lost_at.elapsed() < terms.lease() * 2,
            "{} of 16",
            one.owned()
        );
        one.play(Duration::from_millis(100)).await;
    }
    for (shard, role) in of_other {
        if let (Role::Own(old), Role::Own(new)) = (role, one.roles[&shard]) {
            assert!(old < new);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_lost_its_files_is_shared_again_and_the_new_fences_are_higher() {
    let Some(mut server) = NatsServer::start().await else {
        return;
    };
    let terms = Terms::new(Duration::from_secs(3)).unwrap();
    let mut one = Collector::join(stores(&server, terms).await, "a", terms);
    let mut other = Collector::join(stores(&server, terms).await, "b", terms);
    both(&mut one, &mut other, 4.0).await;
    let fences = |it: &Collector| -> Vec<_> {
        let owned = it.roles.iter();
        let owned = owned.filter_map(|(shard, role)| match role {
            Role::Own(fence) => Some((*shard, *fence)),
            _ => None,
        });
        owned.collect()
    };
    let before = [fences(&one), fences(&other)].concat();
    assert_eq!(before.len(), 16);

    server.kill();
    server.lose_files();
    server.run().await;
    let start = Instant::now();
    loop {
        let after = [fences(&one), fences(&other)].concat();
        let is_newer = |(shard, old)| after.iter().any(|(it, new)| it == shard && new > old);
        if before.iter().map(|(shard, old)| (shard, old)).all(is_newer) {
            break;
        }
        let waited = start.elapsed();
        assert!(waited.as_secs() < 30, "{after:?} after {before:?}");
        both(&mut one, &mut other, 0.2).await;
    }

    // Whoever comes is heard.
    let mut third = Collector::join(stores(&server, terms).await, "c", terms);
    let come = Instant::now();
    while third.owned() == 0 {
        assert!(come.elapsed() < Duration::from_secs(30), "it is not heard");
        tokio::join!(
            both(&mut one, &mut other, 0.2),
            third.play(Duration::from_millis(200))
        );
    }
}
