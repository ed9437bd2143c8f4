//! One budget.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;
use transport::{Draw, Usage, Window};

use super::Ticket;

/// When a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    /// Not before this time, unless something changes.
    At(Instant),
    /// Not before something changes.
    Later,
}

impl Turn {
    /// When both may be.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Later, _) | (_, Self::Later) => Self::Later,
            (Self::At(one), Self::At(other)) => Self::At(one.max(other)),
            (Self::At(at), Self::Now) | (Self::Now, Self::At(at)) => Self::At(at),
            (Self::Now, Self::Now) => Self::Now,
        }
    }
}

/// One budget.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// The latest one that was asked for.
    window: Option<Window>,
    /// The units of each request that is admitted and not finished.
    under_way: HashMap<Ticket, u64>,
    /// Those that are finished, in the order of the times until which they count.
    finished: VecDeque<Finished>,
    /// The units of others by the latest answer, and until when they count.
    of_others: Option<(Instant, u64)>,
    /// How much of it is for this process, if others have the rest.
    share: Option<u64>,
}

/// The units of a request that is finished, and until when they count.
#[derive(Debug, Clone, Copy)]
struct Finished {
    until: Instant,
    ticket: Ticket,
    units: u64,
}

impl Budget {
    /// What is used of it, and what waits for it.
    pub(super) fn usage(&mut self, waiting: &[u32], now: Instant) -> Usage {
        self.forget_old(now);
        Usage {
            under_way: self.under_way(),
            recent: self.recent(),
            free_at: self.finished.back().map_or(now, |last| last.until),
            waiting: waiting.iter().map(|units| u64::from(*units)).sum(),
            largest: waiting.iter().copied().max().unwrap_or_default(),
        }
    }

    /// Counts what `other` has in use as well: each request once, however often they have joined.
    pub(super) fn join(&mut self, other: &mut Self, now: Instant) {
        other.forget_old(now);
        self.window = self.window.or(other.window);
        self.under_way.extend(&other.under_way);
        let unknown = other.finished.iter().filter(|it| !self.has_finished(it));
        let unknown: Vec<_> = unknown.copied().collect();
        if !unknown.is_empty() {
            self.finished.extend(unknown);
            self.finished.make_contiguous().sort_by_key(|it| it.until);
        }
        // Of others, both may mean the same.
        if let Some((until, units)) = other.of_others {
            let (own_until, own_units) = self.of_others.unwrap_or((until, units));
            self.of_others = Some((until.max(own_until), units.max(own_units)));
        }
    }

    fn has_finished(&self, request: &Finished) -> bool {
        let first = self.finished.partition_point(|it| it.until < request.until);
        let mut same_time = self
            .finished
            .range(first..)
            .take_while(|it| it.until == request.until);
        same_time.any(|it| it.ticket == request.ticket)
    }

    pub(super) fn has_some_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    pub(super) fn has_under_way(&self, ticket: Ticket) -> bool {
        self.under_way.contains_key(&ticket)
    }

    /// From now on, no more than `share` units are used by this process.
    pub(super) fn limit(&mut self, share: u64) {
        self.share = Some(share);
    }

    /// The latest one that was asked for.
    pub(super) fn window(&self) -> Option<Window> {
        self.window
    }

    pub(super) fn ask_for(&mut self, window: Window) {
        self.window = Some(window);
    }

    fn forget_old(&mut self, now: Instant) {
        while self.finished.front().is_some_and(|it| it.until <= now) {
            self.finished.pop_front();
        }
        self.of_others.take_if(|(until, _)| *until <= now);
    }

    pub(super) fn is_unused(&mut self, now: Instant) -> bool {
        self.forget_old(now);
        self.under_way.is_empty() && self.finished.is_empty() && self.of_others.is_none()
    }

    pub(super) fn used(&mut self, now: Instant) -> u64 {
        self.forget_old(now);
        self.under_way() + self.counted().map(|(_, units)| units).sum::<u64>()
    }

    /// When `needed` units of the window of `draw` are free.
    pub(super) fn room_for(&mut self, needed: u64, draw: &Draw, now: Instant) -> Turn {
        let units = u64::from(draw.window.units);
        let excess = (self.used(now) + needed).saturating_sub(units);
        let turn = when_free(excess, self.counted());
        let Some(share) = self.share else {
            return turn;
        };
        // What others have in use is not of this share, but what counts here is of both.
        let excess = (self.under_way() + self.recent() + needed).saturating_sub(share);
        let own = self.finished.iter().map(|it| (it.until, it.units));
        turn.and(when_free(excess, own))
    }

    fn under_way(&self) -> u64 {
        self.under_way.values().sum()
    }

    /// The units of requests that are finished and count.
    fn recent(&self) -> u64 {
        self.finished.iter().map(|it| it.units).sum()
    }

    /// What counts until some time, in the order of these times.
    fn counted(&self) -> impl Iterator<Item = (Instant, u64)> {
        let (of_others, finished) = (self.of_others, &self.finished);
        let is_before = |it: &Finished| of_others.is_some_and(|(end, _)| it.until <= end);
        let before = finished.partition_point(is_before);
        let own = |range| finished.range(range).map(|it| (it.until, it.units));
        own(0..before)
            .chain(of_others)
            .chain(own(before..finished.len()))
    }

    pub(super) fn admit(&mut self, ticket: Ticket, draw: &Draw) {
        self.under_way.insert(ticket, u64::from(draw.units));
    }

    pub(super) fn finish(&mut self, ticket: Ticket, draw: &Draw, now: Instant) {
        if let Some(units) = self.under_way.remove(&ticket) {
            let until = now + draw.window.per;
            self.finished.push_back(Finished {
                until,
                ticket,
                units,
            });
        }
    }

    pub(super) fn give_back(&mut self, ticket: Ticket) {
        self.under_way.remove(&ticket);
    }

    pub(super) fn correct(&mut self, draw: &Draw, used: u32, now: Instant) {
        self.forget_old(now);
        // Of what else is under way nobody knows whether it is counted already.
        let finished = self.recent();
        let of_others = u64::from(used).saturating_sub(finished + u64::from(draw.units));
        self.of_others = (of_others > 0).then(|| (now + draw.window.per, of_others));
    }
}

/// When `excess` units are free of those that count until some times.
fn when_free(mut excess: u64, mut counted: impl Iterator<Item = (Instant, u64)>) -> Turn {
    let mut turn = Turn::Now;
    while excess > 0 {
        let Some((until, freed)) = counted.next() else {
            return Turn::Later;
        };
        excess = excess.saturating_sub(freed);
        turn = Turn::At(until);
    }
    turn
}
