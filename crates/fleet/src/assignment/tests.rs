//! Two collectors and a server, step by step.

use std::time::{Duration, Instant};

use super::*;
use crate::bucket::Bucket;
use crate::reliance::Reliance;

/// A few collectors at one bucket, without a network between them.
struct Rig {
    now: Instant,
    bucket: Bucket,
    collectors: Vec<Assignment>,
    roles: Vec<Vec<Role>>,
    /// Which of them are cut off from the server.
    cut_off: Vec<bool>,
    is_streaming: bool,
}

const SHARDS: u16 = 8;

impl Rig {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            bucket: Bucket::new(Some(Terms::default().lease())),
            collectors: Vec::new(),
            roles: Vec::new(),
            cut_off: Vec::new(),
            is_streaming: true,
        }
    }

    fn join(&mut self) -> usize {
        let number = self.collectors.len();
        let id = CollectorId::parse(&format!("c{number}")).unwrap();
        let shards = ShardCount::new(SHARDS).unwrap();
        let mut collector = Assignment::new(id, shards, Terms::default());
        for other in &self.collectors {
            collector.hear(&other.own, other.said.clone(), self.now);
        }
        self.collectors.push(collector);
        self.roles.push(vec![Role::Off; usize::from(SHARDS)]);
        self.cut_off.push(false);
        number
    }

    /// Lets time pass, in small steps.
    fn pass(&mut self, seconds: f64) {
        let end = self.now + Duration::from_secs_f64(seconds);
        while self.now < end {
            self.now += Duration::from_millis(100);
            for number in 0..self.collectors.len() {
                self.step(number);
            }
            self.check();
        }
    }

    fn step(&mut self, number: usize) {
        // Everything that follows at once.
        for _ in 0..20 {
            let actions = self.collectors[number].poll(self.now);
            if actions.is_empty() {
                return;
            }
            for action in actions {
                self.act(number, action);
            }
        }
        panic!("it asks without end");
    }

    fn act(&mut self, number: usize, action: Action) {
        let now = self.now;
        match action {
            Action::Present(_) if self.cut_off[number] => {}
            Action::Present(presence) => {
                let id = self.collectors[number].own.clone();
                for (other, collector) in self.collectors.iter_mut().enumerate() {
                    if !self.cut_off[other] {
                        collector.hear(&id, Some(presence.clone()), now);
                    }
                }
            }
            Action::Ask { shard, ask, owner } => {
                let answer = match self.cut_off[number] {
                    true => Answer::Unreachable,
                    false => self.bucket.ask(shard, ask, &owner, now),
                };
                self.collectors[number].answer(shard, answer, now);
            }
            Action::Play { shard, role } => {
                self.roles[number][shard.index()] = role;
                if role == Role::Warm && self.is_streaming {
                    self.collectors[number].ready(shard);
                }
            }
        }
    }

    fn check(&self) {
        let mut seen = BTreeSet::new();
        for collector in &self.collectors {
            for shard in collector.confirmed(self.now) {
                assert!(seen.insert(shard), "two have {shard}");
            }
        }
    }

    /// How many shards each of them publishes as the owner.
    fn owned(&self) -> Vec<usize> {
        let owned = self.collectors.iter();
        owned.map(|it| it.owned().count()).collect()
    }

    fn count(&self, number: usize, is: impl Fn(&Role) -> bool) -> usize {
        self.roles[number].iter().filter(|role| is(role)).count()
    }
}

const LEASE: f64 = 10.0;

#[test]
fn one_has_everything_and_hands_over_to_a_second_one_that_streams_already() {
    let mut rig = Rig::new();
    let first = rig.join();
    rig.pass(1.0);
    assert_eq!(rig.owned(), [8]);
    rig.is_streaming = false;
    let second = rig.join();
    rig.pass(1.0);
    let moving = rig.count(second, |role| *role == Role::Warm);
    assert!((1..8).contains(&moving), "{moving}");
    rig.pass(LEASE);
    assert_eq!(rig.owned(), [8, 0]);
    for shard in ShardCount::new(SHARDS).unwrap().iter() {
        rig.collectors[second].ready(shard);
    }
    rig.pass(1.0);
    assert_eq!(rig.owned(), [8 - moving, moving]);
    // The old one goes on beside it for a while.
    assert_eq!(
        rig.count(first, |role| matches!(role, Role::Linger(_))),
        moving
    );
    for (old, new) in rig.roles[first].iter().zip(&rig.roles[second]) {
        if let (Role::Linger(old), Role::Own(new)) = (old, new) {
            assert!(old < new);
        }
    }
    rig.pass(LEASE);
    assert_eq!(rig.count(first, |role| *role == Role::Off), moving);
}

#[test]
fn who_never_streams_gets_nothing_from_those_that_do() {
    let mut rig = Rig::new();
    rig.join();
    rig.pass(1.0);
    rig.is_streaming = false;
    rig.join();
    rig.pass(10.0 * LEASE);
    assert_eq!(rig.owned(), [8, 0]);
}

#[test]
fn what_dies_loses_its_shards_within_the_lease() {
    let mut rig = Rig::new();
    rig.join();
    let second = rig.join();
    rig.pass(LEASE);
    let lost = rig.owned()[second];
    assert!(lost > 0);
    rig.collectors.pop();
    rig.pass(LEASE + 1.0);
    assert_eq!(rig.owned(), [8]);
}

#[test]
fn what_is_cut_off_goes_on_and_comes_back_fenced() {
    let mut rig = Rig::new();
    let first = rig.join();
    let second = rig.join();
    rig.pass(LEASE);
    let before = rig.owned();
    rig.cut_off[second] = true;
    rig.pass(2.0 * LEASE);
    assert_eq!(rig.owned(), [8, before[second]], "both publish");
    assert_eq!(rig.collectors[second].confirmed(rig.now).count(), 0);
    let fences = |rig: &Rig, number: usize| -> Vec<_> {
        let owned = rig.collectors[number].owned();
        owned.collect()
    };
    for (shard, fence) in fences(&rig, second) {
        let successor = fences(&rig, first);
        let successor = successor.iter().find(|(it, _)| *it == shard).unwrap();
        assert!(fence < successor.1);
    }
    rig.cut_off[second] = false;
    rig.pass(1.0);
    assert_eq!(rig.count(second, |role| matches!(role, Role::Own(_))), 0);
    rig.pass(2.0 * LEASE);
    assert_eq!(rig.owned(), before);
}

#[test]
fn without_the_server_all_go_on_and_nothing_moves_when_it_is_back() {
    let mut rig = Rig::new();
    rig.join();
    rig.join();
    rig.pass(LEASE);
    let before = rig.owned();
    rig.cut_off = vec![true; 2];
    rig.pass(6.0 * LEASE);
    assert_eq!(rig.owned(), before);
    rig.cut_off = vec![false; 2];
    rig.pass(0.6);
    assert_eq!(rig.owned(), before);
    let confirmed = rig
        .collectors
        .iter()
        .map(|it| it.confirmed(rig.now).count());
    assert_eq!(confirmed.collect::<Vec<_>>(), before);
}

/// Whether a collector is sure of what it owns, for all of it.
fn is_sure(rig: &Rig, number: usize) -> bool {
    let collector = &rig.collectors[number];
    let reliance = Reliance::default();
    reliance.set(collector.relied());
    let mut owned = collector
        .owned()
        .map(|(shard, fence)| reliance.is_sure(shard, fence, rig.now));
    let first = owned.next().unwrap();
    assert!(owned.all(|it| it == first), "some are and some are not");
    first
}

#[test]
fn who_was_away_is_sure_again_at_once_only_if_its_leases_were_not_over() {
    let mut rig = Rig::new();
    let first = rig.join();
    rig.pass(1.0);
    assert!(!is_sure(&rig, first), "it has just got them");
    rig.pass(LEASE);
    assert!(is_sure(&rig, first));

    // Stopped: nothing happens in it, and no answer comes.
    let ends = |rig: &Rig| -> Vec<_> {
        let relied = rig.collectors[first].relied();
        relied.map(|(_, it)| it.until).collect()
    };
    rig.now = *ends(&rig).iter().min().unwrap() - Duration::from_millis(1);
    assert!(is_sure(&rig, first));
    rig.now = *ends(&rig).iter().max().unwrap();
    assert!(!is_sure(&rig, first), "before anybody has told it");
    rig.pass(0.1);
    assert!(is_sure(&rig, first), "nobody else can have had them");

    rig.now += Duration::from_secs_f64(1.5 * LEASE);
    assert!(!is_sure(&rig, first));
    rig.pass(0.5);
    assert_eq!(rig.owned(), [8]);
    assert!(!is_sure(&rig, first), "another may have come and gone");
    rig.pass(LEASE);
    assert!(is_sure(&rig, first));
}

#[test]
fn who_leaves_hands_over_first_and_the_last_one_removes_its_leases_at_once() {
    let mut rig = Rig::new();
    let first = rig.join();
    let second = rig.join();
    rig.pass(LEASE);
    let now = rig.now;
    rig.collectors[second].leave(now);
    rig.pass(2.0);
    assert_eq!(rig.owned(), [8, 0]);
    rig.pass(LEASE);
    assert!(rig.collectors[second].has_left());
    let now = rig.now;
    rig.collectors[first].leave(now);
    rig.pass(1.0);
    assert_eq!(rig.owned(), [0, 0]);
    assert_eq!(rig.bucket.keys(rig.now), Vec::<String>::new());
    rig.pass(LEASE);
    assert!(rig.collectors[first].has_left());
}

#[test]
fn what_nobody_streams_in_time_is_released_by_whoever_leaves() {
    let mut rig = Rig::new();
    let first = rig.join();
    rig.pass(1.0);
    rig.is_streaming = false;
    rig.join();
    rig.pass(1.0);
    let now = rig.now;
    rig.collectors[first].leave(now);
    rig.pass(2.0 * LEASE);
    assert!(rig.owned()[first] > 0, "it waits for the other one");
    rig.pass(2.0 * LEASE);
    assert!(rig.collectors[first].has_left());
    assert_eq!(rig.owned(), [0, 8]);
}

#[test]
fn who_can_stream_nothing_gets_nothing_of_one_that_dies_unless_nobody_else_is_there() {
    let mut rig = Rig::new();
    let (a, b) = (rig.join(), rig.join());
    rig.pass(30.0);
    rig.is_streaming = false;
    let c = rig.join();
    let lease = Terms::default().lease().as_secs_f64();
    rig.pass(lease * 7.0);
    assert_eq!(rig.collectors[c].said, Some(Presence::Aside));
    assert!(rig.roles[c].iter().all(|role| *role == Role::Off));
    // It dies: the other has everything.
    rig.cut_off[a] = true;
    rig.is_streaming = true;
    rig.pass(lease * 2.0);
    assert_eq!(rig.collectors[b].owned().count(), usize::from(SHARDS));
    // What it tries again may work by now.
    rig.pass(lease * 6.0);
    let had = rig.collectors[c].owned().count();
    assert!(had > 0 && matches!(rig.collectors[c].said, Some(Presence::There { .. })));

    let mut rig = Rig::new();
    let a = rig.join();
    rig.pass(30.0);
    rig.is_streaming = false;
    let c = rig.join();
    rig.pass(lease * 7.0);
    assert_eq!(rig.collectors[c].said, Some(Presence::Aside));
    rig.cut_off[a] = true;
    rig.pass(lease * 2.0);
    assert_eq!(rig.collectors[c].owned().count(), usize::from(SHARDS));
}
