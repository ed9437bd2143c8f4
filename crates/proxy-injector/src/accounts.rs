//! The budgets of all exchanges at all egresses.

use std::collections::HashMap;
use std::future::pending;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use proxy_config::{ExchangeId, Exit};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;
use transport::{Account, BudgetShares, Draw, Draws, Egress, Window};

use crate::egress_budgets::{EgressBudgets, Ticket, Turn};
use crate::egresses::Egresses;

/// The budgets of all exchanges at all egresses. A reload does not touch them: what was sent was sent.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    all: Mutex<HashMap<Owner, Arc<SharedBudgets>>>,
    /// Who else uses them.
    pub(crate) shares: Option<Arc<dyn BudgetShares>>,
}

/// Whose budgets they are, and where.
type Owner = (Option<ExchangeId>, Egress);

impl Accounts {
    pub(crate) fn of(&self, owner: Owner) -> Arc<SharedBudgets> {
        self.in_all(&mut self.all.lock(), owner)
    }

    fn in_all(
        &self,
        all: &mut HashMap<Owner, Arc<SharedBudgets>>,
        owner: Owner,
    ) -> Arc<SharedBudgets> {
        if let Some(shared) = all.get(&owner) {
            return Arc::clone(shared);
        }
        // Proxies come and go. Those that nothing is known of any longer are not kept.
        let now = Instant::now();
        all.retain(|_, shared| Arc::strong_count(shared) > 1 || !shared.is_unused(now));
        let shared = Arc::new(SharedBudgets {
            state: Mutex::default(),
            changed: Notify::new(),
            shares: self.shares_of(&owner),
        });
        all.insert(owner, Arc::clone(&shared));
        shared
    }

    /// What is used of all budgets.
    pub(crate) fn used(&self, now: Instant) -> Vec<Used> {
        let all: Vec<_> = {
            let all = self.all.lock();
            let all = all.iter();
            all.map(|(owner, shared)| (owner.clone(), Arc::clone(shared)))
                .collect()
        };
        let of_account = |((exchange, egress), shared): (Owner, Arc<SharedBudgets>)| {
            let (used, waiting) = shared.used(now);
            used.into_iter().map(move |(window, units)| Used {
                exchange: exchange.clone(),
                egress: egress.clone(),
                window,
                units,
                waiting,
            })
        };
        all.into_iter().flat_map(of_account).collect()
    }

    /// From now on, `egresses` has `address` for `exit`. What was used at the egress before counts at the one that it
    /// has now as well: some of it was used by this exit, and nobody knows how much.
    // With the lock, so that nobody gets the budgets of the new egress before that is done. Whoever has those of
    // the old one looks at the egress again, with their lock.
    pub(crate) fn locate(
        &self,
        egresses: &Egresses,
        exit: &Exit,
        address: Option<IpAddr>,
        now: Instant,
    ) {
        let mut all = self.all.lock();
        let before = egresses.unconfigured(exit);
        egresses.set(exit, address);
        let after = egresses.unconfigured(exit);
        self.carry_over(&mut all, &before, &after, now);
    }

    /// An exit that was counted by the egress `before` is counted by `after` from now on: what was used there counts here
    /// as well.
    pub(crate) fn move_over(&self, before: &Egress, after: &Egress, now: Instant) {
        self.carry_over(&mut self.all.lock(), before, after, now);
    }

    fn carry_over(
        &self,
        all: &mut HashMap<Owner, Arc<SharedBudgets>>,
        before: &Egress,
        after: &Egress,
        now: Instant,
    ) {
        if before == after {
            return;
        }
        let left = all.iter().filter(|((_, egress), _)| egress == before);
        let left: Vec<_> = left
            .map(|((exchange, _), shared)| (exchange.clone(), Arc::clone(shared)))
            .collect();
        for (exchange, old) in left {
            if !old.is_unused(now) {
                let new = self.in_all(all, (exchange, after.clone()));
                old.count_also_in(&new, now);
            }
            old.changed.notify_waiters();
        }
    }

    /// Others that use the same. What is of no exchange has no budget that is anybody's.
    fn shares_of(&self, (exchange, egress): &Owner) -> Option<(Account, Arc<dyn BudgetShares>)> {
        let account = Account {
            exchange: exchange.as_ref()?.as_str().to_owned(),
            egress: egress.clone(),
        };
        Some((account, Arc::clone(self.shares.as_ref()?)))
    }
}

/// What is used of a budget.
#[derive(Debug)]
pub(crate) struct Used {
    pub(crate) exchange: Option<ExchangeId>,
    pub(crate) egress: Egress,
    pub(crate) window: Window,
    pub(crate) units: u64,
    /// How many requests wait, for this or another budget of the same exchange and egress.
    pub(crate) waiting: usize,
}

/// The budgets of one exchange at one egress.
#[derive(Debug)]
pub(crate) struct SharedBudgets {
    state: Mutex<State>,
    /// Something may have changed for those that wait.
    changed: Notify,
    /// Others use them, too.
    shares: Option<(Account, Arc<dyn BudgetShares>)>,
}

#[derive(Debug, Default)]
struct State {
    budgets: EgressBudgets,
    /// Where what was admitted until then counts as well.
    heirs: Vec<Weak<SharedBudgets>>,
    /// Until when others were told not to use these.
    banned_until: Option<Instant>,
}

/// What came of a request that was admitted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// It has its answer, or will never have one.
    Finished,
    /// It has not reached the exchange, and will not.
    GivenBack,
}

/// Whether a request that waits may be sent.
pub(crate) enum Answer {
    Admitted,
    /// Not before this time, unless something changes.
    At(Instant),
    /// Not before something changes.
    Later,
    /// Its exit leaves by another address now.
    Elsewhere,
}

impl SharedBudgets {
    /// Ends when something changes, from this call on.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Ends when another share may be taken.
    pub(crate) async fn other_share(&self) {
        match &self.shares {
            Some((_, shares)) => shares.changed().await,
            None => pending().await,
        }
    }

    /// Whether a request would be admitted at once if it came now.
    pub(crate) fn has_room(&self, draws: &Draws, now: Instant) -> bool {
        let budgets = &mut self.state.lock().budgets;
        self.take_share(budgets, draws, now);
        budgets.has_room(draws, now)
    }

    /// Lets a request wait behind all others.
    pub(crate) fn enter(&self, draws: &Draws) -> Ticket {
        self.state.lock().budgets.enter(draws)
    }

    /// Admits a request that waits, if there is room for it and for all before it, and if it `is_here` still.
    pub(crate) fn poll(
        &self,
        ticket: Ticket,
        draws: &Draws,
        is_here: impl FnOnce() -> bool,
        now: Instant,
    ) -> Answer {
        let mut state = self.state.lock();
        // With the lock: what is admitted before its egress changes is still passed on.
        if !is_here() {
            return Answer::Elsewhere;
        }
        self.take_share(&mut state.budgets, draws, now);
        match state.budgets.poll(ticket, now) {
            Turn::Now => {
                // It is in use now, which nobody else must be given.
                self.take_share(&mut state.budgets, draws, now);
                Answer::Admitted
            }
            Turn::At(at) => Answer::At(at),
            Turn::Later => Answer::Later,
        }
    }

    /// Takes a request out that waits.
    pub(crate) fn give_up(&self, ticket: Ticket, draws: &Draws, now: Instant) {
        let mut state = self.state.lock();
        state.budgets.give_up(ticket);
        self.take_share(&mut state.budgets, draws, now);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Ends a request that was admitted, here and wherever else it counts.
    pub(crate) fn end(&self, ticket: Ticket, draws: &Draws, end: End, now: Instant) {
        let mut state = self.state.lock();
        // An heir does not count what was admitted later, and one of an heir may be this one.
        if !state.budgets.has_under_way(ticket) {
            return;
        }
        match end {
            End::Finished => state.budgets.finish(ticket, draws, now),
            End::GivenBack => state.budgets.give_back(ticket),
        }
        self.take_share(&mut state.budgets, draws, now);
        let heirs = state.heirs.clone();
        drop(state);
        self.changed.notify_waiters();
        for heir in heirs.iter().filter_map(Weak::upgrade) {
            heir.end(ticket, draws, end, now);
        }
    }

    /// The answer to an admitted request, which is not finished yet, says that `used` units are used of the budget
    /// of `draw`.
    pub(crate) fn correct(&self, draw: &Draw, used: u32, now: Instant) {
        self.state.lock().budgets.correct(draw, used, now);
        self.changed.notify_waiters();
    }

    /// The exchange has banned the egress for so long: nobody asks who shares the budgets.
    pub(crate) fn ban(&self, wait: Duration, now: Instant) {
        if let Some((account, shares)) = &self.shares {
            shares.ban(account, wait);
            let banned = &mut self.state.lock().banned_until;
            *banned = now.checked_add(wait).max(*banned);
        }
    }

    /// What is used of each budget, and how many requests wait.
    fn used(&self, now: Instant) -> (Vec<(Window, u64)>, usize) {
        let budgets = &mut self.state.lock().budgets;
        (budgets.used(now), budgets.waiting())
    }

    fn is_unused(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        let is_banned = state.banned_until.is_some_and(|until| now < until);
        !is_banned && state.budgets.is_unused(now)
    }

    /// Counts all that is in use here in `heir`, too: what was used by when that is free, and what is under way when it
    /// ends. Nothing counts there twice.
    // One at a time, so that two locks are in no other order.
    fn count_also_in(&self, heir: &Arc<Self>, now: Instant) {
        let mut old = self.state.lock();
        let mut new = heir.state.lock();
        new.budgets.join(&mut old.budgets, now);
        let heir_of_all = Arc::downgrade(heir);
        if !old.budgets.has_some_under_way() {
            old.heirs.clear();
        } else if !old.heirs.iter().any(|it| it.ptr_eq(&heir_of_all)) {
            old.heirs.push(heir_of_all);
        }
        let banned_until = old.banned_until;
        drop((old, new));
        if let Some(left) = banned_until.and_then(|until| until.checked_duration_since(now)) {
            heir.ban(left, now);
        }
    }

    /// Tells what is used, and takes what may be.
    fn take_share(&self, budgets: &mut EgressBudgets, draws: &Draws, now: Instant) {
        let Some((account, shares)) = &self.shares else {
            return;
        };
        for draw in draws.iter() {
            let usage = budgets.usage(draw.window, now);
            budgets.limit(draw.window, shares.share(account, draw.window, usage));
        }
    }
}

#[cfg(test)]
mod tests;
