//! What is known of the members of pools.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use std::path::{Path, PathBuf};

use proxy_config::{ProxyConfig, ProxyServer, ProxyUrl};
use tokio::time::Instant;

/// How long a proxy that has failed is passed over.
const MARKED: Duration = Duration::from_secs(30);

/// What is known of one proxy.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    leases: AtomicU64,
    marked_until: Mutex<Option<Instant>>,
}

impl Standing {
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.marked_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What makes a proxy another one; how it is spoken to does not.
type Place = (ProxyUrl, Option<PathBuf>);

/// What is known of all proxies: the same proxy in two pools has failed in both.
#[derive(Debug, Default)]
pub(crate) struct Standings(HashMap<Vec<Place>, Arc<Standing>>);

impl Standings {
    /// That of `proxy`, however long a dial through it may take.
    pub(crate) fn of(&mut self, proxy: &ProxyConfig) -> Arc<Standing> {
        let servers = proxy.via().iter().chain([proxy.server()]);
        let place = |server: &ProxyServer| {
            (
                server.url().clone(),
                server.ca_file().map(Path::to_path_buf),
            )
        };
        let way = servers.map(place).collect();
        Arc::clone(self.0.entry(way).or_default())
    }

    /// Takes all marks back, and forgets the proxies that nobody uses.
    pub(crate) fn forget_marks(&mut self) {
        self.0.retain(|_, standing| {
            standing.mark_healthy();
            Arc::strong_count(standing) > 1
        });
    }
}
