//! Whose connections they are.

use std::sync::Arc;

use proxy_config::{Destination, ExchangeId, ProxyConfig, Transport};
use proxy_resolve::{Route, resolve, resolve_for};
use transport::{Dialer, Target};

use crate::decision::Decision;
use crate::injector::ProxyInjector;
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
        self.outlet(transport, &self.resolve(transport)).dialer
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

    /// Ends when WebSocket connections to `target` take another way than `decision`.
    pub(crate) fn until_another_way(
        &self,
        target: Target,
        is_tls: bool,
        decision: Decision,
    ) -> impl Future<Output = ()> + Send + 'static {
        let scope = self.clone();
        let mut reloads = self.injector.reloads();
        async move {
            let destination = destination(&target, is_tls);
            while scope
                .resolve_for(Transport::WebSocket, &destination)
                .is_same_way(&decision)
            {
                // The sender cannot be gone: the scope holds it.
                let _ = reloads.changed().await;
            }
        }
    }

    pub(crate) fn outlet(&self, transport: Transport, decision: &Decision) -> Outlet {
        let proxy = match decision.route() {
            Route::Proxy(proxy) => Some(proxy),
            Route::Direct | Route::Refused => None,
        };
        let lane = self.injector.mechanism().lane(proxy);
        let dialer: Arc<dyn Dialer> = match decision.route() {
            Route::Refused => Arc::new(Refused::NoRule),
            Route::Direct | Route::Proxy(_) => Arc::new(Opened {
                inner: lane.dialer,
                transport,
                exchange: self.exchange.clone(),
                proxy: proxy.map(|proxy| proxy.url().clone()),
                source: decision.source(),
            }),
        };
        Outlet {
            dialer,
            tls: lane.tls,
            timeout: lane.timeout,
        }
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
