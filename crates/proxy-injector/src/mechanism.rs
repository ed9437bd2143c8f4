//! How routes are carried out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use proxy_config::ProxyConfig;
use rustls::ClientConfig;
use transport::Dialer;
use transport_tunnel::{Resolver, RouteDialer, SystemResolver, TcpDialer, TlsTrust, TrustError};

use crate::refused::Refused;

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
    /// The lane through `proxy`, or that of direct connections. One that cannot be built refuses
    /// every dial, and is tried again the next time.
    pub(crate) fn lane(&self, proxy: Option<&ProxyConfig>) -> Lane {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&proxy.cloned()) {
            return lane.clone();
        }
        let trust = self.trust.get_or_init(TlsTrust::platform);
        let with = |dialer| Lane {
            dialer,
            tls: trust.client_config(&[b"http/1.1"]),
            timeout: proxy.map_or(DIRECT_TIMEOUT, ProxyConfig::timeout),
        };
        match self.dialer(proxy, trust) {
            Ok(dialer) => lanes.entry(proxy.cloned()).or_insert(with(dialer)).clone(),
            Err(error) => with(Arc::new(Refused::Trust(Arc::new(error)))),
        }
    }

    /// Builds every lane anew when it is next needed. Connections that are open are not touched.
    pub(crate) fn forget_lanes(&self) {
        self.lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn dialer(
        &self,
        proxy: Option<&ProxyConfig>,
        trust: &TlsTrust,
    ) -> Result<Arc<dyn Dialer>, TrustError> {
        if let Some(stack) = &self.stack {
            return Ok(stack(proxy));
        }
        let tcp = Arc::clone(&self.tcp);
        Ok(Arc::new(match proxy {
            None => RouteDialer::direct(tcp, DIRECT_TIMEOUT),
            Some(proxy) => RouteDialer::through(proxy, tcp, &self.resolver, trust)?,
        }))
    }
}
