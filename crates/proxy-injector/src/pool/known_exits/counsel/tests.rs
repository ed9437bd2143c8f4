//! A pool, and others that advise it.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use parking_lot::Mutex;
use proxy_config::{Bind, DirectExit, Exit, PoolConfig, PoolMember, PoolStrategy, ProxyUrl};
use transport::{Egress, HealthAdvice, HealthMark};

use super::*;
use crate::pool::known_exits::{KnownExits, PoolId, Selected};
use crate::pool::record::{Ban, Course};

/// The others, and what they are told: until when, or that it is over.
#[derive(Debug, Default)]
struct Others {
    heard: Mutex<Arc<[Advice]>>,
    told: Mutex<Vec<(String, Option<Instant>)>>,
}

impl HealthAdvice for Others {
    fn mark(&self, mark: HealthMark, until: Instant) {
        self.told.lock().push((name(&mark), Some(until)));
    }

    fn clear(&self, mark: &HealthMark) {
        self.told.lock().push((name(mark), None));
    }

    fn heard(&self) -> Arc<[Advice]> {
        Arc::clone(&self.heard.lock())
    }
}

fn name(mark: &HealthMark) -> String {
    let exchange = mark.exchange.as_deref().unwrap_or("-");
    format!("{} {exchange}", mark.egress)
}

struct Rig {
    others: Arc<Others>,
    exits: KnownExits,
    pool: PoolId,
    now: Instant,
}

const MINUTE: Duration = Duration::from_secs(60);

fn members(names: &str) -> PoolConfig {
    let member = |name: &str| {
        let url: ProxyUrl = format!("http://{name}:1").parse().unwrap();
        PoolMember::new(url)
    };
    PoolConfig::new(names.split(' ').map(member)).unwrap()
}

fn binance() -> ExchangeId {
    ExchangeId::new("binance").unwrap()
}

impl Rig {
    fn new(config: &PoolConfig) -> Self {
        let (others, mut exits, now) = (
            Arc::<Others>::default(),
            KnownExits::default(),
            Instant::now(),
        );
        exits.set_advice(Arc::clone(&others) as _);
        Self {
            pool: exits.add_pool(config, now),
            others,
            exits,
            now,
        }
    }

    /// From now on, others say these things for a minute: `who exit`, or `who exit exchange`.
    fn hear(&self, said: &[&str]) {
        let said = said.iter().map(|said| {
            let mut words = said.split(' ');
            let mut next = || words.next();
            Advice {
                adviser: next().unwrap().into(),
                mark: HealthMark {
                    egress: Egress::Proxy(format!("{}:1", next().unwrap()).parse().unwrap()),
                    exchange: next().map(str::to_owned),
                },
                heard_at: self.now,
                until: self.now + MINUTE,
            }
        });
        *self.others.heard.lock() = said.collect();
    }

    fn select(&mut self, course: &Course<'_>) -> Selected {
        let has_room = |_: &Exit| true;
        let selected = self
            .exits
            .select(self.pool, course, &HashSet::new(), has_room, self.now);
        let selected = selected.unwrap();
        self.exits.release(selected.id, selected.trial, self.now);
        selected
    }

    /// The places of the members that so many connections to Binance take.
    fn take(&mut self, count: usize) -> Vec<usize> {
        let exchange = binance();
        let course = Course {
            exchange: Some(&exchange),
            ..Course::default()
        };
        (0..count).map(|_| self.select(&course).place).collect()
    }

    fn taken(&mut self) -> BTreeSet<usize> {
        self.take(20).into_iter().collect()
    }

    fn take_told(&self) -> Vec<(String, Option<Duration>)> {
        let told = std::mem::take(&mut *self.others.told.lock());
        let left = |until: Option<Instant>| until.map(|until| until - self.now);
        let told = told.into_iter();
        told.map(|(mark, until)| (mark, left(until))).collect()
    }
}

#[test]
fn whom_others_advise_against_is_passed_over_and_the_turns_of_the_rest_stay() {
    let mut rig = Rig::new(&members("a b c d"));
    assert_eq!(rig.take(4), [0, 1, 2, 3]);
    rig.hear(&["x b"]);
    assert_eq!(rig.take(6), [0, 2, 3, 0, 2, 3]);
    rig.now += MINUTE;
    // It is the next one. The other turns that it has missed are lost.
    let taken = rig.take(40);
    let count = |place: usize| taken.iter().filter(|taken| **taken == place).count();
    assert_eq!(taken[0], 1);
    assert!(count(1) <= 11, "{taken:?}");
}

#[test]
fn every_strategy_passes_it_over_and_keeps_the_weights_of_the_rest() {
    for strategy in [
        PoolStrategy::RoundRobin,
        PoolStrategy::Random,
        PoolStrategy::LeastConnections,
        PoolStrategy::Sticky,
    ] {
        fastrand::seed(18);
        let member = |(name, weight): (&str, u64)| {
            let url: ProxyUrl = format!("http://{name}:1").parse().unwrap();
            PoolMember::new(url).with_weight(weight).unwrap()
        };
        let weighted = [("a", 5), ("b", 3), ("c", 1), ("d", 1)];
        let config = PoolConfig::new(weighted.map(member)).unwrap();
        let mut rig = Rig::new(&config.with_strategy(strategy));
        rig.hear(&["x a"]);
        let mut taken = [0; 4];
        let mut held = Vec::new();
        for number in 0..1_000 {
            let key = number.to_string();
            let course = Course {
                affinity: Some(&key),
                ..Course::default()
            };
            let selected = rig
                .exits
                .select(rig.pool, &course, &HashSet::new(), |_| true, rig.now);
            held.push(selected.unwrap());
            taken[held.last().unwrap().place] += 1;
        }
        assert_eq!(taken[0], 0, "{strategy}");
        assert!((500..700).contains(&taken[1]), "{strategy}: {taken:?}");
    }
}

#[test]
fn with_sticky_nobody_moves_but_those_of_the_member_that_is_advised_against() {
    let mut rig = Rig::new(&members("a b c d").with_strategy(PoolStrategy::Sticky));
    let keys: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    let places = |rig: &mut Rig| -> Vec<usize> {
        let of_key = |key: &String| {
            rig.select(&Course {
                affinity: Some(key),
                ..Course::default()
            })
            .place
        };
        keys.iter().map(of_key).collect()
    };
    let before = places(&mut rig);
    rig.hear(&["x b"]);
    let meanwhile = places(&mut rig);
    for (before, meanwhile) in before.iter().zip(&meanwhile) {
        assert_ne!(*meanwhile, 1);
        assert!(*before == 1 || before == meanwhile);
    }
    rig.now += MINUTE;
    assert_eq!(places(&mut rig), before);
}

#[test]
fn it_is_used_when_there_is_no_other_and_nobody_waits_for_others() {
    let mut alone = Rig::new(&members("a"));
    alone.hear(&["x a"]);
    assert_eq!(alone.take(2), [0, 0]);

    let mut rig = Rig::new(&members("a b c"));
    rig.hear(&["x a"]);
    let (full, apart) = (["b", "c"], Egress::Proxy("b:1".parse().unwrap()));
    let is_full = |exit: &Exit| {
        let host = exit.proxy().unwrap().url().host().to_string();
        full.contains(&host.as_str())
    };
    let course = Course::default();
    let tried = HashSet::new();
    let selected = rig
        .exits
        .select(rig.pool, &course, &tried, |exit| !is_full(exit), rig.now);
    assert_eq!(selected.unwrap().place, 0);

    let course = Course {
        apart_from: &[apart],
        ..course
    };
    let tried = HashSet::from([2]);
    let selected = rig
        .exits
        .select(rig.pool, &course, &tried, |_| true, rig.now);
    assert_eq!(selected.unwrap().place, 0);

    // What has failed here is not used before it.
    for place in [1, 2] {
        let failed = rig.exits.take(rig.pool, place, rig.now).unwrap();
        rig.exits.fail(failed.id, rig.now);
    }
    assert_eq!(rig.take(3), [0, 0, 0]);
}

#[test]
fn an_exchange_is_advised_of_for_itself_only() {
    let mut rig = Rig::new(&members("a b"));
    rig.hear(&["x a kraken"]);
    assert_eq!(rig.taken().len(), 2);
    rig.hear(&["x a binance"]);
    assert_eq!(rig.taken(), [1].into());
    let anonymous = (0..4).map(|_| rig.select(&Course::default()).place);
    assert_eq!(anonymous.collect::<BTreeSet<_>>().len(), 2);
}

#[test]
fn what_works_here_is_not_advised_against_until_others_find_anew() {
    let mut rig = Rig::new(&members("a b"));
    let first = rig.exits.take(rig.pool, 0, rig.now).unwrap().id;
    rig.hear(&["x a"]);
    rig.now += Duration::from_secs(1);
    assert_eq!(rig.taken(), [1].into());
    rig.exits.succeed(first, None, rig.now);
    assert_eq!(rig.taken().len(), 2);
    rig.now += Duration::from_secs(1);
    rig.hear(&["x a"]);
    assert_eq!(rig.taken(), [1].into());

    // It connects, which does not tell whether the exchange wants it.
    rig.hear(&["x a binance"]);
    rig.exits.succeed(first, None, rig.now);
    rig.exits
        .serve(first, &ExchangeId::new("kraken").unwrap(), rig.now);
    assert_eq!(rig.taken(), [1].into());
    rig.exits.serve(first, &binance(), rig.now);
    assert_eq!(rig.taken().len(), 2);
}

#[test]
fn who_advises_against_more_than_half_of_a_pool_is_not_heeded_and_others_are() {
    let mut rig = Rig::new(&members("a b c d e"));
    // It has no network, or lies.
    let broken = ["x a", "x b", "x c"];
    rig.hear(&broken);
    assert_eq!(rig.taken().len(), 5);
    rig.hear(&[&broken[..], &["y a", "y b"]].concat());
    assert_eq!(rig.taken(), [2, 3, 4].into());
    rig.hear(&["x a", "x b binance", "x c binance"]);
    assert_eq!(rig.taken().len(), 5);
    rig.hear(&["x a", "x b kraken", "x c kraken"]);
    assert_eq!(rig.taken(), [1, 2, 3, 4].into());
    // Each for itself is heeded, and all together are not.
    rig.hear(&["x a", "y b"]);
    assert_eq!(rig.taken(), [2, 3, 4].into());
    rig.hear(&["x a", "y b", "z c"]);
    assert_eq!(rig.taken().len(), 5);
}

#[test]
fn advice_neither_opens_a_breaker_nor_makes_anything_usable() {
    let mut rig = Rig::new(&members("a b c d e"));
    let [banned, failed] = [0, 1].map(|place| rig.exits.take(rig.pool, place, rig.now).unwrap());
    let ban = (Ban::Strict, Some(MINUTE));
    rig.exits.ban(banned.id, &binance(), ban, rig.now);
    rig.exits.fail(failed.id, rig.now);
    rig.hear(&["x c", "x d"]);
    assert_eq!(rig.taken(), [4].into());
    let tried = HashSet::from([2, 3, 4]);
    let exchange = binance();
    let course = Course {
        exchange: Some(&exchange),
        ..Course::default()
    };
    let selected = rig
        .exits
        .select(rig.pool, &course, &tried, |_| true, rig.now);
    assert!(selected.is_none(), "{selected:?}");
    assert_eq!(rig.exits.ready(rig.pool).count(), 4);
    let last = rig
        .exits
        .last_resort(rig.pool, &course, &HashSet::new(), rig.now);
    assert_eq!(last, [2, 3, 4, 1]);
}

#[test]
fn others_are_told_when_a_breaker_opens_and_closes_and_of_bans() {
    let mut rig = Rig::new(&members("a b"));
    let first = rig.exits.take(rig.pool, 0, rig.now).unwrap().id;
    rig.exits.succeed(first, None, rig.now);
    assert_eq!(rig.take_told(), []);
    rig.exits.fail(first, rig.now);
    let told = |mark: &str, seconds: Option<u64>| {
        let left = seconds.map(Duration::from_secs);
        vec![(mark.to_owned(), left)]
    };
    assert_eq!(rig.take_told(), told("a:1 -", Some(30)));
    rig.now += Duration::from_secs(30);
    let trial = rig.exits.take(rig.pool, 0, rig.now).unwrap();
    assert_eq!(rig.take_told(), []);
    rig.exits.fail(trial.id, rig.now);
    assert_eq!(rig.take_told(), told("a:1 -", Some(60)));
    rig.exits.succeed(first, None, rig.now);
    assert_eq!(rig.take_told(), told("a:1 -", None));
    let ban = (Ban::Declined, None);
    rig.exits.ban(first, &binance(), ban, rig.now);
    assert_eq!(rig.take_told(), told("a:1 binance", Some(600)));
    rig.exits.pardon(rig.now);
    assert_eq!(rig.take_told(), told("a:1 binance", None));
}

#[test]
fn nobody_is_told_of_exits_that_differ_by_logins_or_are_of_this_machine_nor_heeds_it() {
    let urls = ["http://u1:p@gate:1", "http://u2:p@gate:1", "http://c:1"];
    let proxies = urls.map(|url| PoolMember::new(url.parse::<ProxyUrl>().unwrap()));
    let bind: Bind = "192.0.2.7".parse().unwrap();
    let local = PoolMember::direct_from(DirectExit::new(bind));
    let config = PoolConfig::new(proxies.into_iter().chain([local])).unwrap();
    let mut rig = Rig::new(&config);
    for place in 0..4 {
        let failed = rig.exits.take(rig.pool, place, rig.now).unwrap();
        rig.exits.fail(failed.id, rig.now);
    }
    let told = rig.take_told();
    let told: Vec<_> = told.iter().map(|(mark, _)| mark.as_str()).collect();
    assert_eq!(told, ["c:1 -"]);
    rig.exits.pardon(rig.now);
    rig.hear(&["x gate"]);
    assert_eq!(rig.taken().len(), 4);
}
