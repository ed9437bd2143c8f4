//! What is known of one exit, whatever pools it is in.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use proxy_config::{BreakerConfig, ExchangeId};
use tokio::time::Instant;
use transport::{Egress, Endpoint};

use super::breaker::{Breaker, Standing};
use super::rendezvous::identity;

/// How many exchanges and targets are remembered before those whose time is over are forgotten.
const MOST_PLACES: usize = 64;

/// For how long an exchange that says no to an exit is not asked through it, if it does not say.
const DEFAULT_BAN: Duration = Duration::from_secs(600);

/// The longest time that an exchange's word is taken for: Binance bans for no longer.
const LONGEST_BAN: Duration = Duration::from_secs(3 * 86_400);

/// How an exchange says no to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ban {
    /// 403 and 451: this address is of no use there. As a last resort, it is asked all the same: it may
    /// have been the request.
    Declined,
    /// 418: it has asked too much, and asking again makes the ban longer.
    Strict,
}

impl Ban {
    /// The ban that an exchange's answer with `status` is.
    pub(crate) fn of(status: u16) -> Option<Self> {
        match status {
            403 | 451 => Some(Self::Declined),
            418 => Some(Self::Strict),
            _ => None,
        }
    }
}

/// Where an exit is of no use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Exchange(ExchangeId),
    Target(Endpoint),
}

/// Until when, and how strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Out {
    pub(crate) until: Instant,
    pub(crate) ban: Ban,
}

impl Out {
    fn is_banned(&self, now: Instant) -> bool {
        self.ban == Ban::Strict && self.until > now
    }
}

/// What is known of a proxy, for those who look at it.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) standing: Standing,
    pub(crate) failures: u64,
    pub(crate) leases: u64,
    /// Also those whose time is over.
    pub(crate) outs: Vec<(Place, Out)>,
    /// Until when others advise against it, for all exchanges or one. Also those whose time is over.
    pub(crate) advised: BTreeMap<Option<ExchangeId>, Instant>,
}

/// Where a connection goes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Course<'a> {
    pub(crate) exchange: Option<&'a ExchangeId>,
    pub(crate) target: Option<&'a Endpoint>,
    /// The same for connections that belong together.
    pub(crate) affinity: Option<&'a str>,
    /// Which exits it takes only if there are no others.
    pub(crate) apart_from: &'a [Egress],
}

impl Course<'_> {
    /// What sticky selection takes the same member for.
    pub(crate) fn key(&self) -> u64 {
        identity(&(self.exchange, self.affinity))
    }
}

/// One exit.
#[derive(Debug, Default)]
pub(crate) struct Record {
    breaker: Breaker,
    leases: u64,
    out: HashMap<Place, Out>,
    failed_checks: u64,
    /// Whether checks have found it down.
    is_down: bool,
    /// Of the pool that it was selected from or checked for last.
    config: BreakerConfig,
    /// When a connection by it was made last.
    worked_at: Option<Instant>,
    /// When exchanges answered through it last.
    served_at: HashMap<ExchangeId, Instant>,
}

impl Record {
    pub(crate) fn standing(&self) -> Standing {
        self.breaker.standing()
    }

    pub(crate) fn view(&self, advised: BTreeMap<Option<ExchangeId>, Instant>) -> View {
        let outs = self.out.iter().map(|(place, out)| (place.clone(), *out));
        View {
            standing: self.breaker.standing(),
            failures: self.breaker.failures(),
            leases: self.leases,
            outs: outs.collect(),
            advised,
        }
    }

    /// Where it is, or was, of no use, other than for a ban.
    pub(crate) fn pardonable(&self, now: Instant) -> impl Iterator<Item = &Place> {
        let pardonable = self.out.iter().filter(move |(_, out)| !out.is_banned(now));
        pardonable.map(|(place, _)| place)
    }

    pub(crate) fn breaker(&mut self) -> &mut Breaker {
        &mut self.breaker
    }

    pub(crate) fn leases(&self) -> u64 {
        self.leases
    }

    /// Whatever fails from now on does so in a pool with this breaker.
    pub(crate) fn set_breaker(&mut self, config: BreakerConfig) {
        self.config = config;
    }

    pub(crate) fn add_lease(&mut self) {
        self.leases += 1;
    }

    pub(crate) fn end_lease(&mut self) {
        self.leases = self.leases.saturating_sub(1);
    }

    pub(crate) fn succeed(&mut self, now: Instant) {
        self.failed_checks = 0;
        self.is_down = false;
        self.breaker.succeed(now);
        self.worked_at = Some(now);
    }

    /// `exchange` has answered what came by it.
    pub(crate) fn serve(&mut self, exchange: &ExchangeId, now: Instant) {
        if let Some(at) = self.served_at.get_mut(exchange) {
            *at = now;
        } else {
            if self.served_at.len() >= MOST_PLACES {
                self.served_at.clear();
            }
            self.served_at.insert(exchange.clone(), now);
        }
    }

    /// Whether `exchange` has answered through it since then, or without one, whether it has connected.
    pub(crate) fn has_worked_since(&self, exchange: Option<&ExchangeId>, since: Instant) -> bool {
        let at = match exchange {
            Some(exchange) => self.served_at.get(exchange).copied(),
            None => self.worked_at,
        };
        at.is_some_and(|at| since <= at)
    }

    pub(crate) fn fail(&mut self, now: Instant) {
        self.breaker.fail(now, &self.config);
    }

    pub(crate) fn stall(&mut self, now: Instant) {
        self.breaker.trip(now, &self.config);
    }

    /// A check has failed, of which `most` in a row may. It is skipped for as long as they fail.
    pub(crate) fn fail_check(&mut self, most: u64, now: Instant) {
        self.failed_checks += 1;
        if self.failed_checks >= most {
            self.is_down = true;
            self.breaker.trip(now, &self.config);
        }
    }

    /// A check has passed. That takes back what checks have found; what a connection has found, such as a
    /// rejected login or a stall, only another one can.
    pub(crate) fn pass_check(&mut self, now: Instant) {
        self.failed_checks = 0;
        if std::mem::take(&mut self.is_down) {
            self.breaker.succeed(now);
        }
    }

    /// `exchange` does not want it, for `wait` if it says so. Returns until when that is. Nothing ends a ban before its
    /// time: another answer may have been under way before.
    pub(crate) fn ban(
        &mut self,
        exchange: &ExchangeId,
        ban: Ban,
        wait: Option<Duration>,
        now: Instant,
    ) -> Instant {
        let until = now + wait.unwrap_or(DEFAULT_BAN).min(LONGEST_BAN);
        let place = Place::Exchange(exchange.clone());
        let before = self.out.get(&place).filter(|out| out.is_banned(now));
        let before = before.filter(|out| ban != Ban::Strict || until < out.until);
        if let Some(before) = before {
            return before.until;
        }
        self.leave_out(place, ban, until, now);
        until
    }

    /// Until when exchanges have banned it.
    pub(crate) fn bans(&self, now: Instant) -> impl Iterator<Item = (&ExchangeId, Instant)> {
        self.out.iter().filter_map(move |(place, out)| match place {
            Place::Exchange(exchange) if out.is_banned(now) => Some((exchange, out.until)),
            Place::Exchange(_) | Place::Target(_) => None,
        })
    }

    /// It does not reach `target`.
    pub(crate) fn miss(&mut self, target: &Endpoint, now: Instant) {
        let until = now + self.config.cooldown();
        self.leave_out(Place::Target(target.clone()), Ban::Declined, until, now);
    }

    fn leave_out(&mut self, place: Place, ban: Ban, until: Instant, now: Instant) {
        if self.out.len() >= MOST_PLACES {
            self.out.retain(|_, out| out.until > now);
        }
        self.out.insert(place, Out { until, ban });
    }

    /// What `course` got through works: the target is reached.
    pub(crate) fn reach(&mut self, target: &Endpoint) {
        if !self.out.is_empty() {
            self.out.remove(&Place::Target(target.clone()));
        }
    }

    /// Whether it is of no use for `course` now; the strictest and longest of what speaks against it.
    pub(crate) fn out(&self, course: &Course<'_>, now: Instant) -> Option<Out> {
        if self.out.is_empty() {
            return None;
        }
        let exchange = course.exchange.cloned().map(Place::Exchange);
        let target = course.target.cloned().map(Place::Target);
        let places = [exchange, target].into_iter().flatten();
        let outs = places.filter_map(|place| self.out.get(&place).copied());
        let current = outs.filter(|out| out.until > now);
        current.max_by_key(|out| (out.ban == Ban::Strict, out.until))
    }

    /// Forgets all that speaks against it, except bans: asking makes them longer.
    pub(crate) fn pardon(&mut self, now: Instant) {
        self.breaker = Breaker::default();
        self.failed_checks = 0;
        self.is_down = false;
        self.out.retain(|_, out| out.is_banned(now));
    }
}
