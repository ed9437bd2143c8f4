//! The members that pools have from lists.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use proxy_config::{
    Exit, ListRoute, PoolConfig, PoolMember, PoolSource, ProxyConfig, ProxyList, SourcePlace,
};
use tokio::time::{Instant, timeout_at};
use transport::{DialError, DialErrorKind, Dialer, Endpoint, Hop, Phase};
use transport_http::HttpClient;

use crate::clients::Clients;
use crate::dialer_factory::{DIRECT_TIMEOUT, DialerFactory};
use crate::exits::has_member;
use crate::injector::ProxyInjector;
use crate::pool::ProxyPool;
use crate::proxy_source::ProxySource;
use crate::refusing_dialer::RefusingDialer;
use crate::revocable::route_changed;
use crate::sources::{FileSource, ListState, Missing, UrlSource, sources_of};

/// A pool with the members of the last good list.
pub(crate) struct Listed {
    list: Arc<ProxyList>,
    pool: PoolConfig,
}

impl ProxyInjector {
    /// `pool`, which is one of the [settings](Self::settings), with the members that it has now: of a pool
    /// with a source, those of the last good list. If nobody has looked for that so far, this waits for
    /// the first look, at most for the pool's timeout.
    ///
    /// # Errors
    /// [`NoProxyListed`] if there is no good list, or if the settings do not have the source.
    pub async fn listed(&self, pool: &PoolConfig) -> Result<PoolConfig, NoProxyListed> {
        self.listed_by(pool, Instant::now() + pool.timeout()).await
    }

    /// As [`listed`](Self::listed), for a connection to `target`, and waits until `deadline`.
    pub(crate) async fn listed_for(
        &self,
        pool: &PoolConfig,
        target: &Endpoint,
        deadline: Instant,
    ) -> Result<PoolConfig, DialError> {
        let listed = self.listed_by(pool, deadline).await;
        listed.map_err(|error| match error.why {
            Why::NotInUse => route_changed(target, Phase::Route),
            Why::NotRead | Why::Wrong(_) => {
                let hop = Hop::Target(target.clone());
                DialError::new(hop, Phase::Route, DialErrorKind::NoProxy).with_source(error)
            }
        })
    }

    async fn listed_by(
        &self,
        pool: &PoolConfig,
        deadline: Instant,
    ) -> Result<PoolConfig, NoProxyListed> {
        let Some(source) = pool.source() else {
            return Ok(pool.clone());
        };
        let error = |why| NoProxyListed {
            source: source.clone(),
            why,
        };
        let is_used = || sources_of(&self.settings()).any(|used| used.place() == source.place());
        let factory = self.factory();
        let state = factory
            .sources
            .follow(source, is_used, || factory.reader(source));
        let mut state = state.ok_or_else(|| error(Why::NotInUse))?;
        // What is known at the end counts, whether that is in time or not.
        let _ = timeout_at(deadline, state.wait_for(ListState::has_looked)).await;
        let state = state.borrow().clone();
        let Some(list) = state.list() else {
            return Err(error(match state.wrong() {
                Some(why) => Why::Wrong(Arc::clone(why)),
                None => Why::NotRead,
            }));
        };
        let (listed, gone) = factory.listed(pool, list);
        self.forget_exits(&gone);
        Ok(listed)
    }

    /// Whether `exit` has left the list of `pool`, which was `listed` a while ago.
    pub(crate) fn has_left(&self, pool: &PoolConfig, listed: &PoolConfig, exit: &Exit) -> bool {
        let now = self.listed_now(pool);
        now.is_some_and(|now| now != *listed && !has_member(&now, exit))
    }

    /// What has taken the place of `listed`, a pool with the members that its list had a while ago.
    pub(crate) fn successor(&self, listed: &PoolConfig) -> Option<(PoolConfig, Arc<ProxyPool>)> {
        // The settings do not have the members.
        let pool = listed.clone().with_listed([]);
        let now = self.listed_now(&pool).filter(|now| now != listed)?;
        let made = self.factory().pool(&now);
        Some((now, made))
    }

    /// `pool` with the members of the last good list, if there is one.
    fn listed_now(&self, pool: &PoolConfig) -> Option<PoolConfig> {
        let factory = self.factory();
        let state = factory.sources.state(pool.source()?)?;
        let (now, gone) = factory.listed(pool, state.list()?);
        self.forget_exits(&gone);
        Some(now)
    }

    /// Drops what is kept for connections by `gone`. Those that are open stay open.
    fn forget_exits(&self, gone: &HashSet<Exit>) {
        if gone.is_empty() {
            return;
        }
        let stacks = self.factory().forget_stacks(gone);
        let forget = |clients: Arc<Mutex<Clients>>| clients.lock().forget(gone);
        let clients: Vec<_> = self.sessions().into_iter().map(forget).collect();
        // Without a lock: it closes connections, and drops what may be the program's.
        drop((stacks, clients));
    }
}

impl DialerFactory {
    /// What reads the list of `source`.
    fn reader(&self, source: &PoolSource) -> Arc<dyn ProxySource> {
        match source.place() {
            SourcePlace::File(path) => Arc::new(FileSource::new(path)),
            SourcePlace::Url { url, route } => {
                Arc::new(UrlSource::new(url, self.list_client(route)))
            }
            SourcePlace::Program(name) => match self.sources.programs.get(name) {
                Some(source) => Arc::clone(source),
                None => Arc::new(Missing),
            },
        }
    }

    /// What asks for a list by `route`. The certificate of the program for exchanges is not shown to
    /// the server of a list.
    fn list_client(&self, route: &ListRoute) -> HttpClient<Arc<dyn Dialer>> {
        let exit = match route {
            ListRoute::Direct => Exit::Direct,
            ListRoute::Proxy(server) => Exit::Proxy(server.clone().into()),
        };
        let dialer = self.standard_dialer(&exit);
        let dialer = dialer.unwrap_or_else(|error| Arc::new(RefusingDialer::new(&exit, error)));
        let tls = self.trust.client_config(&[b"http/1.1"]);
        let timeout = exit.proxy().map_or(DIRECT_TIMEOUT, ProxyConfig::timeout);
        HttpClient::new(dialer, tls, timeout)
    }

    /// `pool` with the members of `list`, and the ways through those that it had before and has no more.
    fn listed(&self, pool: &PoolConfig, list: &Arc<ProxyList>) -> (PoolConfig, HashSet<Exit>) {
        let mut known = self.listed.lock();
        if let Some(known) = known.get(pool)
            && Arc::ptr_eq(&known.list, list)
        {
            return (known.pool.clone(), HashSet::new());
        }
        let now = pool.clone().with_listed(list.members().iter().cloned());
        // In this order: what is known of a proxy that stays must always have a pool.
        self.pool(&now);
        let before = known.insert(
            pool.clone(),
            Listed {
                list: Arc::clone(list),
                pool: now.clone(),
            },
        );
        drop(known);
        let mut gone = HashSet::new();
        if let Some(Listed { pool: before, .. }) = before.filter(|before| before.pool != now) {
            self.forget_pool(&before);
            gone.extend(ways(&before));
            for way in ways(&now) {
                gone.remove(&way);
            }
        }
        (now, gone)
    }
}

/// The ways through the members of `pool`.
fn ways(pool: &PoolConfig) -> impl Iterator<Item = Exit> {
    let members = pool.enabled_members();
    members.map(|member: &PoolMember| pool.through(member))
}

/// A pool whose list has named no proxy so far.
#[derive(Debug, Clone)]
pub struct NoProxyListed {
    source: PoolSource,
    why: Why,
}

#[derive(Debug, Clone)]
enum Why {
    /// Nobody has got an answer so far.
    NotRead,
    Wrong(Arc<str>),
    /// The settings have changed, and it is not read any more.
    NotInUse,
}

impl fmt::Display for NoProxyListed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &self.source;
        match &self.why {
            Why::NotRead => write!(f, "{source} has not been read so far"),
            Why::Wrong(why) => write!(f, "{source} has named no proxy so far: {why}"),
            Why::NotInUse => write!(f, "{source} is not in use"),
        }
    }
}

impl std::error::Error for NoProxyListed {}
