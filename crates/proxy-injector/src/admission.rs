//! Waiting until the budgets of an exchange have room.

use std::error::Error;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use proxy_config::{ExchangeId, Exit};
use proxy_resolve::Route;
use tokio::time::{Instant, sleep_until};
use transport::{DialError, DialErrorKind, Draw, Draws, Egress, Endpoint, Hop, Phase};

use crate::accounts::{Answer, End, SharedBudgets};
use crate::egress_budgets::Ticket;
use crate::exits::Exits;
use crate::injector::ProxyInjector;
use crate::query::RouteQuery;
use crate::revocable::route_changed;

/// A wait of this length is worth a line in the log.
const LONG: Duration = Duration::from_secs(1);

/// For how long an exchange bans an egress that does not say it.
const BAN: Duration = Duration::from_secs(600);

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
        self.shared(self.injector.egress(exit))
            .has_room(self.draws, Instant::now())
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
        let mut egress = self.injector.egress(exit);
        let mut permit = Permit::waiting(self.shared(egress.clone()), self.draws);
        let start = Instant::now();
        let mut tell_at = Some(start + LONG);
        let mut rerouted = pin!(self.rerouted(route));
        loop {
            // From before the look on, so that no change is missed.
            let shared = Arc::clone(&permit.shared);
            let changed = shared.changed();
            let mut other_share = pin!(shared.other_share());
            let now = Instant::now();
            let at = match permit.poll(|| self.injector.egress(exit) == egress, now) {
                Answer::Admitted => {
                    permit.place = Place::Admitted(End::Finished);
                    permit.waited = now - start;
                    return Ok(permit);
                }
                Answer::At(at) => Some(at),
                Answer::Later => None,
                Answer::Elsewhere => {
                    egress = self.injector.egress(exit);
                    permit = Permit::waiting(self.shared(egress.clone()), self.draws);
                    continue;
                }
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
                self.shared(self.injector.egress(exit))
                    .correct(draw, used, Instant::now());
            }
        }
    }

    /// The exchange has answered 418 at `exit`: until the ban is over, nobody asks who shares the budgets.
    pub(crate) fn banned(&self, exit: &Exit, wait: Option<Duration>) {
        self.shared(self.injector.egress(exit))
            .ban(wait.unwrap_or(BAN), Instant::now());
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

    fn shared(&self, egress: Egress) -> Arc<SharedBudgets> {
        let owner = (self.query.exchange.clone(), egress);
        self.injector.accounts().of(owner)
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
pub(crate) async fn sleep_to(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// A place among those that wait, and later the right to send one request. When it is dropped, the
/// request has its answer, or will have none.
pub(crate) struct Permit<'a> {
    shared: Arc<SharedBudgets>,
    draws: &'a Draws,
    ticket: Ticket,
    place: Place,
    waited: Duration,
}

#[derive(Clone, Copy)]
enum Place {
    Waiting,
    Admitted(End),
}

impl<'a> Permit<'a> {
    fn waiting(shared: Arc<SharedBudgets>, draws: &'a Draws) -> Self {
        Self {
            ticket: shared.enter(draws),
            place: Place::Waiting,
            shared,
            draws,
            waited: Duration::ZERO,
        }
    }

    fn poll(&self, is_here: impl FnOnce() -> bool, now: Instant) -> Answer {
        match self.place {
            Place::Waiting => self.shared.poll(self.ticket, self.draws, is_here, now),
            Place::Admitted(_) => Answer::Admitted,
        }
    }

    /// Ends it with what came of the request. What has not reached the exchange used nothing.
    pub(crate) fn end(mut self, failure: Option<&(dyn Error + 'static)>) {
        if let Place::Admitted(end) = &mut self.place
            && failure.is_some_and(is_unreached)
        {
            *end = End::GivenBack;
        }
    }

    /// How long the wait was.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        match self.place {
            Place::Waiting => self.shared.give_up(self.ticket, self.draws, now),
            Place::Admitted(end) => self.shared.end(self.ticket, self.draws, end, now),
        }
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
