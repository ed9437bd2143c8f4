//! Which member a pool hands out.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use proptest::prelude::*;
use proxy_config::{BreakerConfig, PoolConfig, PoolMember, PoolStrategy, ProxyServer, ProxyUrl};
use proxy_injector::{Lease, ProxyPool};
use tokio::time::advance;

fn member(name: &str, weight: u64) -> PoolMember {
    let url: ProxyUrl = format!("socks5h://{name}:1080").parse().unwrap();
    PoolMember::new(ProxyServer::new(url))
        .with_weight(weight)
        .unwrap()
}

fn pool<const N: usize>(strategy: PoolStrategy, members: [(&str, u64); N]) -> ProxyPool {
    let members = members.map(|(name, weight)| member(name, weight));
    let config = PoolConfig::new(members).unwrap();
    ProxyPool::new(&config.with_strategy(strategy))
}

fn lease(pool: &ProxyPool) -> Lease {
    pool.attempts().next().unwrap()
}

fn name(lease: &Lease) -> String {
    lease.exit().proxy().unwrap().url().host().to_string()
}

/// The names of `count` leases, each given back before the next one is taken.
fn names(pool: &ProxyPool, count: usize) -> String {
    let names: Vec<_> = (0..count).map(|_| name(&lease(pool))).collect();
    names.join(" ")
}

#[tokio::test]
async fn round_robin_takes_turns() {
    let pool = pool(PoolStrategy::RoundRobin, [("a", 1), ("b", 1), ("c", 1)]);
    assert_eq!(names(&pool, 7), "a b c a b c a");
}

#[tokio::test]
async fn round_robin_gives_as_many_turns_as_the_weight_says_and_spreads_them() {
    let pool = pool(PoolStrategy::RoundRobin, [("a", 5), ("b", 1), ("c", 1)]);
    assert_eq!(names(&pool, 14), "a a a b c a a a a a b c a a");
}

#[tokio::test]
async fn random_follows_the_weights() {
    fastrand::seed(7);
    let pool = pool(PoolStrategy::Random, [("a", 3), ("b", 1)]);
    let names = names(&pool, 4_000);
    let share = names.matches('a').count();
    assert!((2_850..=3_150).contains(&share), "{share}");
    assert!(names.contains("a a") && names.contains("b b"));
}

#[tokio::test]
async fn least_connections_takes_the_proxy_with_the_fewest_leases() {
    let pool = pool(PoolStrategy::LeastConnections, [("a", 1), ("b", 1)]);
    let first = lease(&pool);
    let second = lease(&pool);
    assert_eq!([name(&first), name(&second)], ["a", "b"]);
    drop(second);
    for _ in 0..3 {
        assert_eq!(name(&lease(&pool)), "b");
    }
    drop(first);
    let afterwards = names(&pool, 20);
    let to_a = afterwards.matches('a').count();
    assert!((9..=11).contains(&to_a), "{afterwards}");
}

#[tokio::test]
async fn least_connections_lets_a_proxy_of_twice_the_weight_have_twice_the_leases() {
    let pool = pool(PoolStrategy::LeastConnections, [("a", 2), ("b", 1)]);
    let leases: Vec<_> = (0..9).map(|_| lease(&pool)).collect();
    let to_a = leases.iter().filter(|lease| name(lease) == "a").count();
    assert_eq!(to_a, 6);
}

#[tokio::test]
async fn a_member_that_is_not_enabled_is_never_taken() {
    let members = [member("a", 1).with_enabled(false), member("b", 1)];
    let pool = ProxyPool::new(&PoolConfig::new(members).unwrap());
    assert_eq!(names(&pool, 3), "b b b");
    assert_eq!(pool.attempts().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_has_failed_is_passed_over_for_half_a_minute() {
    let pool = pool(PoolStrategy::RoundRobin, [("a", 1), ("b", 1)]);
    lease(&pool).mark_unhealthy();
    assert_eq!(names(&pool, 3), "b b b");
    advance(Duration::from_secs(29)).await;
    assert_eq!(names(&pool, 1), "b");
    advance(Duration::from_secs(1)).await;
    assert!(names(&pool, 2).contains('a'));
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_fails_its_trial_is_passed_over_for_twice_as_long() {
    let pool = pool(PoolStrategy::RoundRobin, [("a", 1), ("b", 1)]);
    lease(&pool).mark_unhealthy();
    advance(Duration::from_secs(30)).await;
    let trial = loop {
        let lease = lease(&pool);
        if name(&lease) == "a" {
            break lease;
        }
    };
    assert_eq!(names(&pool, 2), "b b", "one trial at a time");
    trial.mark_unhealthy();
    drop(trial);
    advance(Duration::from_secs(59)).await;
    assert_eq!(names(&pool, 3), "b b b");
    advance(Duration::from_secs(1)).await;
    assert!(names(&pool, 2).contains('a'));
}

#[tokio::test(start_paused = true)]
async fn as_many_failures_as_the_breaker_is_set_to_are_forgiven() {
    let breaker = BreakerConfig::default().with_failures(3).unwrap();
    let breaker = breaker.with_cooldown_seconds(5).unwrap();
    let config = PoolConfig::new([member("a", 1), member("b", 1)]).unwrap();
    let pool = ProxyPool::new(&config.with_breaker(breaker));
    let a = lease(&pool);
    a.mark_unhealthy();
    a.mark_unhealthy();
    assert!(names(&pool, 2).contains('a'));
    a.mark_unhealthy();
    assert_eq!(names(&pool, 2), "b b");
    advance(Duration::from_secs(5)).await;
    assert!(names(&pool, 2).contains('a'));
}

#[tokio::test]
async fn sticky_gives_a_key_the_same_proxy_and_moves_only_the_keys_of_a_lost_one() {
    let pool = pool(PoolStrategy::Sticky, [("a", 1), ("b", 2), ("c", 1)]);
    let keys: Vec<_> = (0..400).map(|key| key.to_string()).collect();
    let owners = || {
        let owner = |key: &String| name(&pool.attempts_with_key(key).next().unwrap());
        keys.iter().map(owner).collect::<Vec<_>>()
    };
    let before = owners();
    assert_eq!(before, owners());
    let of_b = before.iter().filter(|owner| *owner == "b").count();
    assert!((160..=240).contains(&of_b), "{of_b}");
    let lost = pool.attempts_with_key(&keys[0]).next().unwrap();
    lost.mark_unhealthy();
    let after = owners();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before != after, *before == name(&lost));
    }
    lost.mark_healthy();
    assert_eq!(before, owners());
}

#[tokio::test]
async fn a_proxy_that_works_again_is_no_longer_passed_over() {
    let pool = pool(PoolStrategy::RoundRobin, [("a", 1), ("b", 1)]);
    let a = lease(&pool);
    a.mark_unhealthy();
    assert_eq!(names(&pool, 2), "b b");
    a.mark_healthy();
    assert!(names(&pool, 2).contains('a'));
}

#[tokio::test]
async fn if_all_have_failed_all_are_tried_again() {
    let pool = pool(PoolStrategy::RoundRobin, [("a", 1), ("b", 1)]);
    for lease in pool.attempts() {
        lease.mark_unhealthy();
    }
    let mut names: Vec<_> = pool.attempts().map(|lease| name(&lease)).collect();
    names.sort();
    assert_eq!(names, ["a", "b"]);
}

/// Has every member fail for so long that it is skipped for ten minutes.
async fn cut_off(pool: &ProxyPool) {
    for _ in 0..6 {
        pool.attempts().for_each(|lease| lease.mark_unhealthy());
        advance(Duration::from_secs(600)).await;
    }
    pool.attempts().for_each(|lease| lease.mark_unhealthy());
}

#[tokio::test(start_paused = true)]
async fn members_that_failed_together_come_back_one_after_the_other_at_once() {
    let pool = pool(
        PoolStrategy::LeastConnections,
        [("a", 1), ("b", 1), ("c", 1)],
    );
    cut_off(&pool).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let lease = lease(&pool);
        lease.mark_healthy();
        held.push(lease);
    }
    let names: Vec<_> = held.iter().map(name).collect();
    assert!(
        names.contains(&"a".to_owned()) && names.contains(&"b".to_owned()),
        "{names:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_member_that_comes_back_alone_has_one_other_tried_and_no_more() {
    let pool = pool(PoolStrategy::RoundRobin, [("a", 1), ("b", 1), ("c", 1)]);
    cut_off(&pool).await;
    lease(&pool).mark_healthy();
    let mut failed = 0;
    for _ in 0..20 {
        let first = lease(&pool);
        if name(&first) == "a" {
            first.mark_healthy();
        } else {
            first.mark_unhealthy();
            failed += 1;
        }
    }
    assert_eq!(failed, 1);
}

#[tokio::test]
async fn every_member_has_the_way_and_the_timeout_of_the_pool() {
    let gate: ProxyUrl = "http://gate:3128".parse().unwrap();
    let config = PoolConfig::new([member("a", 1)])
        .unwrap()
        .with_via([ProxyServer::new(gate)])
        .unwrap()
        .with_timeout_seconds(7)
        .unwrap();
    let lease = lease(&ProxyPool::new(&config));
    assert_eq!(
        lease.exit().to_string(),
        "socks5h://a:1080 via http://gate:3128"
    );
    assert_eq!(
        lease.exit().proxy().unwrap().timeout(),
        Duration::from_secs(7)
    );
}

fn strategy() -> impl Strategy<Value = PoolStrategy> {
    prop_oneof![
        Just(PoolStrategy::RoundRobin),
        Just(PoolStrategy::Random),
        Just(PoolStrategy::LeastConnections),
        Just(PoolStrategy::Sticky),
    ]
}

proptest! {
    /// Whatever has happened before: every enabled member is tried once, those that are marked
    /// after all others.
    #[test]
    fn attempts_end_with_every_enabled_member_tried_once(
        strategy in strategy(),
        members in prop::collection::vec((1_u64..=100, any::<bool>()), 1..6),
        marks in prop::collection::vec(any::<bool>(), 0..12),
    ) {
        let members = members.iter().enumerate().map(|(place, (weight, is_enabled))| {
            member(&format!("m{place}"), *weight).with_enabled(*is_enabled || place == 0)
        });
        let members: Vec<_> = members.collect();
        let mut enabled: Vec<_> = members.iter().filter(|member| member.is_enabled()).collect();
        let config = PoolConfig::new(members.clone()).unwrap().with_strategy(strategy);
        let pool = ProxyPool::new(&config);
        let mut marked = Vec::new();
        let mut kept = Vec::new();
        for is_marked in marks {
            let lease = lease(&pool);
            if is_marked {
                lease.mark_unhealthy();
                marked.push(name(&lease));
            } else {
                kept.push(lease);
            }
        }
        let tried: Vec<_> = pool.attempts().map(|lease| name(&lease)).collect();
        let is_marked: Vec<_> = tried.iter().map(|name| marked.contains(name)).collect();
        prop_assert!(is_marked.is_sorted(), "{tried:?} {marked:?}");
        enabled.retain(|member| !tried.contains(&member.server().unwrap().url().host().to_string()));
        prop_assert!(enabled.is_empty(), "{enabled:?}");
        let mut once = tried.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), tried.len());
    }
}
