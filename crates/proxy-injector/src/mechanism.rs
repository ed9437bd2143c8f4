//! How routes are carried out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use proxy_config::ProxyConfig;
use rustls::ClientConfig;
use transport::Dialer;
use transport_tunnel::{Resolver, RouteDialer, SystemResolver, TcpDialer, TlsTrust};

/// How long a dial without a proxy may take.
const DIRECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes the dialer for a proxy, or for direct connections.
pub(crate) type Stack = Box<dyn Fn(Option<&ProxyConfig>) -> Arc<dyn Dialer> + Send + Sync>;

/// The parts that dialers are made of, and the lanes made so far.
pub(crate) struct Mechanism {
    pub(crate) tcp: Arc<dyn Dialer>,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// Loading the platform's authorities takes milliseconds, so they are loaded when first needed.
    pub(crate) trust: OnceLock<TlsTrust>,
    pub(crate) stack: Option<Stack>,
    lanes: Mutex<HashMap<Option<ProxyConfig>, Lane>>,
}

/// What the connections through one proxy, or all direct ones, have in common.
#[derive(Clone)]
pub(crate) struct Lane {
    pub(crate) dialer: Arc<dyn Dialer>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) timeout: Duration,
}

impl Default for Mechanism {
    fn default() -> Self {
        Self {
            tcp: Arc::new(TcpDialer::new()),
            resolver: Arc::new(SystemResolver),
            trust: OnceLock::new(),
            stack: None,
            lanes: Mutex::default(),
        }
    }
}

impl Mechanism {
    /// The lane through `proxy`, or that of direct connections.
    pub(crate) fn lane(&self, proxy: Option<&ProxyConfig>) -> Lane {
        self.lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(proxy.cloned())
            .or_insert_with(|| self.build(proxy))
            .clone()
    }

    fn build(&self, proxy: Option<&ProxyConfig>) -> Lane {
        let trust = self.trust.get_or_init(TlsTrust::platform);
        let timeout = proxy.map_or(DIRECT_TIMEOUT, ProxyConfig::timeout);
        let dialer = match (&self.stack, proxy) {
            (Some(stack), _) => stack(proxy),
            (None, None) => Arc::new(RouteDialer::direct(Arc::clone(&self.tcp), timeout)),
            (None, Some(proxy)) => Arc::new(RouteDialer::through(
                proxy,
                Arc::clone(&self.tcp),
                Arc::clone(&self.resolver),
                trust,
            )),
        };
        Lane {
            dialer,
            tls: trust.client_config(&[b"http/1.1"]),
            timeout,
        }
    }
}
