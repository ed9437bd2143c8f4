//! How routes are carried out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use proxy_config::{PoolConfig, ProxyConfig, ProxyUrl};
use rustls::ClientConfig;
use transport::{Dialer, Endpoint};
use transport_tls::TlsTrust;
use transport_tunnel::{Resolver, RouteDialer, SystemResolver, TcpDialer};

use crate::decision::Way;
use crate::pool::ProxyPool;
use crate::refused::Refused;
use crate::standing::Standings;

/// How long a dial without a proxy may take.
pub(crate) const DIRECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes the dialer for a proxy, or for direct connections.
pub(crate) type Stack = Box<dyn Fn(Option<&ProxyConfig>) -> Arc<dyn Dialer> + Send + Sync>;

/// The parts that dialers are made of, and the lanes and pools made so far.
pub(crate) struct Mechanism {
    pub(crate) tcp: Arc<dyn Dialer>,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// Loading the platform's authorities takes milliseconds, so they are loaded when first needed.
    pub(crate) trust: OnceLock<TlsTrust>,
    pub(crate) stack: Option<Stack>,
    lanes: Mutex<Lanes>,
    pools: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    made: HashMap<PoolConfig, Arc<ProxyPool>>,
    standings: Standings,
}

/// The lanes made so far: through proxies, and that of direct connections.
pub(crate) type Lanes = HashMap<Option<ProxyConfig>, Lane>;

/// What the connections through one proxy, or all direct ones, have in common.
#[derive(Clone)]
pub(crate) struct Lane {
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

impl Default for Mechanism {
    fn default() -> Self {
        Self {
            tcp: Arc::new(TcpDialer::new()),
            resolver: Arc::new(SystemResolver),
            trust: OnceLock::new(),
            stack: None,
            lanes: Mutex::default(),
            pools: Mutex::default(),
        }
    }
}

impl Mechanism {
    /// The lane along `way`. One that cannot be built refuses every dial, and is tried again the
    /// next time.
    pub(crate) fn lane(&self, way: &Way) -> Lane {
        let proxy = match way {
            Way::Direct => None,
            Way::Proxy(proxy) => Some(proxy),
            Way::Refused => return self.refusal(),
        };
        let lanes = || self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes().get(&proxy.cloned()) {
            return lane.clone();
        }
        let trust = self.trust.get_or_init(TlsTrust::platform);
        let (dialer, is_built): (Arc<dyn Dialer>, _) = match self.dialer(proxy, trust) {
            Ok(dialer) => (dialer, true),
            Err(refused) => (Arc::new(refused), false),
        };
        let lane = Lane {
            dialer,
            tls: client_config(trust),
            timeout: proxy.map_or(DIRECT_TIMEOUT, ProxyConfig::timeout),
            is_built,
        };
        if !is_built {
            return lane;
        }
        // Who was quicker has the one to share.
        lanes()
            .entry(proxy.cloned())
            .or_insert_with(|| lane.clone())
            .clone()
    }

    /// The lane that leads nowhere.
    fn refusal(&self) -> Lane {
        Lane {
            dialer: Arc::new(Refused::NoRule),
            tls: client_config(self.trust.get_or_init(TlsTrust::platform)),
            timeout: DIRECT_TIMEOUT,
            is_built: true,
        }
    }

    /// The pool that `config` describes, the same one for all who ask.
    pub(crate) fn pool(&self, config: &PoolConfig) -> Arc<ProxyPool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let Pools { made, standings } = &mut *pools;
        if let Some(pool) = made.get(config) {
            return Arc::clone(pool);
        }
        let pool = ProxyPool::with_standings(config, standings).into();
        Arc::clone(made.entry(config.clone()).or_insert(pool))
    }

    /// Builds every lane and every pool anew when it is next needed, and returns the lanes so far.
    /// Connections that are open are not touched, and still count for the proxies that they are
    /// leased from.
    pub(crate) fn start_over(&self) -> Lanes {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *lanes);
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.made.clear();
        pools.standings.forget_marks();
        old
    }

    fn dialer(
        &self,
        proxy: Option<&ProxyConfig>,
        trust: &TlsTrust,
    ) -> Result<Arc<dyn Dialer>, Refused> {
        if let Some(stack) = &self.stack {
            return Ok(stack(proxy));
        }
        let tcp = Arc::clone(&self.tcp);
        let Some(proxy) = proxy else {
            return Ok(Arc::new(RouteDialer::direct(tcp, DIRECT_TIMEOUT)));
        };
        match RouteDialer::through(proxy, tcp, &self.resolver, trust) {
            Ok(route) => Ok(Arc::new(route)),
            Err(error) => Err(Refused::Trust {
                proxy: endpoint(proxy.url()),
                error: Arc::new(error),
            }),
        }
    }
}
