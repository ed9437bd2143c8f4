//! Hours of a large fleet, in virtual time.

mod exchange;
mod node;
mod server;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::env;
use std::time::{Duration, Instant};

use fastrand::Rng;

use self::exchange::{Exchange, TOTAL, TRADE};
use self::node::{Clock, Node};
use self::server::{Question, Reply, Server};
use crate::collector::CollectorId;
use crate::shard::ShardCount;
use crate::terms::Terms;

const COLLECTORS: usize = 100;
const LEASE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_secs(2);
/// Without faults, at the end.
const CALM: Duration = Duration::from_secs(1_200);

#[derive(Debug)]
enum Event {
    Tick(u64),
    Arrives {
        node: u64,
        number: u64,
        question: Question,
    },
    Answered {
        node: u64,
        number: u64,
        reply: Reply,
    },
    Counted(u32),
    /// Everybody hears what is new.
    Broadcast,
    Fault,
    CutOff(u64, bool),
    ServerUp,
    Join,
    Leave(u64),
}

struct World {
    rng: Rng,
    start: Instant,
    now: Instant,
    end: Instant,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    events: BTreeMap<u64, Event>,
    numbers: u64,
    server: Server,
    exchange: Exchange,
    nodes: BTreeMap<u64, Node>,
    terms: Terms,
    shards: ShardCount,
    /// How many faults of each kind there were.
    faults: [u32; 5],
}

impl World {
    fn new(seed: u64, hours: f64) -> Self {
        let start = Instant::now();
        let mut world = Self {
            rng: Rng::with_seed(seed),
            start,
            now: start,
            end: start + Duration::from_secs_f64(hours * 3_600.0),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            numbers: 0,
            server: Server::new(LEASE),
            exchange: Exchange::default(),
            nodes: BTreeMap::new(),
            terms: Terms::new(LEASE).unwrap(),
            shards: ShardCount::default(),
            faults: [0; 5],
        };
        for _ in 0..COLLECTORS {
            let after = world.within(0.0, 60.0);
            world.schedule(after, Event::Join);
        }
        world.schedule(TICK, Event::Broadcast);
        world.schedule(Duration::from_secs(300), Event::Fault);
        world
    }

    fn within(&mut self, least: f64, most: f64) -> Duration {
        Duration::from_secs_f64(least + self.rng.f64() * (most - least))
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.numbers += 1;
        self.events.insert(self.numbers, event);
        self.queue.push(Reverse((self.now + after, self.numbers)));
    }

    fn run(&mut self) {
        while let Some(Reverse((at, number))) = self.queue.pop()
            && at < self.end
        {
            self.now = at;
            let event = self.events.remove(&number).unwrap();
            self.happen(event);
        }
        self.now = self.end;
    }

    fn traded(&self) -> u64 {
        (self.now - self.start).as_secs() / TRADE.as_secs()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(node) => {
                if self.nodes.contains_key(&node) {
                    self.tick(node);
                    self.schedule(TICK, Event::Tick(node));
                }
            }
            Event::Arrives {
                node,
                number,
                question,
            } => self.arrive(node, number, question),
            Event::Answered {
                node,
                number,
                reply,
            } => self.answered(node, number, reply),
            Event::Counted(units) => self.exchange.count(units, self.now),
            Event::Broadcast => {
                self.broadcast();
                self.schedule(Duration::from_secs(1), Event::Broadcast);
            }
            Event::Fault => self.fault(),
            Event::CutOff(node, is_cut_off) => {
                if let Some(node) = self.nodes.get_mut(&node) {
                    node.is_cut_off = is_cut_off;
                }
            }
            Event::ServerUp => self.server.is_up = true,
            Event::Join => self.join(),
            Event::Leave(number) => {
                if let Some(node) = self.nodes.get_mut(&number) {
                    let local = node.clock.at(self.now);
                    node.assignment.leave(local);
                }
            }
        }
    }

    fn join(&mut self) {
        self.numbers += 1;
        let number = self.numbers;
        let clock = Clock {
            start: self.start,
            offset: self.within(0.0, 1_000_000.0),
            rate: 0.96 + 0.08 * self.rng.f64(),
        };
        let id = CollectorId::parse(&format!("c_{number}")).unwrap();
        let node = Node::new(id, clock, self.shards, self.terms, self.now);
        self.nodes.insert(number, node);
        self.tick(number);
        self.schedule(TICK, Event::Tick(number));
    }

    fn tick(&mut self, number: u64) {
        let (now, traded) = (self.now, self.traded());
        let node = self.nodes.get_mut(&number).unwrap();
        if node.paused_until.take_if(|until| *until <= now).is_none() && node.paused_until.is_some()
        {
            return;
        }
        let local = node.clock.at(now);
        let patience = self.terms.retry();
        let late = node.pending.iter();
        let late = late.filter(|(_, (_, at))| local > *at + patience);
        let late: Vec<_> = late.map(|(number, _)| *number).collect();
        for number in late {
            let (question, _) = node.pending.remove(&number).unwrap();
            node.give_up(&question, now);
        }
        // Some 1,500 of 6,000 units a minute by all, and now and then a large request.
        if self.rng.u32(..20) == 0 {
            let large = self.rng.u32(..50) == 0;
            node.waiting
                .push_back(if large { 250 } else { self.rng.u32(1..=10) });
        }
        let questions = node.poll(now, traded);
        let sent = node.send(now);
        let has_left = node.assignment.has_left();
        for question in questions {
            self.ask(number, question);
        }
        for units in sent {
            let after = self.within(0.0, 1.0);
            self.schedule(after, Event::Counted(units));
        }
        if has_left {
            self.nodes.remove(&number);
            self.schedule(Duration::from_secs(30), Event::Join);
        }
    }

    fn ask(&mut self, number: u64, question: Question) {
        self.numbers += 1;
        let question_number = self.numbers;
        let node = self.nodes.get_mut(&number).unwrap();
        let asked_at = node.clock.at(self.now);
        let is_cut_off = node.is_cut_off;
        node.pending
            .insert(question_number, (question.clone(), asked_at));
        if !is_cut_off {
            let after = self.latency();
            let (node, number) = (number, question_number);
            self.schedule(
                after,
                Event::Arrives {
                    node,
                    number,
                    question,
                },
            );
        }
    }

    /// Some questions and answers are on the way for so long that nobody waits for them any longer.
    fn latency(&mut self) -> Duration {
        match self.rng.u32(..200) {
            0 => self.within(1.0, 30.0),
            _ => self.within(0.001, 0.2),
        }
    }

    fn arrive(&mut self, number: u64, question: u64, asked: Question) {
        let now = self.now;
        // Also of a collector that is dead by now.
        let Some(node) = self.nodes.get(&number).filter(|_| self.server.is_up) else {
            return;
        };
        let reply = self.server.answer(&node.id, asked, now);
        if node.is_cut_off {
            return;
        }
        let after = self.latency();
        let (node, number) = (number, question);
        self.schedule(
            after,
            Event::Answered {
                node,
                number,
                reply,
            },
        );
    }

    fn answered(&mut self, number: u64, question: u64, reply: Reply) {
        let Some(node) = self.nodes.get_mut(&number) else {
            return;
        };
        if node.is_cut_off || node.paused_until.is_some() {
            return;
        }
        let Some((_, asked_at)) = node.pending.remove(&question) else {
            return;
        };
        let shard = match &reply {
            Reply::Shard(shard, _) => Some(*shard),
            _ => None,
        };
        node.take(reply, asked_at, self.now);
        if let Some(shard) = shard {
            let is_one = |node: &&Node| {
                let local = node.clock.at(self.now);
                node.assignment.confirmed(local).any(|it| it == shard)
            };
            let owners: Vec<_> = self
                .nodes
                .values()
                .filter(is_one)
                .map(|it| &it.id)
                .collect();
            assert!(owners.len() <= 1, "{shard} is of {owners:?}");
        }
        self.tick_now(number);
    }

    /// What follows from an answer at once.
    fn tick_now(&mut self, number: u64) {
        let (now, traded) = (self.now, self.traded());
        let node = self.nodes.get_mut(&number).unwrap();
        for question in node.poll(now, traded) {
            self.ask(number, question);
        }
    }

    fn broadcast(&mut self) {
        if !self.server.is_up {
            return;
        }
        let said = &self.server.said;
        for node in self.nodes.values_mut() {
            if node.is_cut_off || node.paused_until.is_some() {
                continue;
            }
            let local = node.clock.at(self.now);
            for (at, id, presence) in said.iter().skip(node.heard) {
                // What has been removed meanwhile is not told.
                if self.now < *at + LEASE {
                    node.assignment.hear(id, Some(presence.clone()), local);
                }
            }
            node.heard = said.len();
        }
    }

    fn fault(&mut self) {
        if self.now + CALM > self.end {
            return;
        }
        let pause = self.within(20.0, 100.0);
        self.schedule(pause, Event::Fault);
        // Something happens, and all ask for more than there is.
        if self.rng.u32(..8) == 0 {
            for node in self.nodes.values_mut() {
                node.waiting.push_back(80);
            }
        }
        let fine = self.nodes.iter();
        let fine = fine.filter(|(_, it)| !it.is_cut_off && it.paused_until.is_none());
        let fine: Vec<_> = fine.map(|(number, _)| *number).collect();
        let Some(number) = self.rng.choice(fine) else {
            return;
        };
        let kind = match self.rng.u32(..20) {
            0 => 4,
            other => usize::try_from(other % 4).unwrap(),
        };
        self.faults[kind] += 1;
        let long = self.rng.u32(..4) == 0;
        let time = self.within(5.0, if long { 900.0 } else { 90.0 });
        match kind {
            // It is killed, and another is started.
            0 => {
                self.nodes.remove(&number);
                self.schedule(time, Event::Join);
            }
            1 => {
                self.nodes.get_mut(&number).unwrap().is_cut_off = true;
                self.schedule(time, Event::CutOff(number, false));
            }
            // It is stopped, and comes back late.
            2 => {
                let until = self.now + time;
                self.nodes.get_mut(&number).unwrap().paused_until = Some(until);
            }
            3 => self.schedule(Duration::ZERO, Event::Leave(number)),
            _ => {
                self.server.is_up = false;
                let time = time / 3;
                self.schedule(time, Event::ServerUp);
            }
        }
    }

    fn check(&self) {
        let [kills, cuts, stops, leaves, restarts] = self.faults;
        println!(
            "kills {kills}, partitions {cuts}, stops {stops}, leaves {leaves}, restarts {restarts}"
        );
        assert_eq!(self.nodes.len(), COLLECTORS);
        let traded = self.traded() - 6;
        let (mut again, mut fenced) = (0, 0);
        for shard in self.shards.iter() {
            let stored = &self.server.stream[&shard];
            assert!(
                stored.next >= traded,
                "{shard}: {} of {traded}",
                stored.next
            );
            assert_eq!(stored.holes, 0, "{shard}");
            assert_eq!(stored.duplicates, 0, "{shard}");
            (again, fenced) = (again + stored.again, fenced + stored.fenced);
            let owners = self.nodes.values().filter(|node| {
                let mut owned = node.assignment.owned();
                owned.any(|(it, _)| it == shard)
            });
            assert_eq!(owners.count(), 1, "{shard}");
        }
        println!("trades per shard {traded}, twice {again}, messages of those fenced {fenced}");
        println!(
            "requests {}, units in a minute {}",
            self.exchange.requests, self.exchange.most
        );
        assert!(again > 0 && fenced > 0, "nobody was beside another");
        assert!(self.exchange.most <= TOTAL, "{}", self.exchange.most);
        let waiting: usize = self.nodes.values().map(|node| node.waiting.len()).sum();
        assert!(waiting < COLLECTORS, "{waiting} requests wait at the end");
    }
}

/// `FLEET_HOURS=24 FLEET_SEEDS=20 cargo test --release -p fleet simulation::` for longer.
#[test]
fn for_hours_one_at_a_time_has_a_shard_trades_are_stored_once_and_no_budget_is_exceeded() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u32>().unwrap());
    let hours = number("FLEET_HOURS").unwrap_or(2);
    for seed in 0..number("FLEET_SEEDS").unwrap_or(1) {
        println!("seed {seed}");
        let mut world = World::new(u64::from(seed), f64::from(hours));
        world.run();
        world.check();
    }
}
