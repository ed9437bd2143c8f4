//! The dialers of routes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::Mutex;
use proxy_config::{ExchangeId, Exit, PoolConfig, ProxyConfig, ProxyUrl, Transport};
use proxy_resolve::Route;
use rustls::ClientConfig;
use tokio::time::Instant;
use transport::{Dialer, Endpoint};
use transport_tls::{TlsTrust, http1_only, with_own_sessions};
use transport_tunnel::{Resolver, RouteDialer, SystemResolver, TcpDialer};

use crate::listed::Listed;
use crate::patience::Patience;
use crate::pool::{KnownExits, ProxyPool};
use crate::refusing_dialer::RefusingDialer;
use crate::sources::Sources;
use crate::stack_request::{CustomStack, StackError, StackRequest};

/// How long a dial without a proxy may take.
pub(crate) const DIRECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a dial along `route` may take.
pub(crate) fn timeout(route: &Route) -> Duration {
    match route {
        Route::Proxy(proxy) => proxy.timeout(),
        Route::Pool(pool) => pool.timeout(),
        Route::Direct | Route::DirectFrom(_) | Route::Refused => DIRECT_TIMEOUT,
    }
}

/// Loading the platform's authorities takes milliseconds, so they are loaded when first needed.
pub(crate) type LazyTrust = LazyLock<TlsTrust, Box<dyn FnOnce() -> TlsTrust + Send>>;

/// The parts of dialers, and the stacks and pools made so far.
pub(crate) struct DialerFactory {
    pub(crate) tcp: Arc<dyn Dialer>,
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) trust: LazyTrust,
    /// The TLS configuration for exchanges, if the program has its own.
    pub(crate) exchange_tls: Option<ClientConfig>,
    pub(crate) custom_stack: Option<CustomStack>,
    pub(crate) sources: Sources,
    /// The pools with a source.
    pub(crate) listed: Mutex<HashMap<PoolConfig, Listed>>,
    stacks: Mutex<Stacks>,
    pools: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    made: HashMap<PoolConfig, Arc<ProxyPool>>,
    exits: Arc<Mutex<KnownExits>>,
}

#[derive(Default)]
struct Stacks {
    made: RouteStacks,
    /// How many reloads there were.
    reloads: u64,
}

/// The stacks made so far.
pub(crate) type RouteStacks = HashMap<StackKey, RouteStack>;

/// What a stack is for: an exit. A program's own stacks may also differ by
/// exchange and transport.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct StackKey {
    exit: Exit,
    owner: Option<(Option<ExchangeId>, Transport)>,
}

/// What the connections by one exit have in common.
#[derive(Clone)]
pub(crate) struct RouteStack {
    pub(crate) dialer: Arc<dyn Dialer>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) timeout: Duration,
    /// Whether it is kept for others: it could be built, and no reload came in between.
    pub(crate) is_kept: bool,
}

/// Where a proxy is, in the terms of the dialers.
pub(crate) fn endpoint(url: &ProxyUrl) -> Endpoint {
    Endpoint::new(url.host().clone(), url.port())
}

impl DialerFactory {
    pub(crate) fn new(trust: LazyTrust) -> Self {
        Self {
            tcp: Arc::new(TcpDialer::new()),
            resolver: Arc::new(SystemResolver),
            trust,
            exchange_tls: None,
            custom_stack: None,
            sources: Sources::default(),
            listed: Mutex::default(),
            stacks: Mutex::default(),
            pools: Mutex::default(),
        }
    }

    /// The stack for the connections of `exchange` by `transport` and `exit`. A
    /// stack that cannot be built refuses the dial, and is built again for the next one.
    pub(crate) fn stack(
        &self,
        exchange: Option<&ExchangeId>,
        transport: Transport,
        exit: &Exit,
    ) -> RouteStack {
        let stacks = || self.stacks.lock();
        let owner = self
            .custom_stack
            .as_ref()
            .map(|_| (exchange.cloned(), transport));
        let key = StackKey {
            exit: exit.clone(),
            owner,
        };
        let reloads = {
            let stacks = stacks();
            if let Some(stack) = stacks.made.get(&key) {
                return stack.clone();
            }
            stacks.reloads
        };
        // Without the lock: a program's own stack may take its time.
        let request = StackRequest::new(self, exchange, transport, exit);
        let (dialer, is_built): (Arc<dyn Dialer>, _) = match self.dialer(request) {
            Ok(dialer) => (dialer, true),
            Err(error) => (Arc::new(RefusingDialer::new(exit, error)), false),
        };
        let stack = RouteStack {
            dialer,
            tls: self.exchange_tls(),
            timeout: exit.proxy().map_or(DIRECT_TIMEOUT, ProxyConfig::timeout),
            is_kept: is_built,
        };
        let mut stacks = stacks();
        // A reload in between may have replaced what it is made of, such as a certificate.
        if !is_built || stacks.reloads != reloads {
            return RouteStack {
                is_kept: false,
                ..stack
            };
        }
        // If another dial has built the same stack meanwhile, that one is used, so that all share
        // it.
        stacks
            .made
            .entry(key)
            .or_insert_with(|| stack.clone())
            .clone()
    }

    pub(crate) fn exchange_tls(&self) -> Arc<ClientConfig> {
        match &self.exchange_tls {
            Some(config) => http1_only(with_own_sessions(config.clone())),
            None => self.trust.client_config(&[b"http/1.1"]),
        }
    }

    fn dialer(&self, request: StackRequest<'_>) -> Result<Arc<dyn Dialer>, StackError> {
        match &self.custom_stack {
            Some(stack) => stack(request).map_err(StackError::Custom),
            None => self.standard_dialer(request.exit()),
        }
    }

    /// The dialer by `exit` that is used unless the program has its own.
    pub(crate) fn standard_dialer(&self, exit: &Exit) -> Result<Arc<dyn Dialer>, StackError> {
        let tcp = Arc::clone(&self.tcp);
        Ok(Arc::new(match exit {
            Exit::Direct => RouteDialer::direct(tcp, DIRECT_TIMEOUT),
            Exit::DirectFrom(exit) => RouteDialer::direct_from(exit.bind(), tcp, DIRECT_TIMEOUT),
            Exit::Proxy(proxy) => RouteDialer::through(proxy, tcp, &self.resolver, &self.trust)
                .map_err(StackError::Trust)?,
        }))
    }

    /// The pool of `config`, the same one for all callers.
    pub(crate) fn pool(&self, config: &PoolConfig) -> Arc<ProxyPool> {
        let mut pools = self.pools.lock();
        let Pools { made, exits } = &mut *pools;
        if let Some(pool) = made.get(config) {
            return Arc::clone(pool);
        }
        let pool = ProxyPool::within(config, exits).into();
        Arc::clone(made.entry(config.clone()).or_insert(pool))
    }

    /// All proxies that pools use.
    pub(crate) fn exits(&self) -> Arc<Mutex<KnownExits>> {
        Arc::clone(&self.pools.lock().exits)
    }

    /// What keeps an eye on a dial by `exit`, if a pool has that.
    pub(crate) fn patience(&self, exit: &Exit) -> Option<Patience> {
        let pools = self.pools.lock();
        Patience::with(exit, &pools.exits)
    }

    /// Forgets the pool of `config`. Its members are known for as long as another pool has them, or a
    /// connection.
    pub(crate) fn forget_pool(&self, config: &PoolConfig) {
        let gone = self.pools.lock().made.remove(config);
        drop(gone);
    }

    /// Forgets the stacks by `exits`, and returns them.
    pub(crate) fn forget_stacks(&self, exits: &HashSet<Exit>) -> RouteStacks {
        let is_gone = |key: &StackKey, _: &mut RouteStack| exits.contains(&key.exit);
        self.stacks.lock().made.extract_if(is_gone).collect()
    }

    /// Forgets all stacks and pools, which are then built again when they are needed, and returns
    /// the old stacks. Open connections are not touched, and still count for their proxies.
    pub(crate) fn start_over(&self) -> RouteStacks {
        let mut stacks = self.stacks.lock();
        stacks.reloads += 1;
        let old = std::mem::take(&mut stacks.made);
        self.listed.lock().clear();
        let mut pools = self.pools.lock();
        // The pools first, so that only proxies are kept that still have connections.
        pools.made.clear();
        pools.exits.lock().pardon(Instant::now());
        old
    }
}
