//! Both stores keep the same rules.

use std::time::Duration;

use bytes::Bytes;
use fleet::{Change, MemoryStore, ShardCount, Store, StoreError, Stores, Terms};
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

use crate::nats_server::NatsServer;

fn shards() -> ShardCount {
    ShardCount::new(8).unwrap()
}

async fn keeps_the_rules(store: &dyn Store, max_age: Duration) {
    let first = store.update("shard.1", "a".into(), 0).await.unwrap();
    let second = store.put("member.a", "".into()).await.unwrap();
    assert!(first < second);
    for wrong in [0, second] {
        let refused = store.update("shard.1", "b".into(), wrong).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
        if wrong > 0 {
            let refused = store.remove("shard.1", wrong).await;
            assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
        }
    }
    let third = store.update("shard.1", "b".into(), first).await.unwrap();
    let entry = store.entry("shard.1").await.unwrap().unwrap();
    assert_eq!((&*entry.value, entry.revision), (&b"b"[..], third));
    assert!(third > second);

    // What there is, and then what changes.
    let mut changes = store.watch("member").await.unwrap();
    let mut next = async || {
        let change = timeout(Duration::from_secs(10), changes.next()).await;
        let Change { key, value } = change.unwrap().unwrap();
        (key, value)
    };
    let change = |key: &str, value: Option<&'static str>| (key.to_owned(), value.map(Bytes::from));
    assert_eq!(next().await, change("member.a", Some("")));
    store.put("member.b_2", "3".into()).await.unwrap();
    assert_eq!(next().await, change("member.b_2", Some("3")));
    let revision = store.put("member.a", "4".into()).await.unwrap();
    assert_eq!(next().await, change("member.a", Some("4")));
    store.remove("member.a", revision).await.unwrap();
    assert_eq!(next().await, change("member.a", None));

    // What was removed can be created again.
    store.remove("shard.1", third).await.unwrap();
    assert_eq!(store.entry("shard.1").await.unwrap(), None);
    let fourth = store.update("shard.1", "c".into(), 0).await.unwrap();
    assert!(fourth > third);
    // And what is too old.
    sleep(max_age / 2).await;
    assert!(store.entry("shard.1").await.unwrap().is_some());
    sleep(max_age).await;
    assert_eq!(store.entry("shard.1").await.unwrap(), None);
    let fifth = store.update("shard.1", "d".into(), 0).await.unwrap();
    assert!(fifth > fourth);
}

#[tokio::test(start_paused = true)]
async fn a_store_in_memory_keeps_the_rules() {
    let max_age = Duration::from_secs(10);
    let store = MemoryStore::new(Some(max_age));
    keeps_the_rules(&store, max_age).await;
    store.set_reachable(false);
    let unreachable = store.entry("shard.1").await;
    assert!(matches!(unreachable, Err(StoreError::Unreachable(_))));
}

#[tokio::test]
async fn a_bucket_of_jetstream_keeps_the_rules() {
    let Some(server) = NatsServer::start().await else {
        return;
    };
    let terms = Terms::new(Terms::MIN).unwrap();
    let stores = Stores::connect(&server.url(), "rules", shards(), terms)
        .await
        .unwrap();
    keeps_the_rules(&*stores.leases, terms.lease()).await;
    let other = Stores::connect(&server.url(), "rules", shards(), Terms::default()).await;
    assert_eq!(other.unwrap_err().to_string(), "the fleet has leases of 2s");
    let more = ShardCount::new(9).unwrap();
    let other = Stores::connect(&server.url(), "rules", more, terms).await;
    assert_eq!(other.unwrap_err().to_string(), "the fleet has 8 shards");
}

#[tokio::test]
async fn revisions_go_on_when_the_server_is_restarted() {
    let Some(mut server) = NatsServer::start().await else {
        return;
    };
    let terms = Terms::default();
    let stores = Stores::connect(&server.url(), "restarted", shards(), terms)
        .await
        .unwrap();
    let store = stores.leases;
    let before = store.put("shard.1", "a".into()).await.unwrap();
    server.kill();
    server.run().await;
    let after = loop {
        match store.update("shard.1", "b".into(), before).await {
            Ok(revision) => break revision,
            Err(StoreError::Unreachable(_)) => sleep(Duration::from_millis(50)).await,
            Err(StoreError::Conflict) => panic!("the entry is another one"),
        }
    };
    assert!(after > before);
}

#[tokio::test]
async fn a_bucket_that_is_deleted_is_made_anew_and_whoever_has_the_old_one_notices() {
    let Some(server) = NatsServer::start().await else {
        return;
    };
    let terms = Terms::default();
    let connect = async || {
        let stores = Stores::connect(&server.url(), "deleted", shards(), terms).await;
        stores.unwrap().leases
    };
    let (one, other) = (connect().await, connect().await);
    let mut last = 0;
    for _ in 0..20 {
        last = one.put("shard.1", "a".into()).await.unwrap();
    }
    let mut changes = one.watch("member").await.unwrap();
    server.delete_stream("KV_deleted_leases");

    // The one that finds it missing makes another.
    let patience = Duration::from_millis(100);
    let lost = timeout(patience, other.put("member.b", "".into())).await;
    assert!(!matches!(lost, Ok(Ok(_))), "{lost:?}");
    let first = other.update("shard.2", "b".into(), 0).await.unwrap();
    assert!(first > last, "{first} after {last}");
    let second = one.put("member.a", "".into()).await.unwrap();
    assert!(second > first, "{second} after {first}");
    let old = one.update("shard.1", "a".into(), last).await;
    assert!(matches!(old, Err(StoreError::Conflict)), "{old:?}");
    let found = other.entry("member.a").await.unwrap().unwrap();
    assert_eq!(found.revision, second);
    // A watch of the old one would say nothing until the new one has as many entries.
    let ended = timeout(Duration::from_secs(1), changes.next()).await;
    assert!(matches!(ended, Ok(None)), "{ended:?}");
    let mut changes = one.watch("member").await.unwrap();
    let change = timeout(Duration::from_secs(5), changes.next()).await;
    assert_eq!(change.unwrap().unwrap().key, "member.a");
}

#[tokio::test]
async fn what_a_fleet_agrees_about_is_lost_with_its_leases_only_and_nobody_follows_others() {
    let Some(server) = NatsServer::start().await else {
        return;
    };
    let connect = async |count| {
        let shards = ShardCount::new(count).unwrap();
        Stores::connect(&server.url(), "agreed", shards, Terms::default()).await
    };
    let stores = connect(8).await.unwrap();
    for bucket in ["budgets", "advice"] {
        server.delete_stream(&format!("KV_agreed_{bucket}"));
    }
    let refused = connect(9).await.unwrap_err();
    assert_eq!(refused.to_string(), "the fleet has 8 shards");
    // Who lives says it again with the bucket.
    server.delete_stream("KV_agreed_leases");
    let patience = Duration::from_millis(100);
    let lost = timeout(patience, stores.leases.put("member.a", "".into())).await;
    assert!(!matches!(lost, Ok(Ok(_))), "{lost:?}");
    stores.leases.put("member.a", "".into()).await.unwrap();
    let refused = connect(9).await.unwrap_err();
    assert_eq!(refused.to_string(), "the fleet has 8 shards");

    // If nobody has in time, it takes no part in another fleet.
    let mut changes = stores.leases.watch("member").await.unwrap();
    server.delete_stream("KV_agreed_leases");
    let others = connect(9).await.unwrap();
    let ended = async { while changes.next().await.is_some() {} };
    timeout(Duration::from_secs(20), ended).await.unwrap();
    for _ in 0..3 {
        let kept_out = stores.leases.update("shard.2", "a".into(), 0).await;
        assert!(
            matches!(kept_out, Err(StoreError::Unreachable(_))),
            "{kept_out:?}"
        );
    }
    assert_eq!(others.leases.entry("shard.2").await.unwrap(), None);
}

#[tokio::test]
async fn who_only_listens_finds_out_that_a_bucket_is_gone_or_another_one() {
    let Some(server) = NatsServer::start().await else {
        return;
    };
    let terms = Terms::new(Terms::MIN).unwrap();
    let connect = async || Stores::connect(&server.url(), "heard", shards(), terms).await;
    let stores = connect().await.unwrap();
    for is_made_anew in [false, true] {
        let mut watches = Vec::new();
        for store in [&stores.leases, &stores.budgets, &stores.advice] {
            watches.push(store.watch("ban").await.unwrap());
        }
        for bucket in ["leases", "budgets", "advice"] {
            server.delete_stream(&format!("KV_heard_{bucket}"));
        }
        if is_made_anew {
            connect().await.unwrap();
        }
        for mut changes in watches {
            let ended = timeout(Duration::from_secs(5), changes.next()).await;
            assert!(matches!(ended, Ok(None)), "{ended:?}");
        }
    }
    // It is there again before anybody writes.
    assert_eq!(stores.budgets.entry("ban.x").await.unwrap(), None);
    let mut changes = stores.budgets.watch("ban").await.unwrap();
    let others = connect().await.unwrap();
    others.budgets.put("ban.x", "5".into()).await.unwrap();
    let change = timeout(Duration::from_secs(5), changes.next()).await;
    assert_eq!(change.unwrap().unwrap().key, "ban.x");
}
