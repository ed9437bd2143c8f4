//! What is used of the budgets of one exchange at one egress, and who waits for more.

mod budget;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;
use transport::{Draw, Draws, Usage, Window};

pub(crate) use self::budget::Turn;

use self::budget::Budget;

/// The budgets of one exchange at one egress. It looks at no clock and waits for nothing.
//
//     enter --> waiting --poll: there is room--> admitted --finish--> counted until `per` has passed
//                  |                                |
//                  +---give up---> nothing used <---+---give back: the exchange was not reached
//
// An exchange counts a request somewhere between its admission and its answer, and nobody here knows
// when. So its units are in use from the admission until `per` after the answer. Then no window of
// the length `per` at the exchange has more than the budget, wherever it begins and whatever the
// network does: a sliding one, and one by the exchange's clock.
//
// Others may use the same address. What an answer says is used beyond what is known here is theirs, and
// counts for `per`. Only the latest answer does: after the exchange's window began anew, the one before is
// wrong. What is known here is never made less, and is free at its own time: if all that an answer says
// counted for `per`, a budget that is used up evenly would then rest until `per` after the last answer.
#[derive(Debug, Default)]
pub(crate) struct EgressBudgets {
    budgets: HashMap<&'static str, Budget>,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    draws: Draws,
}

/// One request, wherever it waits or counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(u64);

impl Ticket {
    fn next() -> Self {
        static TICKETS: AtomicU64 = AtomicU64::new(0);
        Self(TICKETS.fetch_add(1, Ordering::Relaxed))
    }
}

impl EgressBudgets {
    /// Lets a request wait behind all others.
    pub(crate) fn enter(&mut self, draws: &Draws) -> Ticket {
        let ticket = Ticket::next();
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
                self.budget(draw).admit(ticket, draw);
            }
        }
        turn
    }

    /// Takes a request out that waits.
    pub(crate) fn give_up(&mut self, ticket: Ticket) {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
    }

    /// An admitted request has its answer, or will never have one.
    pub(crate) fn finish(&mut self, ticket: Ticket, draws: &[Draw], now: Instant) {
        for draw in draws {
            self.budget(draw).finish(ticket, draw, now);
        }
    }

    /// An admitted request has not reached the exchange, and will not.
    pub(crate) fn give_back(&mut self, ticket: Ticket) {
        for budget in self.budgets.values_mut() {
            budget.give_back(ticket);
        }
    }

    /// The answer to an admitted request, which is not finished yet, says that `used` units are used
    /// of the budget of `draw`.
    pub(crate) fn correct(&mut self, draw: &Draw, used: u32, now: Instant) {
        self.budget(draw).correct(draw, used, now);
    }

    /// Counts what `other` has in use as well: what is under way there until it is [finished](Self::finish) or
    /// [given back](Self::give_back) here, and what is finished. What counts here already does not count twice.
    pub(crate) fn join(&mut self, other: &mut Self, now: Instant) {
        for (name, budget) in &mut other.budgets {
            self.budgets.entry(name).or_default().join(budget, now);
        }
    }

    /// Whether this request is admitted and not finished.
    pub(crate) fn has_under_way(&self, ticket: Ticket) -> bool {
        let mut budgets = self.budgets.values();
        budgets.any(|budget| budget.has_under_way(ticket))
    }

    /// Whether a request is admitted and not finished.
    pub(crate) fn has_some_under_way(&self) -> bool {
        let mut budgets = self.budgets.values();
        budgets.any(Budget::has_some_under_way)
    }

    /// Whether a request would be admitted at once if it came now.
    pub(crate) fn has_room(&mut self, draws: &[Draw], now: Instant) -> bool {
        self.turn(self.waiting.len(), draws, now) == Turn::Now
    }

    /// What is used of the budget of `window`, and what waits for it.
    pub(crate) fn usage(&mut self, window: Window, now: Instant) -> Usage {
        let same = |draw: &&Draw| draw.window.name == window.name;
        let waiting = self.waiting.iter().flat_map(|it| &*it.draws).filter(same);
        let waiting: Vec<_> = waiting.map(|draw| draw.units).collect();
        let budget = self.budgets.entry(window.name).or_default();
        budget.usage(&waiting, now)
    }

    /// From now on, no more than `share` units of the budget of `window` are used by this process.
    pub(crate) fn limit(&mut self, window: Window, share: u64) {
        self.budgets.entry(window.name).or_default().limit(share);
    }

    /// Whether nothing is used and nobody waits.
    pub(crate) fn is_unused(&mut self, now: Instant) -> bool {
        let mut budgets = self.budgets.values_mut();
        self.waiting.is_empty() && budgets.all(|budget| budget.is_unused(now))
    }

    /// How many units are used of each budget.
    pub(crate) fn used(&mut self, now: Instant) -> Vec<(Window, u64)> {
        let budgets = self.budgets.values_mut();
        let used = budgets.filter_map(|budget| Some((budget.window()?, budget.used(now))));
        used.collect()
    }

    /// How many requests wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
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
        let budget = self.budgets.entry(of.window.name).or_default();
        budget.ask_for(of.window);
        budget
    }
}

#[cfg(test)]
mod tests;
