//! Selecting one of several proxies.

use std::sync::Arc;
use std::vec;

use parking_lot::Mutex;
use proxy_config::{PoolConfig, PoolStrategy, ProxyConfig};

use crate::health::{HealthRegistry, ProxyHealth};

/// Several proxies for the same connections. Selects them by the strategy, and skips those that
/// have failed.
///
/// ```
/// use proxy_config::{PoolConfig, PoolMember, ProxyUrl};
/// use proxy_injector::ProxyPool;
///
/// let [a, b] = ["socks5h://a.example:1080", "socks5h://b.example:1080"];
/// let members = [a.parse::<ProxyUrl>()?, b.parse()?].map(PoolMember::new);
/// let pool = ProxyPool::new(&PoolConfig::new(members)?);
/// for lease in pool.attempts() {
///     // Dial through `lease.proxy()`. Keep the lease as long as the connection lives. After a
///     // failure of the proxy, have it skipped for a while:
///     lease.mark_unhealthy();
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ProxyPool {
    strategy: PoolStrategy,
    members: Mutex<Vec<Member>>,
}

impl ProxyPool {
    /// The enabled members of `config`, none of them marked.
    #[must_use]
    pub fn new(config: &PoolConfig) -> Self {
        Self::with_health(config, &mut HealthRegistry::default())
    }

    /// As [`new`](Self::new), with the marks and leases in `registry`.
    pub(crate) fn with_health(config: &PoolConfig, registry: &mut HealthRegistry) -> Self {
        let members = config.enabled_members().map(|member| {
            let proxy = config.through(member);
            Member {
                health: registry.of(&proxy),
                proxy,
                weight: member.weight(),
                credit: 0,
            }
        });
        Self {
            strategy: config.strategy(),
            members: Mutex::new(members.collect()),
        }
    }

    /// The members to try for one connection, each once: those that are not marked as unhealthy,
    /// then the others. Never empty.
    #[must_use]
    pub fn attempts(&self) -> Attempts<'_> {
        Attempts {
            pool: self,
            tried: Vec::new(),
            rest: None,
        }
    }
}

/// How many members are selected one by one for a dial.
// Each selection looks at all members, which must not be repeated for thousands of them.
const SELECTED: usize = 16;

/// The members that [`ProxyPool::attempts`] returns. Each is selected when it is needed.
//
// For one dial, with the marks that `failover` sets:
//
//     select --connected-------------------> lease kept with the connection
//     select --the proxy failed--> marked -> select from the rest
//     select --all members tried-----------> the last failure is the dial's
//
// Selecting late lets a dial see the marks and the connections of others that run at the same time.
// After many failures, the rest is put in an order once: the healthy ones first, the least busy first.
#[derive(Debug)]
pub struct Attempts<'a> {
    pool: &'a ProxyPool,
    tried: Vec<usize>,
    rest: Option<vec::IntoIter<usize>>,
}

impl Attempts<'_> {
    /// The places of the members that have not been tried.
    fn rest(&self, members: &[Member]) -> vec::IntoIter<usize> {
        let places = (0..members.len()).filter(|place| !self.tried.contains(place));
        let rank = |place: &usize| {
            let member = members.get(*place)?;
            Some((!member.health.is_healthy(), member.load()))
        };
        let mut places: Vec<_> = places.collect();
        places.sort_by_cached_key(rank);
        places.into_iter()
    }
}

impl Iterator for Attempts<'_> {
    type Item = Lease;

    fn next(&mut self) -> Option<Lease> {
        self.next_with(|_| true)
    }
}

impl Attempts<'_> {
    /// The next member, of those for which `has_room` is true if there is one.
    pub(crate) fn next_with(&mut self, has_room: impl Fn(&ProxyConfig) -> bool) -> Option<Lease> {
        let members = &self.pool.members;
        let mut members = members.lock();
        if self.tried.len() >= SELECTED {
            let rest = match self.rest.take() {
                Some(rest) => rest,
                None => self.rest(&members),
            };
            let place = self.rest.insert(rest).next()?;
            return members.get(place).map(Lease::new);
        }
        // Each is looked at once: whoever holds a lease may mark or return it at any time.
        let (healthy, marked): (Vec<_>, Vec<_>) = members
            .iter_mut()
            .enumerate()
            .filter(|(place, _)| !self.tried.contains(place))
            .partition(|(_, member)| member.health.is_healthy());
        // If all are marked, the marks say nothing: a marked proxy is better than no attempt.
        let mut candidates = match healthy.is_empty() {
            true => marked,
            false => healthy,
        };
        // A member that is marked is worse than one that has to wait.
        let full = candidates.extract_if(.., |(_, member)| !has_room(&member.proxy));
        let full: Vec<_> = full.collect();
        if candidates.is_empty() {
            candidates = full;
        }
        let (place, member) = match self.pool.strategy {
            PoolStrategy::RoundRobin => next_in_turn(candidates),
            PoolStrategy::Random => draw(candidates),
            PoolStrategy::LeastConnections => {
                // Equals take turns. Otherwise the first member would get every connection that
                // does not last.
                let loads: Vec<_> = candidates.iter().map(|(_, member)| member.load()).collect();
                let least = loads.iter().min()?;
                let least_used = candidates.into_iter().zip(&loads);
                let least_used = least_used.filter(|(_, load)| *load == least);
                next_in_turn(least_used.map(|(candidate, _)| candidate).collect())
            }
        }?;
        self.tried.push(place);
        Some(Lease::new(member))
    }
}

#[derive(Debug)]
struct Member {
    proxy: ProxyConfig,
    weight: u64,
    health: Arc<ProxyHealth>,
    /// How far it is behind its share of the turns; negative if it is ahead.
    credit: i64,
}

impl Member {
    /// The leases per weight, as a whole number.
    fn load(&self) -> u64 {
        // Weights are at most 100, so two different quotients differ by 1/10,000 or more.
        const SCALE: u64 = 10_000;
        self.health.leases().saturating_mul(SCALE) / self.weight
    }
}

/// A member and its place.
type Candidate<'a> = (usize, &'a mut Member);

/// The next member by smooth weighted round robin, as in nginx: turns in proportion to the weights,
/// spread evenly.
fn next_in_turn(mut candidates: Vec<Candidate<'_>>) -> Option<Candidate<'_>> {
    // Every candidate earns its weight, and the one that is chosen pays for the whole round. With
    // the weights 2 and 1, the credits before the payment are (2, 1), (1, 2), (3, 0): A, B, A. A
    // skipped member earns nothing, so it does not get a burst of turns when it is back.
    let mut round = 0;
    for (_, member) in &mut candidates {
        member.credit += member.weight.cast_signed();
        round += member.weight.cast_signed();
    }
    // `max_by_key` returns the last of equals: in reverse, that is the first member of the list.
    let in_reverse = candidates.into_iter().rev();
    let (place, member) = in_reverse.max_by_key(|(_, member)| member.credit)?;
    member.credit -= round;
    Some((place, member))
}

/// A random member, in proportion to the weights.
fn draw(candidates: Vec<Candidate<'_>>) -> Option<Candidate<'_>> {
    // Each member has as many tickets as its weight, numbered in the order of the list.
    let tickets: u64 = candidates.iter().map(|(_, member)| member.weight).sum();
    let mut ticket = fastrand::u64(0..tickets.max(1));
    candidates.into_iter().find(|(_, member)| {
        let is_drawn = ticket < member.weight;
        // Wraps for the drawn member only, which is the last that is looked at.
        ticket = ticket.wrapping_sub(member.weight);
        is_drawn
    })
}

/// A proxy that a pool has selected. It counts as one of the proxy's connections until it is
/// dropped.
#[derive(Debug)]
pub struct Lease {
    proxy: ProxyConfig,
    health: Arc<ProxyHealth>,
}

impl Lease {
    fn new(member: &Member) -> Self {
        // From the selection on, not from the connection on: dials that run at the same time must
        // see each other, or all of them would choose the same member.
        member.health.add_lease();
        Self {
            proxy: member.proxy.clone(),
            health: Arc::clone(&member.health),
        }
    }

    /// The proxy, with those on the way to it.
    #[must_use]
    pub fn proxy(&self) -> &ProxyConfig {
        &self.proxy
    }

    /// Marks the proxy: for 30 seconds, every pool that it is in skips it.
    pub fn mark_unhealthy(&self) {
        self.health.mark_unhealthy();
    }

    /// Takes the mark back.
    pub fn mark_healthy(&self) {
        self.health.mark_healthy();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.health.end_lease();
    }
}
