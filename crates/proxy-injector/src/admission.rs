//! Waiting until the budgets of an exchange have room.

use std::collections::HashMap;
use std::error::Error;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use parking_lot::Mutex;
use proxy_config::{Bind, ExchangeId, Exit};
use proxy_resolve::Route;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use transport::{
    Account, BudgetShares, DialError, DialErrorKind, Draw, Draws, Egress, Endpoint, Hop, Phase,
    Window,
};

use crate::dialer_factory::endpoint;
use crate::egress_budgets::{EgressBudgets, Ticket, Turn};
use crate::exits::Exits;
use crate::injector::ProxyInjector;
use crate::query::RouteQuery;
use crate::revocable::route_changed;

/// A wait of this length is worth a line in the log.
const LONG: Duration = Duration::from_secs(1);

/// For how long an exchange bans an egress that does not say it.
const BAN: Duration = Duration::from_secs(600);

/// The budgets of all exchanges at all egresses. A reload does not touch them: what was sent was sent.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    accounts: Mutex<HashMap<Owner, Arc<Shared>>>,
    /// Who else uses them.
    pub(crate) shares: Option<Arc<dyn BudgetShares>>,
}

/// Whose budgets they are, and where.
type Owner = (Option<ExchangeId>, Egress);

#[derive(Debug)]
struct Shared {
    budgets: Mutex<EgressBudgets>,
    /// Something may have changed for those that wait.
    changed: Notify,
    /// Others use them, too.
    shares: Option<(Account, Arc<dyn BudgetShares>)>,
}

impl Admission {
    fn of(&self, owner: Owner) -> Arc<Shared> {
        let mut accounts = self.accounts.lock();
        if let Some(shared) = accounts.get(&owner) {
            return Arc::clone(shared);
        }
        // Proxies come and go. Those that nothing is known of any longer are not kept.
        let now = Instant::now();
        accounts.retain(|_, shared| {
            Arc::strong_count(shared) > 1 || !shared.budgets.lock().is_unused(now)
        });
        let shared = Arc::new(Shared {
            budgets: Mutex::default(),
            changed: Notify::new(),
            shares: self.shares_of(&owner),
        });
        accounts.insert(owner, Arc::clone(&shared));
        shared
    }

    /// What is used of all budgets.
    pub(crate) fn used(&self, now: Instant) -> Vec<Used> {
        let all: Vec<_> = {
            let accounts = self.accounts.lock();
            let all = accounts.iter();
            all.map(|(owner, shared)| (owner.clone(), Arc::clone(shared)))
                .collect()
        };
        let of_account = |((exchange, egress), shared): (Owner, Arc<Shared>)| {
            let mut budgets = shared.budgets.lock();
            let (used, waiting) = (budgets.used(now), budgets.waiting());
            drop(budgets);
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

    /// Others that use the same. What is of no exchange has no budget that is anybody's.
    fn shares_of(&self, (exchange, egress): &Owner) -> Option<(Account, Arc<dyn BudgetShares>)> {
        let account = Account {
            exchange: exchange.as_ref()?.as_str().to_owned(),
            egress: egress.clone(),
        };
        Some((account, Arc::clone(self.shares.as_ref()?)))
    }
}

impl Shared {
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

    /// Ends when another share may be taken.
    async fn other_share(&self) {
        match &self.shares {
            Some((_, shares)) => shares.changed().await,
            None => pending().await,
        }
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

/// By which address connections by `exit` leave.
pub(crate) fn egress(exit: &Exit) -> Egress {
    if let Some(address) = exit.egress() {
        return Egress::Address(address);
    }
    match (exit, exit.bind()) {
        (Exit::Proxy(proxy), _) => Egress::Proxy(endpoint(proxy.url())),
        (Exit::DirectFrom(_), Some(Bind::Interface(name))) => {
            Egress::Interface(name.as_str().into())
        }
        (Exit::Direct | Exit::DirectFrom(_), _) => Egress::Direct,
    }
}

/// Who wants to be admitted: a request, or a dial.
#[derive(Clone, Copy)]
pub(crate) struct Applicant<'a> {
    pub(crate) injector: &'a Arc<ProxyInjector>,
    pub(crate) query: &'a RouteQuery,
    pub(crate) draws: &'a Draws,
    /// What it has in common with others, for the same exit.
    pub(crate) affinity: Option<&'a str>,
    /// What it would rather not leave by.
    pub(crate) apart_from: &'a [Egress],
}

impl<'a> Applicant<'a> {
    /// Whether there would be no wait now at `exit`.
    pub(crate) fn has_room(&self, exit: &Exit) -> bool {
        if self.draws.is_empty() {
            return true;
        }
        let shared = self.shared(egress(exit));
        let (mut budgets, now) = (shared.budgets.lock(), Instant::now());
        shared.take_share(&mut budgets, self.draws, now);
        budgets.has_room(self.draws, now)
    }

    /// Waits for what it uses at `exit`, one of those of `route`. There is no permit for what uses nothing.
    ///
    /// # Errors
    /// [`OverBudget`](DialErrorKind::OverBudget) if a budget never has as much;
    /// [`RouteChanged`](DialErrorKind::RouteChanged) if a reload changes the exits of the route first.
    pub(crate) async fn admit(
        &self,
        exit: &Exit,
        route: &Route,
        target: &Endpoint,
    ) -> Result<Option<Permit<'a>>, DialError> {
        if self.draws.is_empty() {
            return Ok(None);
        }
        // In a box, so that what uses nothing does not carry the room for it.
        Box::pin(self.wait(exit, route, target)).await.map(Some)
    }

    async fn wait(
        &self,
        exit: &Exit,
        route: &Route,
        target: &Endpoint,
    ) -> Result<Permit<'a>, DialError> {
        if let Some(draw) = self.draws.iter().find(|it| it.units > it.window.units) {
            let hop = Hop::Target(target.clone());
            let error = DialError::new(hop, Phase::Route, DialErrorKind::OverBudget);
            return Err(error.with_source(OverBudget(*draw)));
        }
        let egress = egress(exit);
        let shared = self.shared(egress.clone());
        let ticket = shared.budgets.lock().enter(self.draws);
        let mut permit = Permit {
            shared,
            draws: self.draws,
            place: Place::Waiting(ticket),
            waited: Duration::ZERO,
        };
        let start = Instant::now();
        let mut tell_at = Some(start + LONG);
        let mut rerouted = pin!(self.rerouted(route));
        loop {
            // From before the look on, so that no change is missed.
            let shared = Arc::clone(&permit.shared);
            let changed = shared.changed.notified();
            let mut other_share = pin!(shared.other_share());
            let now = Instant::now();
            let turn = {
                let mut budgets = shared.budgets.lock();
                shared.take_share(&mut budgets, self.draws, now);
                let turn = budgets.poll(ticket, now);
                // It is in use now, which nobody else must be given.
                if turn == Turn::Now {
                    shared.take_share(&mut budgets, self.draws, now);
                }
                turn
            };
            let at = match turn {
                Turn::Now => {
                    permit.place = Place::Admitted;
                    permit.waited = now - start;
                    return Ok(permit);
                }
                Turn::At(at) => Some(at),
                Turn::Later => None,
            };
            if tell_at.take_if(|at| *at <= now).is_some() {
                self.tell_of_wait(&egress);
            }
            tokio::select! {
                () = changed => {}
                () = &mut other_share => {}
                () = sleep_to(at.into_iter().chain(tell_at).min()) => {}
                () = &mut rerouted => return Err(route_changed(target, Phase::Route)),
            }
        }
    }

    /// Takes from an answer what is used of the budgets at `exit`.
    pub(crate) fn correct(&self, exit: &Exit, answer: &HeaderMap) {
        for draw in self.draws.iter() {
            if let Some(used) = draw.window.used(answer) {
                let shared = self.shared(egress(exit));
                let mut budgets = shared.budgets.lock();
                budgets.correct(draw, used, Instant::now());
                drop(budgets);
                shared.changed.notify_waiters();
            }
        }
    }

    /// The exchange has answered 418 at `exit`: until the ban is over, nobody asks who shares the budgets.
    pub(crate) fn banned(&self, exit: &Exit, wait: Option<Duration>) {
        if let Some((account, shares)) = &self.shared(egress(exit)).shares {
            shares.ban(account, wait.unwrap_or(BAN));
        }
    }

    /// Ends when other exits apply than those of `route`.
    async fn rerouted(&self, route: &Route) {
        let before = Exits::of(route);
        let mut watched = self.injector.watch();
        while Exits::of(self.query.resolve(&watched.borrow_and_update()).route()) == before {
            // It fails only without a sender, which the injector has.
            let _ = watched.changed().await;
        }
    }

    fn shared(&self, egress: Egress) -> Arc<Shared> {
        let owner = (self.query.exchange.clone(), egress);
        self.injector.admission().of(owner)
    }

    fn tell_of_wait(&self, egress: &Egress) {
        let names: Vec<_> = self.draws.iter().map(|draw| draw.window.name).collect();
        tracing::info!(
            target: "proxy_injector",
            transport = %self.query.transport,
            exchange = self.query.exchange.as_ref().map_or("-", ExchangeId::as_str),
            %egress,
            budget = names.join(", "),
            "waiting for the exchange's budget"
        );
    }
}

/// Sleeps to `at`, or for ever.
async fn sleep_to(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// A place among those that wait, and later the right to send one request. When it is dropped, the
/// request has its answer, or will have none.
pub(crate) struct Permit<'a> {
    shared: Arc<Shared>,
    draws: &'a Draws,
    place: Place,
    waited: Duration,
}

#[derive(Clone, Copy)]
enum Place {
    Waiting(Ticket),
    Admitted,
    GivenBack,
}

impl Permit<'_> {
    /// Ends it with what came of the request. What has not reached the exchange used nothing.
    pub(crate) fn end(mut self, failure: Option<&(dyn Error + 'static)>) {
        if failure.is_some_and(is_unreached) {
            self.shared.budgets.lock().give_back(self.draws);
            self.place = Place::GivenBack;
        }
    }

    /// How long the wait was.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut budgets = self.shared.budgets.lock();
        match self.place {
            Place::Waiting(ticket) => budgets.give_up(ticket),
            Place::Admitted => budgets.finish(self.draws, Instant::now()),
            Place::GivenBack => {}
        }
        self.shared
            .take_share(&mut budgets, self.draws, Instant::now());
        drop(budgets);
        self.shared.changed.notify_waiters();
    }
}

/// Whether a failed attempt ended before the exchange could see anything of it: without a route, a name
/// or a proxy. A proxy that does not answer may have connected, and so may a dial that a reload ended.
fn is_unreached(failure: &(dyn Error + 'static)) -> bool {
    DialError::find(failure).is_some_and(|error| match error.phase() {
        Phase::Route => error.kind() != DialErrorKind::RouteChanged,
        Phase::Dns => true,
        Phase::Tcp | Phase::ProxyTls => error.hop().is_proxy(),
        _ => false,
    })
}

/// More than a budget ever has.
#[derive(Debug, thiserror::Error)]
#[error("it uses {} of {:?}, of which there are {} in {:?}", .0.units, .0.window.name, .0.window.units, .0.window.per)]
struct OverBudget(Draw);
