//! Whose connections they are.

use std::sync::Arc;

use proxy_config::{Destination, ExchangeId, ProxyConfig, ProxySettings, Transport};
use proxy_resolve::{RouteSource, resolve, resolve_for};
use transport::{Dialer, Target};

use crate::decision::{Decision, Way};
use crate::dialer::ScopeDialer;
use crate::injector::ProxyInjector;
use crate::mechanism::Mechanism;
use crate::opened::Opened;
use crate::refused::Refused;
use crate::session::{HttpSession, Outlet, WsSession};

/// Whose connections they are: those of one exchange, or of nobody in particular.
#[derive(Debug, Clone)]
pub struct Scope {
    injector: Arc<ProxyInjector>,
    exchange: Option<ExchangeId>,
    legacy: Option<ProxyConfig>,
}

impl Scope {
    pub(crate) fn new(injector: Arc<ProxyInjector>, exchange: Option<ExchangeId>) -> Self {
        Self {
            injector,
            exchange,
            legacy: None,
        }
    }

    /// The same scope with a proxy to use where the settings have no say: they are disabled, or no
    /// rule of theirs applies.
    #[must_use]
    pub fn with_legacy(mut self, proxy: ProxyConfig) -> Self {
        self.legacy = Some(proxy);
        self
    }

    /// Which way connections of `transport` take now, and why.
    #[must_use]
    pub fn resolve(&self, transport: Transport) -> Decision {
        resolve(
            &self.injector.settings(),
            self.exchange.as_ref(),
            transport,
            self.legacy.as_ref(),
        )
        .into()
    }

    /// Which way connections of `transport` take now to one destination. It makes a difference only
    /// where the settings leave it to the environment's proxies.
    #[must_use]
    pub fn resolve_for(&self, transport: Transport, destination: &Destination<'_>) -> Decision {
        resolve_for(
            &self.injector.settings(),
            self.exchange.as_ref(),
            transport,
            self.legacy.as_ref(),
            destination,
        )
        .into()
    }

    /// A byte-stream dialer for `transport`, along the route that applies now to destinations that
    /// nothing exempts.
    #[must_use]
    pub fn dialer(&self, transport: Transport) -> Arc<dyn Dialer> {
        Arc::new(ScopeDialer {
            scope: self.clone(),
            transport,
            decision: self.resolve(transport),
        })
    }

    /// A REST session. It keeps its connections alive, and its route for as long as the settings
    /// do not give it another.
    #[must_use]
    pub fn http(&self) -> HttpSession {
        HttpSession::new(self.clone())
    }

    /// A WebSocket dialer. It looks the route up anew for every connection.
    #[must_use]
    pub fn websocket(&self) -> WsSession {
        WsSession::new(self.clone())
    }

    /// Ends when WebSocket connections to `target` no longer take `way`.
    pub(crate) fn until_another_way(
        &self,
        target: Target,
        is_tls: bool,
        way: Way,
    ) -> impl Future<Output = ()> + Send + 'static {
        let scope = self.clone();
        let mut reloads = self.injector.reloads();
        async move {
            let destination = destination(&target, is_tls);
            while scope
                .resolve_for(Transport::WebSocket, &destination)
                .allows(&way)
            {
                // The sender cannot be gone: the scope holds it.
                let _ = reloads.changed().await;
            }
        }
    }

    /// What connections along `way`, which `source` is the reason for, are made of.
    pub(crate) fn outlet(&self, transport: Transport, way: &Way, source: RouteSource) -> Outlet {
        let lane = self.mechanism().lane(way.proxy());
        let dialer: Arc<dyn Dialer> = match way {
            Way::Refused => Arc::new(Refused::NoRule),
            Way::Direct | Way::Proxy(_) => Arc::new(Opened {
                inner: lane.dialer,
                transport,
                exchange: self.exchange.clone(),
                proxy: way.proxy().map(|proxy| proxy.url().clone()),
                source,
            }),
        };
        Outlet {
            dialer,
            tls: lane.tls,
            timeout: lane.timeout,
            is_built: lane.is_built,
        }
    }

    pub(crate) fn mechanism(&self) -> &Mechanism {
        self.injector.mechanism()
    }

    pub(crate) fn settings(&self) -> Arc<ProxySettings> {
        self.injector.settings()
    }
}

/// `target` as what the choice of a proxy may depend on.
pub(crate) fn destination(target: &Target, is_tls: bool) -> Destination<'_> {
    if is_tls {
        Destination::tls(target.host(), target.port())
    } else {
        Destination::plain(target.host(), target.port())
    }
}
