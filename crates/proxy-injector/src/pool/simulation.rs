//! Hours of a large pool, in virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::time::Duration;

use proxy_config::{PoolConfig, PoolMember, PoolStrategy, ProxyUrl};
use tokio::time::Instant;

use super::known_exits::{KnownExits, PoolId, Selected};
use super::record::Course;

const MEMBERS: usize = 1_000;
const HOURS: u64 = 8;
/// From one dial to the next.
fn pause(strategy: PoolStrategy) -> Duration {
    // Scores of a thousand members take longer than the first one in order.
    let millis = if strategy == PoolStrategy::Sticky {
        1_000
    } else {
        200
    };
    Duration::from_millis(millis)
}
/// How long a connection lasts, on average.
// So that each has many: a whole connection more or less is a large part of few.
const LASTING: Duration = Duration::from_secs(12 * 3_600);
/// How many selections are shared at a time.
const SAMPLE: usize = 20;
/// The default of a pool.
const COOLDOWN: Duration = Duration::from_secs(30);

/// One proxy as it really is, and what it was asked.
struct Truth {
    weight: u64,
    is_up: bool,
    changes_at: Instant,
    failed_at: Vec<Instant>,
    asked_at: Instant,
    open: u32,
    longest_unasked: Duration,
    /// The selections, or for the fewest connections these, while it may be used.
    taken: f64,
    /// What its weight entitles it to of all of them.
    due: f64,
}

struct World {
    exits: KnownExits,
    pool: PoolId,
    truth: Vec<Truth>,
    /// When connections end.
    open: BinaryHeap<Reverse<(Instant, usize)>>,
    held: Vec<Option<Selected>>,
    counts_turns: bool,
    selections: usize,
}

fn exponential(mean: Duration) -> Duration {
    mean.mul_f64(-(1.0 - fastrand::f64()).ln())
}

impl World {
    fn new(strategy: PoolStrategy, now: Instant) -> Self {
        let members = (0..MEMBERS).map(|place| {
            let url: ProxyUrl = format!("socks5h://p{place}:1080").parse().unwrap();
            PoolMember::new(url).with_weight(weight(place)).unwrap()
        });
        let config = PoolConfig::new(members).unwrap().with_strategy(strategy);
        let mut exits = KnownExits::default();
        let pool = exits.add_pool(&config, now);
        let truth = (0..MEMBERS).map(|place| Truth {
            weight: weight(place),
            is_up: true,
            changes_at: now + exponential(Duration::from_secs(3_600)),
            failed_at: Vec::new(),
            asked_at: now,
            open: 0,
            longest_unasked: Duration::ZERO,
            taken: 0.0,
            due: 0.0,
        });
        Self {
            truth: truth.collect(),
            exits,
            pool,
            open: BinaryHeap::new(),
            held: Vec::new(),
            counts_turns: strategy != PoolStrategy::LeastConnections,
            selections: 0,
        }
    }

    /// One dial: the members that are asked for it, until one is up.
    fn dial(&mut self, now: Instant, key: &str) {
        while let Some(Reverse((end, _))) = self.open.peek()
            && *end <= now
        {
            let Reverse((_, slot)) = self.open.pop().unwrap();
            let ended = self.held[slot].take().unwrap();
            self.truth[ended.place].open -= 1;
            self.exits.release(ended.id, ended.trial, now);
        }
        let course = Course {
            affinity: Some(key),
            ..Course::default()
        };
        let mut tried = HashSet::new();
        loop {
            let selected = self.exits.select(self.pool, &course, &tried, |_| true, now);
            let selected = selected.expect("some are up");
            tried.insert(selected.place);
            let truth = &mut self.truth[selected.place];
            truth.longest_unasked = truth.longest_unasked.max(now - truth.asked_at);
            truth.asked_at = now;
            while truth.changes_at <= now {
                truth.is_up = !truth.is_up;
                let mean = if truth.is_up { 3_600 } else { 300 };
                truth.changes_at += exponential(Duration::from_secs(mean));
            }
            if self.counts_turns {
                truth.taken += 1.0;
                self.selections += 1;
                if self.selections.is_multiple_of(SAMPLE) {
                    self.share(SAMPLE as f64);
                }
            }
            let truth = &mut self.truth[selected.place];
            if truth.is_up {
                self.exits.succeed(selected.id, None, now);
                let end = now + exponential(LASTING);
                self.open.push(Reverse((end, self.held.len())));
                self.truth[selected.place].open += 1;
                self.held.push(Some(selected));
                return;
            }
            truth.failed_at.push(now);
            self.exits.fail(selected.id, now);
            self.exits.release(selected.id, selected.trial, now);
        }
    }

    /// Shares `selections` as the weights say.
    fn share(&mut self, selections: f64) {
        let ready: Vec<_> = self.exits.ready(self.pool).collect();
        let weights: u64 = ready.iter().map(|place| self.truth[*place].weight).sum();
        for place in ready {
            let truth = &mut self.truth[place];
            truth.due += selections * truth.weight as f64 / weights as f64;
        }
    }
}

impl World {
    /// Shares the open connections as the weights say.
    fn count_open(&mut self) {
        let ready: Vec<_> = self.exits.ready(self.pool).collect();
        let mut all = 0.0;
        for place in ready {
            let truth = &mut self.truth[place];
            let open = f64::from(truth.open);
            truth.taken += open;
            all += open;
        }
        self.share(all);
    }
}

fn weight(place: usize) -> u64 {
    place as u64 % 4 + 1
}

#[test]
fn in_hours_of_random_failures_nobody_is_asked_in_vain_twice_or_starves() {
    for strategy in [
        PoolStrategy::RoundRobin,
        PoolStrategy::Random,
        PoolStrategy::LeastConnections,
        PoolStrategy::Sticky,
    ] {
        fastrand::seed(15);
        let pause = pause(strategy);
        let start = Instant::now();
        let mut world = World::new(strategy, start);
        let dials = Duration::from_secs(3_600 * HOURS).div_duration_f64(pause) as u32;
        for dial in 0..dials {
            if !world.counts_turns && (dial as usize).is_multiple_of(SAMPLE) {
                world.count_open();
            }
            world.dial(start + dial * pause, &dial.to_string());
        }
        let end = start + dials * pause;
        let failures: usize = world.truth.iter().map(|it| it.failed_at.len()).sum();
        assert!(failures > MEMBERS, "{strategy}: {failures}");
        for truth in &world.truth {
            let mut windows = truth.failed_at.windows(2);
            assert!(
                windows.all(|pair| pair[1] - pair[0] >= COOLDOWN),
                "{strategy}"
            );
            let unasked = truth.longest_unasked.max(end - truth.asked_at);
            // The lightest one has one turn of 2,500, some rounds late where that is by chance, and the
            // longest cool-down comes first.
            let rounds = match strategy {
                PoolStrategy::RoundRobin | PoolStrategy::LeastConnections => 2,
                PoolStrategy::Random | PoolStrategy::Sticky => 12,
            };
            let most = Duration::from_secs(600) + 2_500 * rounds * pause;
            assert!(unasked < most, "{strategy}: {unasked:?}");
        }
        for weight in 1..=4 {
            let of_weight = world.truth.iter().filter(|truth| truth.weight == weight);
            let (taken, due) = of_weight.fold((0.0, 0.0), |(taken, due), truth| {
                (taken + truth.taken, due + truth.due)
            });
            let error = taken / due - 1.0;
            assert!(
                error.abs() < 0.02,
                "{strategy}, weight {weight}: {error:.4}"
            );
        }
    }
}
