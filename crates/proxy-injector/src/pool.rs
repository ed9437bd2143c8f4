//! Choosing among several proxies.

use std::sync::{Arc, Mutex, PoisonError};

use proxy_config::{PoolConfig, PoolStrategy, ProxyConfig};

use crate::health::{HealthRegistry, ProxyHealth};

/// Several proxies for the same connections: hands them out as the strategy says, and passes over
/// those that have failed.
///
/// ```
/// use proxy_config::{PoolConfig, PoolMember, ProxyUrl};
/// use proxy_injector::ProxyPool;
///
/// let [a, b] = ["socks5h://a.example:1080", "socks5h://b.example:1080"];
/// let members = [a.parse::<ProxyUrl>()?, b.parse()?].map(PoolMember::new);
/// let pool = ProxyPool::new(&PoolConfig::new(members)?);
/// for lease in pool.attempts() {
///     // Dial through `lease.proxy()`. Keep the lease for as long as the connection lives, or
///     // have the proxy passed over for a while:
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
    /// The enabled members of `config`; nothing is held against any of them.
    #[must_use]
    pub fn new(config: &PoolConfig) -> Self {
        Self::with_health(config, &mut HealthRegistry::default())
    }

    /// As [`new`](Self::new), knowing what `registry` knows.
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
        }
    }
}

/// What [`ProxyPool::attempts`] hands out. A member is chosen when it is asked for.
#[derive(Debug)]
pub struct Attempts<'a> {
    pool: &'a ProxyPool,
    tried: Vec<usize>,
}

impl Iterator for Attempts<'_> {
    type Item = Lease;

    fn next(&mut self) -> Option<Lease> {
        let members = &self.pool.members;
        let mut members = members.lock().unwrap_or_else(PoisonError::into_inner);
        let mut candidates: Vec<_> = members
            .iter_mut()
            .enumerate()
            .filter(|(place, _)| !self.tried.contains(place))
            .collect();
        let is_healthy = |member: &Member| member.health.is_healthy();
        if candidates.iter().any(|(_, member)| is_healthy(member)) {
            candidates.retain(|(_, member)| is_healthy(member));
        }
        let (place, member) = match self.pool.strategy {
            PoolStrategy::RoundRobin => next_in_turn(candidates),
            PoolStrategy::Random => draw(candidates),
            PoolStrategy::LeastConnections => {
                let least = candidates.iter().map(|(_, member)| member.load()).min()?;
                candidates.retain(|(_, member)| member.load() == least);
                next_in_turn(candidates)
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
    /// Orders members by leases for their weight.
    fn load(&self) -> u64 {
        // Loads of any two weights are told apart at this scale.
        const SCALE: u64 = 10_000;
        self.health.leases().saturating_mul(SCALE) / self.weight
    }
}

/// A member and its place.
type Candidate<'a> = (usize, &'a mut Member);

/// Whose turn it is, if each gets as many turns as its weight says and they are spread as evenly as
/// can be (the smooth weighted round robin of nginx).
fn next_in_turn(mut candidates: Vec<Candidate<'_>>) -> Option<Candidate<'_>> {
    let mut round = 0;
    for (_, member) in &mut candidates {
        member.credit += member.weight.cast_signed();
        round += member.weight.cast_signed();
    }
    let in_reverse = candidates.into_iter().rev();
    let (place, member) = in_reverse.max_by_key(|(_, member)| member.credit)?;
    member.credit -= round;
    Some((place, member))
}

/// One by chance, each as likely as its weight says.
fn draw(candidates: Vec<Candidate<'_>>) -> Option<Candidate<'_>> {
    let tickets: u64 = candidates.iter().map(|(_, member)| member.weight).sum();
    let mut ticket = fastrand::u64(0..tickets.max(1));
    candidates.into_iter().find(|(_, member)| {
        let is_drawn = ticket < member.weight;
        ticket = ticket.wrapping_sub(member.weight);
        is_drawn
    })
}

/// A proxy that a pool has handed out. It counts as one of the proxy's connections until it is
/// dropped.
#[derive(Debug)]
pub struct Lease {
    proxy: ProxyConfig,
    health: Arc<ProxyHealth>,
}

impl Lease {
    fn new(member: &Member) -> Self {
        member.health.add_lease();
        Self {
            proxy: member.proxy.clone(),
            health: Arc::clone(&member.health),
        }
    }

    /// The proxy, with those to pass on the way to it.
    #[must_use]
    pub fn proxy(&self) -> &ProxyConfig {
        &self.proxy
    }

    /// Lets the proxy be passed over for 30 seconds, by every pool that it is in.
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
