//! One collector: its state machines, and what is around them.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::exchange::{PER, TOTAL};
use super::server::{DUPLICATE_WINDOW, Question, Reply};
use crate::assignment::{Action, Answer, Assignment, Fence, Role};
use crate::budget::{Demand, LedgerAnswer, Slice};
use crate::collector::CollectorId;
use crate::shard::{Shard, ShardCount};
use crate::terms::Terms;

/// How long it takes until the symbols of a shard are streaming.
const CONNECTING: Duration = Duration::from_secs(2);

/// A clock that began at some time and runs at a rate of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) start: Instant,
    pub(super) offset: Duration,
    pub(super) rate: f64,
}

impl Clock {
    pub(super) fn at(&self, now: Instant) -> Instant {
        self.start + self.offset + (now - self.start).mul_f64(self.rate)
    }
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: CollectorId,
    pub(super) clock: Clock,
    pub(super) assignment: Assignment,
    pub(super) slice: Slice,
    pub(super) is_cut_off: bool,
    pub(super) paused_until: Option<Instant>,
    /// What the server has said that this one has heard.
    pub(super) heard: usize,
    /// Questions without an answer: when they were asked, by the clock of this one.
    pub(super) pending: HashMap<u64, (Question, Instant)>,
    pub(super) plays: HashMap<Shard, Play>,
    /// What counts of its requests, and until when, by the true time.
    counted: VecDeque<(Instant, u32)>,
    /// The units of requests that wait.
    pub(super) waiting: VecDeque<u32>,
}

/// What it does with one shard.
#[derive(Debug)]
pub(super) struct Play {
    role: Role,
    streams_at: Instant,
    is_told: bool,
    /// The next trade to publish, if it is known.
    next: Option<u64>,
    /// As of when.
    known_at: Instant,
    is_asking: bool,
}

impl Node {
    pub(super) fn new(
        id: CollectorId,
        clock: Clock,
        shards: ShardCount,
        terms: Terms,
        now: Instant,
    ) -> Self {
        Self {
            assignment: Assignment::new(id.clone(), shards, terms),
            slice: Slice::new(id.clone(), TOTAL, PER, clock.at(now)),
            id,
            clock,
            is_cut_off: false,
            paused_until: None,
            heard: 0,
            pending: HashMap::new(),
            plays: HashMap::new(),
            counted: VecDeque::new(),
            waiting: VecDeque::new(),
        }
    }

    /// What it asks now. There are trades before `traded`.
    pub(super) fn poll(&mut self, now: Instant, traded: u64) -> Vec<Question> {
        let local = self.clock.at(now);
        let mut questions = Vec::new();
        for action in self.assignment.poll(local) {
            match action {
                Action::Present(presence) => questions.push(Question::Present(presence)),
                Action::Ask { shard, ask, owner } => {
                    questions.push(Question::Shard(shard, ask, owner));
                }
                Action::Play { shard, role } => self.play(shard, role, now),
            }
        }
        for (shard, play) in &mut self.plays {
            if now >= play.streams_at && !play.is_told {
                play.is_told = true;
                self.assignment.ready(*shard);
            }
            let (Role::Own(fence) | Role::Linger(fence)) = play.role else {
                continue;
            };
            questions.extend(play.publish(*shard, fence, now, traded));
        }
        let demand = self.demand(now);
        let ask = self.slice.poll(demand, &self.assignment, local);
        questions.extend(ask.map(Question::Ledger));
        questions
    }

    /// The units that are sent now.
    pub(super) fn send(&mut self, now: Instant) -> Vec<u32> {
        let mut sent = Vec::new();
        while let Some(units) = self.waiting.front().copied()
            && self.demand(now).in_use + u64::from(units) <= u64::from(self.slice.usable())
        {
            self.waiting.pop_front();
            // It is counted at some time within the next second.
            self.counted
                .push_back((now + Duration::from_secs(1) + PER, units));
            sent.push(units);
        }
        sent
    }

    pub(super) fn take(&mut self, reply: Reply, asked_at: Instant, now: Instant) {
        let local = self.clock.at(now);
        match reply {
            Reply::Present => self.assignment.presented(asked_at),
            Reply::Shard(shard, answer) => self.assignment.answer(shard, answer, local),
            Reply::Ledger(answer) => self.slice.answer(answer, local),
            Reply::Stored(shard, next) | Reply::Last(shard, next) => {
                if let Some(play) = self.plays.get_mut(&shard) {
                    play.is_asking = false;
                    play.next = Some(next);
                    play.known_at = now;
                }
            }
        }
    }

    /// There is no answer to `question`.
    pub(super) fn give_up(&mut self, question: &Question, now: Instant) {
        let local = self.clock.at(now);
        match question {
            Question::Present(_) => {}
            Question::Shard(shard, ..) => {
                self.assignment.answer(*shard, Answer::Unreachable, local);
            }
            Question::Ledger(_) => self.slice.answer(LedgerAnswer::Unreachable, local),
            Question::Store(shard, ..) | Question::Last(shard) => {
                if let Some(play) = self.plays.get_mut(shard) {
                    play.is_asking = false;
                    // It may be stored, and others may have stored more.
                    play.next = None;
                }
            }
        }
    }

    fn demand(&mut self, now: Instant) -> Demand {
        while self.counted.front().is_some_and(|(until, _)| *until <= now) {
            self.counted.pop_front();
        }
        let units = |units: &u32| u64::from(*units);
        Demand {
            in_use: self
                .counted
                .iter()
                .map(|(_, units)| u64::from(*units))
                .sum(),
            waiting: self.waiting.iter().map(units).sum(),
            largest: self.waiting.iter().copied().max().unwrap_or_default(),
        }
    }

    fn play(&mut self, shard: Shard, role: Role, now: Instant) {
        if role == Role::Off {
            self.plays.remove(&shard);
            return;
        }
        let play = self.plays.entry(shard).or_insert(Play {
            role,
            streams_at: now + CONNECTING,
            is_told: false,
            next: None,
            known_at: now,
            is_asking: false,
        });
        play.role = role;
    }
}

impl Play {
    /// Trades are published in their order: first those since the last one that is stored.
    fn publish(
        &mut self,
        shard: Shard,
        fence: Fence,
        now: Instant,
        traded: u64,
    ) -> Option<Question> {
        if self.is_asking || now < self.streams_at {
            return None;
        }
        // Whoever was stopped for as long does not know what others have stored since. Soon, the server
        // will not know that it has the same already.
        let is_old = now > self.known_at + DUPLICATE_WINDOW / 2;
        let question = match self.next.filter(|_| !is_old) {
            None => Question::Last(shard),
            Some(next) if next < traded => Question::Store(shard, next, traded, fence),
            Some(_) => {
                self.known_at = now;
                return None;
            }
        };
        self.is_asking = true;
        Some(question)
    }
}
