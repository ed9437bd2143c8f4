//! What is known of the members of pools.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proxy_config::ProxyConfig;
use tokio::time::Instant;

use crate::route_key::RouteKey;

/// How long a proxy that has failed is passed over.
const MARKED: Duration = Duration::from_secs(30);

/// What is known of one proxy.
#[derive(Debug, Default)]
pub(crate) struct ProxyHealth {
    leases: AtomicU64,
    marked_until: Mutex<Option<Instant>>,
}

impl ProxyHealth {
    /// How many leases there are.
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
        let marked_until = *self.lock();
        marked_until.is_none_or(|end| end <= Instant::now())
    }

    pub(crate) fn mark_unhealthy(&self) {
        *self.lock() = Some(Instant::now() + MARKED);
    }

    pub(crate) fn mark_healthy(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.marked_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of all proxies: the same proxy in two pools has failed in both.
#[derive(Debug, Default)]
pub(crate) struct HealthRegistry(HashMap<RouteKey, Arc<ProxyHealth>>);

impl HealthRegistry {
    /// That of `proxy`, however long a dial through it may take.
    pub(crate) fn of(&mut self, proxy: &ProxyConfig) -> Arc<ProxyHealth> {
        Arc::clone(self.0.entry(RouteKey::of(proxy)).or_default())
    }

    /// Takes all marks back, and forgets the proxies that nobody uses.
    pub(crate) fn forget_marks(&mut self) {
        self.0.retain(|_, health| {
            health.mark_healthy();
            Arc::strong_count(health) > 1
        });
    }
}
