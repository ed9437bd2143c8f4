//! What one collector has borrowed of a budget.

use std::time::{Duration, Instant};

use crate::budget::ledger::Ledger;
use crate::collector::CollectorId;

/// For how long a collector that cannot reach the server uses all of its slice. Whoever reclaims it
/// waits for longer.
const GRACE: Duration = Duration::from_secs(300);
/// For how long it uses the rest of it, so that it can still open a stream and fetch a book.
const REST: Duration = Duration::from_secs(3_600);
/// This part of a budget is the rest.
const TINY: u32 = 1_024;
/// This part of a budget is borrowed at once, at least.
const SMALL: u32 = 64;
/// This part of a budget is lent for the first or for a large request only.
const RESERVE: u32 = 8;
/// From one question to the next, at least.
const PAUSE: Duration = Duration::from_millis(100);

/// A question to the server about the ledger of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerAsk {
    /// What does it say?
    Look,
    /// Write this if the entry has this revision, or if there is none for 0.
    Write {
        /// The ledger.
        ledger: Ledger,
        /// The revision.
        expected: u64,
    },
}

/// What came of a [`LedgerAsk`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerAnswer {
    /// It says this, with this revision, or 0 if there is no entry yet.
    Found(Ledger, u64),
    /// The same, but the bucket is a new one: others may hold what it does not say.
    Incomplete(Ledger, u64),
    /// It is written, with this revision.
    Done(u64),
    /// The entry has another revision. Nothing is changed.
    Conflict,
    /// There was no answer in time, or none that is a ledger.
    Unreachable,
}

/// What a collector uses of a budget, and wants to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// The units that count at the exchange, or may.
    pub in_use: u64,
    /// The units of requests that wait.
    pub waiting: u64,
    /// The most units of one request that waits.
    pub largest: u32,
}

/// The collectors of the fleet, as one of them knows them.
pub trait Company {
    /// When it has sent the last word of its own that the server is known to have.
    fn present_at(&self) -> Option<Instant>;

    /// How many are there.
    fn collectors(&self) -> usize;

    /// Whether `id` is missing, as far as this collector hears of others.
    fn missing(&self, id: &CollectorId, now: Instant) -> Option<Missing>;
}

/// A collector that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Since when, at most.
    pub since: Instant,
    /// It has left, and is not merely cut off.
    pub has_left: bool,
}

// What is used counts at the exchange for as long as a window. So a part of a slice goes back only when
// no more is in use than the rest; and who has gone keeps what it had until what it used is forgotten.
//
//                        for GRACE           for an hour            then
//     cut off            uses all of it      uses a small rest      uses nothing
//     seen to have gone  keeps all of it     keeps a small rest     keeps nothing
//     has left           keeps all of it for a window, and then nothing
//
// Who is cut off counts from the last time that the server heard of it, and who sees it from when it was
// missing, and for longer. So nothing is lent twice.
/// What one collector has borrowed of a budget. It looks at no clock and talks to nobody.
#[derive(Debug)]
pub struct Slice {
    own: CollectorId,
    total: u32,
    per: Duration,
    /// What the ledger says for sure.
    held: u32,
    /// What may be in use: less than what is held while a part goes back.
    usable: u32,
    seen: Option<(Ledger, u64)>,
    asked: Option<LedgerAsk>,
    ask_at: Option<Instant>,
    /// It is not known whether what was written last is there, or may yet be. No more than this is held.
    unsure: Option<u32>,
    /// Until when it has no more than what is in use.
    yields_until: Option<Instant>,
    /// The ledger may have been lost.
    is_doubtful: bool,
    /// It was, and not all have claimed yet what they hold.
    is_incomplete: bool,
    peak: Peak,
}

/// The most that was wanted in this window of time and in the one before.
#[derive(Debug)]
struct Peak {
    most: [u64; 2],
    since: Instant,
}

impl Slice {
    /// Nothing yet, of `total` units `per` time.
    #[must_use]
    pub fn new(own: CollectorId, total: u32, per: Duration, now: Instant) -> Self {
        Self {
            own,
            total,
            per,
            held: 0,
            usable: 0,
            seen: None,
            asked: None,
            ask_at: None,
            unsure: None,
            yields_until: None,
            is_doubtful: false,
            is_incomplete: false,
            peak: Peak {
                most: [0; 2],
                since: now,
            },
        }
    }

    /// Whether it may have something.
    pub(crate) fn is_held(&self) -> bool {
        self.held > 0 || self.unsure.is_some() || self.asked.is_some()
    }

    /// How much of it is in use by one that leaves.
    pub(crate) fn left(&self, in_use: u64) -> u32 {
        let used = u32::try_from(in_use).unwrap_or(u32::MAX);
        used.min(self.held)
    }

    /// How many units may be in use now.
    #[must_use]
    pub fn usable(&self) -> u32 {
        self.usable
    }

    /// The ledger may have been lost: what is held is claimed again.
    pub fn doubt(&mut self) {
        self.seen = None;
        self.is_doubtful = self.held > 0;
    }

    /// Shrinks what is held of one that the server has last heard of at `present_at`.
    fn age(&mut self, present_at: Option<Instant>, now: Instant) {
        let age = present_at.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        let limit = match age {
            age if age < GRACE => return,
            age if age < REST => self.tiny(),
            _ => 0,
        };
        if self.held > limit {
            self.held = limit;
            self.usable = self.usable.min(limit);
            // Others may have written since.
            self.seen = None;
        }
    }

    fn small(&self) -> u32 {
        (self.total / SMALL).max(1)
    }

    fn tiny(&self) -> u32 {
        (self.total / TINY).max(1)
    }

    /// When to poll again, unless something changes before.
    pub fn due(&self) -> Option<Instant> {
        let rotation = (self.held > 0).then_some(self.peak.since + self.per);
        let times = [self.ask_at, rotation, self.yields_until];
        times.into_iter().flatten().min()
    }

    /// The question to ask now, if there is one.
    pub fn poll(
        &mut self,
        demand: Demand,
        company: &impl Company,
        now: Instant,
    ) -> Option<LedgerAsk> {
        let present_at = company.present_at();
        self.age(present_at, now);
        self.peak
            .note(demand.in_use + demand.waiting, self.per, now);
        self.yields_until.take_if(|until| *until <= now);
        let target = match self.yields_until {
            Some(_) => u32::try_from(demand.in_use)
                .unwrap_or(u32::MAX)
                .min(self.held),
            None => self.target(demand, company.collectors()),
        };
        let target = match self.is_incomplete {
            true => target.min(self.held),
            false => target,
        };
        if self.usable > target {
            self.usable = target;
            // Who has just asked may not have told what it uses since.
            self.ask_at = Some(now + PAUSE);
        }
        let returns = target < self.held && demand.in_use <= u64::from(target);
        let grows = target > self.held;
        if !returns && !grows {
            self.usable = target.min(self.held);
        }
        let is_heard = present_at.is_some_and(|at| now < at + GRACE);
        let is_waiting = self.asked.is_some() || self.ask_at.is_some_and(|at| now < at);
        let is_settled = !self.is_doubtful && !self.is_incomplete;
        let has_reason = returns || grows || self.unsure.is_some() || !is_settled;
        if is_waiting {
            return None;
        }
        if !is_heard || !has_reason {
            // Nobody tells when what is used is forgotten.
            let is_too_much = is_heard && target < self.held;
            self.ask_at = is_too_much.then(|| now + PAUSE * 10);
            return None;
        }
        let ask = match self.seen.take() {
            None => LedgerAsk::Look,
            Some((mut ledger, expected)) if self.is_incomplete => {
                if self.held == ledger.slice(&self.own) && self.unsure.is_none() {
                    self.ask_at = Some(now + PAUSE * 10);
                    return None;
                }
                ledger.set(&self.own, self.held);
                LedgerAsk::Write { ledger, expected }
            }
            Some((mut ledger, expected)) => {
                self.reclaim(&mut ledger, company, now);
                let units = target.min(self.available(&ledger, demand));
                if demand.waiting > 0 && demand.largest > units && self.yields_until.is_none() {
                    // If each keeps a part of what it needs, nobody gets all of it.
                    self.yields_until = Some(now + PAUSE.mul_f64(50.0 + 100.0 * fastrand::f64()));
                    return None;
                }
                if units == ledger.slice(&self.own) && self.unsure.is_none() {
                    // There is no more. It may be different later.
                    self.ask_at = Some(now + PAUSE.mul_f64(20.0 + 20.0 * fastrand::f64()));
                    return None;
                }
                ledger.set(&self.own, units);
                LedgerAsk::Write { ledger, expected }
            }
        };
        self.asked = Some(ask.clone());
        Some(ask)
    }

    /// Takes the answer to the question that was asked.
    pub fn answer(&mut self, answer: LedgerAnswer, now: Instant) {
        let Some(ask) = self.asked.take() else {
            return;
        };
        self.ask_at = None;
        match (ask, answer) {
            (LedgerAsk::Write { ledger, .. }, LedgerAnswer::Done(revision)) => {
                self.unsure = None;
                self.hold(ledger.slice(&self.own));
                self.seen = Some((ledger, revision));
            }
            (LedgerAsk::Look, LedgerAnswer::Found(ledger, revision)) => {
                let most = self.unsure.unwrap_or(u32::MAX);
                self.hold(ledger.slice(&self.own).min(most));
                self.seen = Some((ledger, revision));
                (self.is_doubtful, self.is_incomplete) = (false, false);
            }
            (LedgerAsk::Look, LedgerAnswer::Incomplete(ledger, revision)) => {
                self.seen = Some((ledger, revision));
                (self.is_doubtful, self.is_incomplete) = (false, true);
            }
            // Whoever writes at the same time is not met again.
            (_, LedgerAnswer::Conflict) => {
                self.ask_at = Some(now + PAUSE.mul_f64(10.0 * fastrand::f64()));
            }
            // Only another write makes it void.
            (LedgerAsk::Write { ledger, .. }, _) => {
                self.held = self.held.min(ledger.slice(&self.own));
                self.usable = self.usable.min(self.held);
                self.unsure = Some(self.held);
                self.ask_at = Some(now + PAUSE * 10);
            }
            _ => self.ask_at = Some(now + PAUSE * 10),
        }
    }

    fn hold(&mut self, units: u32) {
        self.usable = match units > self.held {
            true => units,
            false => self.usable.min(units),
        };
        self.held = units;
    }

    /// How much to have.
    fn target(&self, demand: Demand, collectors: usize) -> u32 {
        let collectors = u32::try_from(collectors.max(1)).unwrap_or(u32::MAX);
        let fair = ((self.total - self.total / RESERVE) / collectors).max(1);
        let wanted = demand.in_use + demand.waiting;
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX).min(self.total);
        // Neither asked for with each request, nor kept from others.
        let few = self.small().min(fair / 2).max(1);
        let most = u32::try_from(self.peak.most()).unwrap_or(self.total);
        let target = match most {
            _ if demand.waiting > 0 && wanted > self.held => wanted.saturating_mul(2).max(few),
            0 => 0,
            most if most < self.held / 3 => most.saturating_mul(2).max(few),
            _ => self.held,
        };
        // One request must fit, whatever is fair.
        let single = match demand.waiting > 0 {
            true => demand.largest,
            false => 0,
        };
        target.min(fair.max(single))
    }

    /// How much there is for this collector.
    fn available(&self, ledger: &Ledger, demand: Demand) -> u32 {
        let own = ledger.slice(&self.own);
        let others = ledger.lent() - u64::from(own);
        let free = u64::from(self.total).saturating_sub(others);
        let free = u32::try_from(free).unwrap_or(u32::MAX);
        let unreserved = free.saturating_sub(self.total / RESERVE);
        let few = self.small().max(demand.largest).min(free);
        unreserved.max(few).max(own.min(free))
    }

    /// Takes from those that have gone what they had.
    fn reclaim(&self, ledger: &mut Ledger, company: &impl Company, now: Instant) {
        // With some more for clocks that run at different rates.
        let after = |time: Duration| time * 11 / 10 + self.per * 11 / 10;
        let borrowers: Vec<_> = ledger.borrowers().cloned().collect();
        for id in borrowers {
            let missing = company.missing(&id, now).filter(|_| id != self.own);
            let Some(Missing { since, has_left }) = missing else {
                continue;
            };
            let absence = now.saturating_duration_since(since);
            let has_left = has_left || ledger.has_left(&id);
            let keeps_for = if has_left { Duration::ZERO } else { REST };
            if absence >= after(keeps_for) {
                ledger.set(&id, 0);
            } else if absence >= after(GRACE) {
                ledger.set(&id, ledger.slice(&id).min(self.tiny()));
            }
        }
    }
}

impl Peak {
    fn note(&mut self, wanted: u64, per: Duration, now: Instant) {
        let [current, before] = &mut self.most;
        if now >= self.since + per {
            let is_recent = now < self.since + per * 2;
            *before = if is_recent { *current } else { 0 };
            *current = 0;
            self.since = now;
        }
        *current = wanted.max(*current);
    }

    fn most(&self) -> u64 {
        self.most.into_iter().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
