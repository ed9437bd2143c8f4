//! How routes are carried out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use proxy_config::{PoolConfig, ProxyConfig, ProxyUrl};
use proxy_resolve::Route;
use rustls::ClientConfig;
use transport::{Dialer, Endpoint};
use transport_tls::TlsTrust;
use transport_tunnel::{Resolver, RouteDialer, SystemResolver, TcpDialer};

use crate::health::HealthRegistry;
use crate::pool::ProxyPool;
use crate::refusing_dialer::RefusingDialer;

/// How long a dial without a proxy may take.
const DIRECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a dial along `route` may take.
pub(crate) fn timeout(route: &Route) -> Duration {
    match route {
        Route::Proxy(proxy) => proxy.timeout(),
        Route::Pool(pool) => pool.timeout(),
        Route::Direct | Route::Refused => DIRECT_TIMEOUT,
    }
}

/// Makes the dialer for a proxy, or for direct connections.
pub(crate) type CustomStack = Box<dyn Fn(Option<&ProxyConfig>) -> Arc<dyn Dialer> + Send + Sync>;

/// The parts that dialers are made of, and the stacks and pools made so far.
pub(crate) struct DialerFactory {
    pub(crate) tcp: Arc<dyn Dialer>,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// Loading the platform's authorities takes milliseconds, so they are loaded when first needed.
    pub(crate) trust: OnceLock<TlsTrust>,
    pub(crate) stack: Option<CustomStack>,
    stacks: Mutex<RouteStacks>,
    pools: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    made: HashMap<PoolConfig, Arc<ProxyPool>>,
    registry: HealthRegistry,
}

/// The stacks made so far: through proxies, and that of direct connections.
pub(crate) type RouteStacks = HashMap<Option<ProxyConfig>, RouteStack>;

/// What the connections through one proxy, or all direct ones, have in common.
#[derive(Clone)]
pub(crate) struct RouteStack {
    pub(crate) dialer: Arc<dyn Dialer>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) timeout: Duration,
    /// Whether it could be built.
    pub(crate) is_built: bool,
}

/// Where a proxy is, in the terms of the dialers.
pub(crate) fn endpoint(url: &ProxyUrl) -> Endpoint {
    Endpoint::new(url.host().clone(), url.port())
}

fn client_config(trust: &TlsTrust) -> Arc<ClientConfig> {
    trust.client_config(&[b"http/1.1"])
}

impl Default for DialerFactory {
    fn default() -> Self {
        Self {
            tcp: Arc::new(TcpDialer::new()),
            resolver: Arc::new(SystemResolver),
            trust: OnceLock::new(),
            stack: None,
            stacks: Mutex::default(),
            pools: Mutex::default(),
        }
    }
}

impl DialerFactory {
    /// The stack through `proxy`, or that of direct connections. One that cannot be built refuses
    /// every dial, and is tried again the next time.
    pub(crate) fn stack(&self, proxy: Option<&ProxyConfig>) -> RouteStack {
        let stacks = || self.stacks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stack) = stacks().get(&proxy.cloned()) {
            return stack.clone();
        }
        let trust = self.trust.get_or_init(TlsTrust::platform);
        let (dialer, is_built): (Arc<dyn Dialer>, _) = match self.dialer(proxy, trust) {
            Ok(dialer) => (dialer, true),
            Err(refused) => (Arc::new(refused), false),
        };
        let stack = RouteStack {
            dialer,
            tls: client_config(trust),
            timeout: proxy.map_or(DIRECT_TIMEOUT, ProxyConfig::timeout),
            is_built,
        };
        if !is_built {
            return stack;
        }
        // Who was quicker has the one to share.
        stacks()
            .entry(proxy.cloned())
            .or_insert_with(|| stack.clone())
            .clone()
    }

    /// The pool that `config` describes, the same one for all who ask.
    pub(crate) fn pool(&self, config: &PoolConfig) -> Arc<ProxyPool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let Pools { made, registry } = &mut *pools;
        if let Some(pool) = made.get(config) {
            return Arc::clone(pool);
        }
        let pool = ProxyPool::with_health(config, registry).into();
        Arc::clone(made.entry(config.clone()).or_insert(pool))
    }

    /// Builds every stack and every pool anew when it is next needed, and returns the stacks so far.
    /// Connections that are open are not touched, and still count for the proxies that they are
    /// leased from.
    pub(crate) fn start_over(&self) -> RouteStacks {
        let mut stacks = self.stacks.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *stacks);
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.made.clear();
        pools.registry.forget_marks();
        old
    }

    fn dialer(
        &self,
        proxy: Option<&ProxyConfig>,
        trust: &TlsTrust,
    ) -> Result<Arc<dyn Dialer>, RefusingDialer> {
        if let Some(stack) = &self.stack {
            return Ok(stack(proxy));
        }
        let tcp = Arc::clone(&self.tcp);
        let Some(proxy) = proxy else {
            return Ok(Arc::new(RouteDialer::direct(tcp, DIRECT_TIMEOUT)));
        };
        match RouteDialer::through(proxy, tcp, &self.resolver, trust) {
            Ok(route) => Ok(Arc::new(route)),
            Err(error) => Err(RefusingDialer {
                proxy: endpoint(proxy.url()),
                error: Arc::new(error),
            }),
        }
    }
}
