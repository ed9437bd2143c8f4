//! What collectors advise each other against.

use std::sync::Arc;
use std::time::Duration;

use fleet::{CollectorId, Fleet, MemoryStore, ShardCount, Store, Stores, Terms};
use futures_util::StreamExt;
use tokio::time::{Instant, sleep};
use transport::{Egress, HealthAdvice, HealthMark};

use crate::joining::stores;

const SECOND: Duration = Duration::from_secs(1);

/// Two collectors, and where their advice is.
fn two() -> (Fleet, Fleet, MemoryStore) {
    let terms = Terms::default();
    let advice = MemoryStore::new(Some(SECOND * 300));
    let stores = Stores {
        advice: Arc::new(advice.clone()),
        ..stores(&MemoryStore::new(Some(terms.lease())))
    };
    let [one, other] = ["a", "b"].map(|name| {
        let own = CollectorId::new_run_of(name);
        let shards = ShardCount::new(4).unwrap();
        Fleet::join(stores.clone(), own, shards, terms)
    });
    (one, other, advice)
}

fn of(exit: &str, exchange: Option<&str>) -> HealthMark {
    HealthMark {
        egress: Egress::Proxy(exit.parse().unwrap()),
        exchange: exchange.map(str::to_owned),
    }
}

/// What `fleet` hears, and for how many seconds it is.
fn heard(fleet: &Fleet) -> Vec<(HealthMark, u64)> {
    let heard = fleet.advice().heard();
    let left = |until: Instant| (until - Instant::now()).as_secs_f64().ceil();
    let heard = heard.iter();
    let heard = heard.map(|it| (it.mark.clone(), left(it.until) as u64));
    heard.collect()
}

/// Marks `mark` for so many seconds.
fn mark(fleet: &Fleet, mark: HealthMark, seconds: u64) {
    let until = Instant::now() + SECOND * u32::try_from(seconds).unwrap();
    fleet.advice().mark(mark, until);
}

#[tokio::test(start_paused = true)]
async fn what_one_marks_others_hear_until_it_is_over_or_cleared() {
    let (one, other, _) = two();
    sleep(SECOND).await;
    let [failed, declined] = [of("p.example:1", None), of("p.example:2", Some("okx"))];
    mark(&one, failed.clone(), 30);
    mark(&one, declined.clone(), 600);
    mark(&one, of("127.0.0.1:1080", None), 600);
    assert_eq!(heard(&other), []);
    sleep(SECOND * 2).await;
    assert_eq!(heard(&other), [(failed, 28), (declined.clone(), 298)]);
    assert_eq!(heard(&one), []);
    sleep(SECOND * 29).await;
    assert_eq!(heard(&other), [(declined.clone(), 269)]);
    one.advice().clear(&declined);
    sleep(SECOND * 2).await;
    assert_eq!(heard(&other), []);
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_comes_and_goes_costs_the_store_six_writes_a_minute() {
    let (one, _other, store) = two();
    for _ in 0..300 {
        mark(&one, of("p.example:1", None), 30);
        sleep(SECOND / 10).await;
        one.advice().clear(&of("p.example:1", None));
        sleep(SECOND / 10).await;
    }
    let mut changes = store.watch("advice").await.unwrap();
    let written = changes.next().await.unwrap();
    let entry = store.entry(&written.key).await.unwrap().unwrap();
    assert_eq!(entry.revision, 6);
}

#[tokio::test(start_paused = true)]
async fn without_the_store_it_is_told_later_and_what_was_heard_ends() {
    let (one, other, store) = two();
    sleep(SECOND).await;
    let [before, meanwhile] = [of("p.example:1", None), of("p.example:2", None)];
    mark(&one, before, 30);
    sleep(SECOND * 2).await;
    assert_eq!(heard(&other).len(), 1);
    store.set_reachable(false);
    mark(&one, meanwhile.clone(), 120);
    sleep(SECOND * 60).await;
    assert_eq!(heard(&other), []);
    store.set_reachable(true);
    sleep(SECOND * 20).await;
    assert_eq!(heard(&other), [(meanwhile, 40)]);
}

#[tokio::test(start_paused = true)]
async fn of_nonsense_nothing_is_heeded_and_others_are_heard() {
    let (one, other, store) = two();
    sleep(SECOND).await;
    for (key, value) in [
        ("advice.x", &b"\xff"[..]),
        (
            "advice.y",
            br#"{"marks":[{"exit":"direct","left_ms":1000,"number":1}]}"#,
        ),
        (
            "advice.x.y",
            br#"{"marks":[{"exit":"p:1","left_ms":1000,"number":1}]}"#,
        ),
    ] {
        store.put(key, value.into()).await.unwrap();
    }
    mark(&one, of("p.example:1", None), 30);
    sleep(SECOND * 2).await;
    assert_eq!(heard(&other), [(of("p.example:1", None), 28)]);
}
