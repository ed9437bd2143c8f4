//! Budgets that collectors share.

use std::time::Duration;

use fleet::{CollectorId, Fleet, FleetBudgets, MemoryStore, ShardCount, Stores, Terms};
use tokio::time::{Instant, sleep, timeout};
use transport::{Account, BudgetShares, Egress, Usage, Window};

use crate::joining::stores;
use crate::nats_server::NatsServer;

const WEIGHT: Window = Window::new("weight", 640, Duration::from_secs(60));

fn account() -> Account {
    Account {
        exchange: "binance".to_owned(),
        egress: Egress::Proxy("proxy.example:1080".parse().unwrap()),
    }
}

fn waits(units: u32) -> Usage {
    Usage {
        under_way: 0,
        recent: 0,
        free_at: Instant::now(),
        waiting: u64::from(units),
        largest: 10,
    }
}

fn shards() -> ShardCount {
    ShardCount::new(4).unwrap()
}

fn join(stores: &Stores, terms: Terms, name: &str) -> Fleet {
    let own = CollectorId::new_run_of(name);
    Fleet::join(stores.clone(), own, shards(), terms)
}

/// Waits for a share of at least `least`, as who admits requests does.
async fn share(budgets: &FleetBudgets, usage: Usage, least: u64) -> u64 {
    let growing = async {
        loop {
            let changed = budgets.changed();
            let share = budgets.share(&account(), WEIGHT, usage);
            if share >= least {
                return share;
            }
            changed.await;
        }
    };
    timeout(Duration::from_secs(60), growing).await.unwrap()
}

async fn two_borrow(stores: &Stores, terms: Terms) -> [Fleet; 2] {
    let collectors = ["a", "b"].map(|name| join(stores, terms, name));
    for collector in &collectors {
        let mut standing = collector.standing();
        let both = standing.wait_for(|it| it.collectors == 2);
        timeout(Duration::from_secs(60), both)
            .await
            .unwrap()
            .unwrap();
    }
    let [one, other] = [&collectors[0], &collectors[1]].map(Fleet::budgets);
    // An eighth is kept, and the rest is for both alike.
    let shares = tokio::join!(share(&one, waits(640), 280), share(&other, waits(640), 280));
    assert_eq!(shares, (280, 280));
    collectors
}

#[tokio::test(start_paused = true)]
async fn two_collectors_borrow_half_of_a_budget_each() {
    let terms = Terms::default();
    let leases = MemoryStore::new(Some(terms.lease()));
    two_borrow(&stores(&leases), terms).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_real_server_two_collectors_borrow_half_of_a_budget_each() {
    let Some(server) = NatsServer::start().await else {
        return;
    };
    let terms = Terms::default();
    let stores = Stores::connect(&server.url(), "budgets", shards(), terms).await;
    two_borrow(&stores.unwrap(), terms).await;
}

#[tokio::test(start_paused = true)]
async fn a_ban_of_one_stops_all_until_its_end() {
    let terms = Terms::default();
    let leases = MemoryStore::new(Some(terms.lease()));
    let stores = stores(&leases);
    let [one, other] = two_borrow(&stores, terms).await;
    let ban = Duration::from_secs(30);
    one.budgets().ban(&account(), ban);
    sleep(Duration::from_secs(1)).await;
    // Also for who comes later.
    let late = join(&stores, terms, "c");
    sleep(Duration::from_secs(1)).await;
    for collector in [&one, &other, &late] {
        assert_eq!(collector.budgets().share(&account(), WEIGHT, waits(10)), 0);
    }
    let elsewhere = Account {
        egress: Egress::Direct,
        ..account()
    };
    assert_eq!(other.budgets().share(&elsewhere, WEIGHT, waits(10)), 0);
    sleep(Duration::from_secs(5)).await;
    assert!(other.budgets().share(&elsewhere, WEIGHT, waits(10)) > 0);
    assert_eq!(other.budgets().share(&account(), WEIGHT, waits(10)), 0);
    sleep(ban).await;
    for collector in [one, other, late] {
        assert!(share(&collector.budgets(), waits(10), 10).await >= 10);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_store_a_slice_is_used_and_nothing_more() {
    let terms = Terms::default();
    let [leases, budgets] = [Some(terms.lease()), None].map(MemoryStore::new);
    let stores = Stores {
        leases: std::sync::Arc::new(leases.clone()),
        budgets: std::sync::Arc::new(budgets.clone()),
        ..stores(&leases)
    };
    let [one, _other] = two_borrow(&stores, terms).await;
    for store in [&leases, &budgets] {
        store.set_reachable(false);
    }
    let mut shares = Vec::new();
    for seconds in [1, 60, 180, 120, 3_600] {
        sleep(Duration::from_secs(seconds)).await;
        shares.push(one.budgets().share(&account(), WEIGHT, waits(640)));
        // Whoever drives it looks at it then.
        sleep(Duration::from_secs(1)).await;
    }
    shares.push(one.budgets().share(&account(), WEIGHT, waits(640)));
    assert_eq!(shares[..3], [280, 280, 280]);
    assert_eq!(shares[5], 0, "{shares:?}");
    for store in [leases, budgets] {
        store.set_reachable(true);
    }
    assert!(share(&one.budgets(), waits(640), 100).await >= 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_ledgers_are_lost_nobody_borrows_what_others_hold_and_bans_are_known() {
    let Some(server) = NatsServer::start().await else {
        return;
    };
    let terms = Terms::new(Terms::MIN).unwrap();
    let stores = Stores::connect(&server.url(), "lost", shards(), terms).await;
    let stores = stores.unwrap();
    let [one, other] = two_borrow(&stores, terms).await;
    let elsewhere = Account {
        egress: Egress::Direct,
        ..account()
    };
    one.budgets().ban(&elsewhere, Duration::from_secs(60));
    let uses = Usage {
        under_way: 280,
        ..waits(0)
    };
    for it in [&one, &other] {
        it.budgets().share(&account(), WEIGHT, uses);
    }
    sleep(Duration::from_secs(1)).await;

    server.delete_stream("KV_lost_budgets");
    let late = Stores::connect(&server.url(), "lost", shards(), terms).await;
    let late = join(&late.unwrap(), terms, "c");
    let end = Instant::now() + Duration::from_secs(12);
    let mut last = 0;
    while Instant::now() < end {
        let of = |it: &Fleet, usage| it.budgets().share(&account(), WEIGHT, usage);
        assert!(of(&one, uses) > 0 && of(&other, uses) > 0);
        last = of(&late, waits(640));
        assert!(2 * 280 + last <= 640, "{last}");
        assert_eq!(late.budgets().share(&elsewhere, WEIGHT, waits(10)), 0);
        sleep(Duration::from_millis(50)).await;
    }
    assert!(last >= 10, "{last}");
}

#[tokio::test(start_paused = true)]
async fn after_all_are_started_again_what_the_last_ones_did_not_use_is_there_at_once() {
    let terms = Terms::default();
    let leases = MemoryStore::new(Some(terms.lease()));
    let stores = stores(&leases);
    let mut collectors = two_borrow(&stores, terms).await;
    let uses = Usage {
        under_way: 100,
        ..waits(0)
    };
    for it in &collectors {
        it.budgets().share(&account(), WEIGHT, uses);
    }
    sleep(Duration::from_secs(1)).await;
    for it in &collectors {
        it.leave();
    }
    for it in &mut collectors {
        while it.next().await.is_some() {}
        assert!(it.budgets().share(&account(), WEIGHT, waits(640)) <= 100);
    }
    drop(collectors);

    let again = join(&stores, terms, "a");
    let begun = Instant::now();
    assert!(share(&again.budgets(), waits(640), 300).await <= 440);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    // What was used is forgotten by the exchange after a minute.
    sleep(Duration::from_secs(80)).await;
    assert!(share(&again.budgets(), waits(640), 560).await >= 560);
}
