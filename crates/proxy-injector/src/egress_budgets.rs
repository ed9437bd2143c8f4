//! What is used of the budgets of one exchange at one egress, and who waits for more.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;
use transport::{Draw, Draws};

/// The budgets of one exchange at one egress. It looks at no clock and waits for nothing.
//
//     enter --> waiting --poll: there is room--> admitted --finish--> counted until `per` has passed
//                  |
//                  +-----give up-----> nothing was used
//
// An exchange counts a request somewhere between its admission and its answer, and nobody here knows
// when. So its units are in use from the admission until `per` after the answer. Then no window of
// the length `per` at the exchange has more than the budget, wherever it begins and whatever the
// network does: a sliding one, and one by the exchange's clock.
//
// Others may use the same address. What an answer says is used counts for `per`, together with what
// is admitted after it, where that is more than is known here. Only the latest answer does: after the
// exchange's window began anew, the one before is wrong. What is known here is never made less.
#[derive(Debug, Default)]
pub(crate) struct EgressBudgets {
    budgets: HashMap<&'static str, Budget>,
    waiting: VecDeque<Waiting>,
    tickets: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    draws: Draws,
}

/// The place of one request among those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// When a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    /// Not before this time, unless something changes.
    At(Instant),
    /// Not before something changes.
    Later,
}

impl EgressBudgets {
    /// Lets a request wait behind all others.
    pub(crate) fn enter(&mut self, draws: &Draws) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let draws = draws.clone();
        self.waiting.push_back(Waiting { ticket, draws });
        ticket
    }

    /// Admits a request that waits, if there is room for it and for all before it.
    pub(crate) fn poll(&mut self, ticket: Ticket, now: Instant) -> Turn {
        let mut places = self.waiting.iter().enumerate();
        let Some((place, own)) = places.find(|(_, waiting)| waiting.ticket == ticket) else {
            return Turn::Later;
        };
        let draws = own.draws.clone();
        let turn = self.turn(place, &draws, now);
        if turn == Turn::Now {
            self.waiting.remove(place);
            for draw in &*draws {
                self.budget(draw).admit(draw);
            }
        }
        turn
    }

    /// Takes a request out that waits.
    pub(crate) fn give_up(&mut self, ticket: Ticket) {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
    }

    /// An admitted request has its answer, or will never have one.
    pub(crate) fn finish(&mut self, draws: &[Draw], now: Instant) {
        for draw in draws {
            self.budget(draw).finish(draw, now);
        }
    }

    /// The answer to an admitted request, which is not finished yet, says that `used` units are used
    /// of the budget of `draw`.
    pub(crate) fn correct(&mut self, draw: &Draw, used: u32, now: Instant) {
        self.budget(draw).correct(draw, used, now);
    }

    /// Whether a request would be admitted at once if it came now.
    pub(crate) fn has_room(&mut self, draws: &[Draw], now: Instant) -> bool {
        self.turn(self.waiting.len(), draws, now) == Turn::Now
    }

    /// Whether nothing is used and nobody waits.
    pub(crate) fn is_unused(&mut self, now: Instant) -> bool {
        let mut budgets = self.budgets.values_mut();
        self.waiting.is_empty() && budgets.all(|budget| budget.is_unused(now))
    }

    /// When a request behind the first `ahead` of those that wait may be sent.
    fn turn(&mut self, ahead: usize, draws: &[Draw], now: Instant) -> Turn {
        let mut turn = Turn::Now;
        for draw in draws {
            // What those before it need is kept for them, so nobody is overtaken for good.
            let before = self.waiting.iter().take(ahead).flat_map(|it| &*it.draws);
            let same = before.filter(|before| before.window.name == draw.window.name);
            let needed: u64 = same.chain([draw]).map(|draw| u64::from(draw.units)).sum();
            turn = turn.and(self.budget(draw).room_for(needed, draw, now));
        }
        turn
    }

    fn budget(&mut self, of: &Draw) -> &mut Budget {
        self.budgets.entry(of.window.name).or_default()
    }
}

impl Turn {
    /// When both may be.
    fn and(self, other: Self) -> Self {
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
struct Budget {
    /// The units of requests that are admitted and not finished.
    under_way: u64,
    /// The units of those that are finished, and until when they count.
    finished: VecDeque<(Instant, u64)>,
    /// What the exchange says.
    told: Option<Told>,
}

/// What the latest answer said is used, with what was admitted since.
#[derive(Debug)]
struct Told {
    used: u64,
    until: Instant,
}

impl Budget {
    fn forget_old(&mut self, now: Instant) {
        while self
            .finished
            .front()
            .is_some_and(|(until, _)| *until <= now)
        {
            self.finished.pop_front();
        }
        self.told.take_if(|told| told.until <= now);
    }

    fn is_unused(&mut self, now: Instant) -> bool {
        self.forget_old(now);
        self.under_way == 0 && self.finished.is_empty() && self.told.is_none()
    }

    /// When `needed` units of the window of `draw` are free.
    fn room_for(&mut self, needed: u64, draw: &Draw, now: Instant) -> Turn {
        self.forget_old(now);
        let units = u64::from(draw.window.units);
        let by_told = match &self.told {
            Some(told) if told.used + needed > units => Turn::At(told.until),
            _ => Turn::Now,
        };
        let finished: u64 = self.finished.iter().map(|(_, units)| units).sum();
        let mut excess = (self.under_way + finished + needed).saturating_sub(units);
        let mut by_count = Turn::Now;
        let mut next = self.finished.iter();
        while excess > 0 {
            let Some((until, freed)) = next.next() else {
                return Turn::Later;
            };
            excess = excess.saturating_sub(*freed);
            by_count = Turn::At(*until);
        }
        by_count.and(by_told)
    }

    fn admit(&mut self, draw: &Draw) {
        let units = u64::from(draw.units);
        self.under_way += units;
        if let Some(told) = &mut self.told {
            told.used += units;
        }
    }

    fn finish(&mut self, draw: &Draw, now: Instant) {
        let units = u64::from(draw.units);
        self.under_way = self.under_way.saturating_sub(units);
        self.finished.push_back((now + draw.window.per, units));
    }

    fn correct(&mut self, draw: &Draw, used: u32, now: Instant) {
        // Of the others under way nobody knows whether they are counted already.
        let others = self.under_way.saturating_sub(u64::from(draw.units));
        self.told = Some(Told {
            used: u64::from(used) + others,
            until: now + draw.window.per,
        });
    }
}
