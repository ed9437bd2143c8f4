//! The health of the members of pools.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use proxy_config::ProxyConfig;
use tokio::time::Instant;

use crate::route_key::RouteKey;

/// How long a proxy that has failed is skipped.
const MARKED: Duration = Duration::from_secs(30);

/// The health of one proxy: whether it failed lately, and how many connections it has.
//
//     Healthy --a failure of the proxy--> Marked until now + 30 s
//     Marked  --another failure---------> Marked until now + 30 s
//     Marked  --30 s, a success through it, or a reload--> Healthy
//
// A mark is a time and not a state with a timer, so that nothing has to run for it to end. A marked
// proxy is not excluded: it is the last choice, and a success takes the mark back early.
#[derive(Debug, Default)]
pub(crate) struct ProxyHealth {
    // Atomic without an order: pools only compare the numbers, and a slightly old one is good
    // enough.
    leases: AtomicU64,
    marked_until: Mutex<Option<Instant>>,
}

impl ProxyHealth {
    /// The number of leases.
    pub(crate) fn leases(&self) -> u64 {
        self.leases.load(Ordering::Relaxed)
    }

    pub(crate) fn add_lease(&self) {
        self.leases.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_lease(&self) {
        self.leases.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn is_healthy(&self) -> bool {
        let marked_until = *self.marked_until.lock();
        marked_until.is_none_or(|end| end <= Instant::now())
    }

    pub(crate) fn mark_unhealthy(&self) {
        *self.marked_until.lock() = Some(Instant::now() + MARKED);
    }

    pub(crate) fn mark_healthy(&self) {
        *self.marked_until.lock() = None;
    }
}

/// The health of all proxies. A proxy that is in two pools has one record, and fails in both.
#[derive(Debug, Default)]
pub(crate) struct HealthRegistry(HashMap<RouteKey, Arc<ProxyHealth>>);

impl HealthRegistry {
    /// The health of `proxy`. The timeout of its dials makes no difference.
    pub(crate) fn of(&mut self, proxy: &ProxyConfig) -> Arc<ProxyHealth> {
        Arc::clone(self.0.entry(RouteKey::of(proxy)).or_default())
    }

    /// Takes all marks back, and forgets the proxies that are not in use.
    pub(crate) fn forget_marks(&mut self) {
        self.0.retain(|_, health| {
            health.mark_healthy();
            // More than the registry's own: a pool, or a connection whose lease must still count.
            Arc::strong_count(health) > 1
        });
    }
}
