//! Whose connections they are.

use std::sync::Arc;

use proxy_config::{ExchangeId, ProxyConfig, Transport};
use proxy_resolve::{Resolution, Route, resolve};
use transport::Dialer;

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

    /// Which way connections of `transport` take, and why.
    #[must_use]
    pub fn resolve(&self, transport: Transport) -> Resolution<'_> {
        resolve(
            self.injector.settings(),
            self.exchange.as_ref(),
            transport,
            self.legacy.as_ref(),
        )
    }

    /// A byte-stream dialer for `transport`, along the route that applies now.
    #[must_use]
    pub fn dialer(&self, transport: Transport) -> Arc<dyn Dialer> {
        self.outlet(transport).dialer
    }

    /// A REST session. It keeps its connections alive, and its route for as long as it lives.
    #[must_use]
    pub fn http(&self) -> HttpSession {
        HttpSession::new(self.outlet(Transport::Http))
    }

    /// A WebSocket dialer. It looks the route up anew for every connection.
    #[must_use]
    pub fn websocket(&self) -> WsSession {
        WsSession::new(self.clone())
    }

    pub(crate) fn outlet(&self, transport: Transport) -> Outlet {
        let resolution = self.resolve(transport);
        let proxy = match resolution.route() {
            Route::Proxy(proxy) => Some(proxy),
            Route::Direct | Route::Refused => None,
        };
        let lane = self.injector.mechanism().lane(proxy);
        let dialer: Arc<dyn Dialer> = match resolution.route() {
            Route::Refused => Arc::new(Refused::NoRule),
            Route::Direct | Route::Proxy(_) => Arc::new(Opened {
                inner: lane.dialer,
                transport,
                exchange: self.exchange.clone(),
                proxy: proxy.map(|proxy| proxy.url().clone()),
                source: resolution.source(),
            }),
        };
        Outlet {
            dialer,
            tls: lane.tls,
            timeout: lane.timeout,
        }
    }
}
