//! The server: two buckets, and the stream of trades.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::assignment::{Answer, Ask, Fence};
use crate::bucket::Bucket;
use crate::budget::{Ledger, LedgerAnswer, LedgerAsk};
use crate::collector::CollectorId;
use crate::presence::Presence;
use crate::shard::Shard;

/// For how long the same trade is not stored again: JetStream's default.
pub(super) const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// What a collector asks for.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Present(Presence),
    Shard(Shard, Ask, CollectorId),
    Ledger(LedgerAsk),
    /// Store these trades of a shard, from one to before another.
    Store(Shard, u64, u64, Fence),
    /// Which trade of a shard is the first that is not stored?
    Last(Shard),
}

/// What it gets.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Present,
    Shard(Shard, Answer),
    Ledger(LedgerAnswer),
    Stored(Shard, u64),
    Last(Shard, u64),
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) is_up: bool,
    leases: Bucket,
    budgets: Bucket,
    /// What collectors have said of themselves, in order.
    pub(super) said: Vec<(Instant, CollectorId, Presence)>,
    pub(super) stream: HashMap<Shard, Stored>,
}

/// The trades of a shard.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// All before this one.
    pub(super) next: u64,
    stored_at: HashMap<u64, Instant>,
    fence: Option<Fence>,
    pub(super) duplicates: u64,
    /// Trades that are stored although one before them is not.
    pub(super) holes: u64,
    /// Trades that came again at once, and were not stored.
    pub(super) again: u64,
    /// Messages with a lower fence than one before.
    pub(super) fenced: u64,
}

impl Server {
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            is_up: true,
            leases: Bucket::new(Some(lease)),
            budgets: Bucket::new(None),
            said: Vec::new(),
            stream: HashMap::new(),
        }
    }

    pub(super) fn answer(&mut self, from: &CollectorId, question: Question, now: Instant) -> Reply {
        match question {
            Question::Present(presence) => {
                self.said.push((now, from.clone(), presence));
                Reply::Present
            }
            Question::Shard(shard, ask, owner) => {
                let answer = self.leases.ask(shard, ask, &owner, now);
                Reply::Shard(shard, answer)
            }
            Question::Ledger(ask) => Reply::Ledger(self.ask_ledger(ask, now)),
            Question::Last(shard) => {
                let stored = self.stream.entry(shard).or_default();
                Reply::Last(shard, stored.next)
            }
            Question::Store(shard, first, end, fence) => {
                let stored = self.stream.entry(shard).or_default();
                stored.store(first, end, fence, now);
                Reply::Stored(shard, end)
            }
        }
    }

    fn ask_ledger(&mut self, ask: LedgerAsk, now: Instant) -> LedgerAnswer {
        const KEY: &str = "weight";
        match ask {
            LedgerAsk::Look => match self.budgets.entry(KEY, now) {
                Some((value, revision)) => {
                    LedgerAnswer::Found(Ledger::parse(&value).unwrap(), revision)
                }
                None => LedgerAnswer::Found(Ledger::default(), 0),
            },
            LedgerAsk::Write { ledger, expected } => {
                let value = ledger.to_json().into();
                match self.budgets.update(KEY, value, expected, now) {
                    Ok(revision) => LedgerAnswer::Done(revision),
                    Err(_) => LedgerAnswer::Conflict,
                }
            }
        }
    }
}

impl Stored {
    fn store(&mut self, first: u64, end: u64, fence: Fence, now: Instant) {
        match self.fence {
            Some(highest) if fence < highest => self.fenced += 1,
            _ => self.fence = Some(fence),
        }
        if first > self.next {
            self.holes += 1;
        }
        for trade in first..end {
            match self.stored_at.get(&trade) {
                Some(at) if now < *at + DUPLICATE_WINDOW => self.again += 1,
                Some(_) => self.duplicates += 1,
                None => {
                    self.stored_at.insert(trade, now);
                }
            }
        }
        self.next = self.next.max(end);
    }
}
