//! Selecting one of several proxies.
//!
//! What is known and what follows from it is the [known exits](known_exits), which has no clock and no lock of its own:
//! [breakers](breaker), [records](record) of single exits, the [turns] of a pool's members, and their
//! [scores](rendezvous) for a key. [`ProxyPool`] and [`Lease`] give it both.

mod attempts;
mod breaker;
mod known_exits;
mod lease;
mod rankings;
mod record;
mod rendezvous;
#[cfg(test)]
mod simulation;
mod turns;
mod verdict;

use std::sync::Arc;

use parking_lot::Mutex;
use proxy_config::{Exit, HealthCheck, PoolConfig};
use tokio::time::Instant;

use crate::checks::Checks;

pub use self::attempts::Attempts;
pub(crate) use self::breaker::Standing;
pub(crate) use self::known_exits::{ExitId, KnownExits, PoolId};
pub use self::lease::Lease;
pub(crate) use self::record::{Ban, Course, Place, View};
pub(crate) use self::verdict::Verdict;

/// Several proxies for the same connections. Selects them by the strategy, and skips those that
/// have failed. The pools of an injector are also checked, if their configuration says so; this one learns
/// from its leases only.
///
/// ```
/// use proxy_config::{PoolConfig, PoolMember, ProxyUrl};
/// use proxy_injector::ProxyPool;
///
/// let [a, b] = ["socks5h://a.example:1080", "socks5h://b.example:1080"];
/// let members = [a.parse::<ProxyUrl>()?, b.parse()?].map(PoolMember::new);
/// let pool = ProxyPool::new(&PoolConfig::new(members)?);
/// for lease in pool.attempts() {
///     // Dial by `lease.exit()`. Keep the lease as long as the connection lives. After a
///     // failure of the exit, have it skipped for a while:
///     lease.mark_unhealthy();
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ProxyPool {
    exits: Arc<Mutex<KnownExits>>,
    id: PoolId,
    checks: Checks,
}

impl ProxyPool {
    /// The enabled members of `config`, of which nothing is known.
    #[must_use]
    pub fn new(config: &PoolConfig) -> Self {
        Self::within(config, &Arc::default())
    }

    /// As [`new`](Self::new), with what `exits` knows of the members.
    pub(crate) fn within(config: &PoolConfig, exits: &Arc<Mutex<KnownExits>>) -> Self {
        let id = exits.lock().add_pool(config, Instant::now());
        Self {
            exits: Arc::clone(exits),
            id,
            checks: Checks::default(),
        }
    }

    /// The members to try for one connection, each once: those that may be used, then the others. Never
    /// empty.
    #[must_use]
    pub fn attempts(&self) -> Attempts<'_> {
        self.attempts_for(Course::default())
    }

    /// As [`attempts`](Self::attempts). With the strategy `sticky`, connections with the same `key` get
    /// the same member first.
    #[must_use]
    pub fn attempts_with_key<'a>(&'a self, key: &'a str) -> Attempts<'a> {
        self.attempts_for(Course {
            affinity: Some(key),
            ..Course::default()
        })
    }

    /// The checks of its members.
    pub(crate) fn checks(&self) -> &Checks {
        &self.checks
    }

    /// The members, for their checks.
    pub(crate) fn members(&self) -> Vec<(ExitId, Exit)> {
        self.exits.lock().members(self.id)
    }

    /// A check of a member has come to `verdict`, or to none.
    pub(crate) fn note_check(&self, id: ExitId, config: &HealthCheck, verdict: Option<Verdict>) {
        if let Some(verdict) = verdict {
            let mut exits = self.exits.lock();
            exits.check((self.id, id), config.retries(), verdict, Instant::now());
        }
    }

    /// As [`attempts`](Self::attempts), for a connection of which more is known.
    pub(crate) fn attempts_for<'a>(&'a self, course: Course<'a>) -> Attempts<'a> {
        Attempts::new(self, course)
    }
}

impl Drop for ProxyPool {
    fn drop(&mut self) {
        self.exits.lock().remove_pool(self.id, Instant::now());
    }
}
