//! Routes as they are configured.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proxy_config::{HandshakeMode, ProxyConfig, ProxyServer, ProxyUrl};
use testkit::TestCa;
use transport::Dialer;
use transport_tls::TlsTrust;
use transport_tunnel::{Resolver, RouteDialer, TcpDialer};

use super::NoDns;

pub(crate) static PLATFORM: LazyLock<TlsTrust> = LazyLock::new(TlsTrust::platform);

/// Trusts `ca`.
pub(crate) fn trust(ca: &TestCa) -> TlsTrust {
    PLATFORM.clone().with_ca_pem(ca.pem().as_bytes()).unwrap()
}

/// The sockets of this machine, without any names.
pub(crate) fn tcp() -> TcpDialer<NoDns> {
    TcpDialer::with_resolver(NoDns)
}

/// The route through the proxy at `url`, which `inner` connects to. There is no local DNS.
pub(crate) fn through(url: &str, inner: impl Dialer + 'static) -> Arc<dyn Dialer> {
    Route::new(url).over(inner)
}

/// A route through a proxy, with more choices.
pub(crate) struct Route {
    proxy: ProxyConfig,
    resolver: Arc<dyn Resolver>,
    trust: TlsTrust,
}

impl Route {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            proxy: ProxyConfig::new(ProxyUrl::parse(url).unwrap()),
            resolver: Arc::new(NoDns),
            trust: PLATFORM.clone(),
        }
    }

    /// Asks the proxy for tunnels in this way.
    pub(crate) fn handshake(mut self, mode: HandshakeMode) -> Self {
        let server = self.proxy.server().clone().with_handshake(mode);
        self.proxy = self.proxy.with_server(server);
        self
    }

    /// Has what the proxy sends acknowledged at once.
    pub(crate) fn quick_ack(mut self) -> Self {
        let server = self.proxy.server().clone().with_quick_ack(true);
        self.proxy = self.proxy.with_server(server);
        self
    }

    /// Has another proxy, asked in the same way, on the way to the proxy.
    pub(crate) fn via(mut self, url: &str) -> Self {
        let mode = self.proxy.server().handshake();
        let nearest = ProxyServer::new(ProxyUrl::parse(url).unwrap()).with_handshake(mode);
        self.proxy = self.proxy.with_via([nearest]).unwrap();
        self
    }

    pub(crate) fn resolver(mut self, resolver: impl Resolver + 'static) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    pub(crate) fn trust(mut self, trust: TlsTrust) -> Self {
        self.trust = trust;
        self
    }

    pub(crate) fn seconds(mut self, timeout: u64) -> Self {
        self.proxy = self.proxy.with_timeout_seconds(timeout).unwrap();
        self
    }

    pub(crate) fn over(self, inner: impl Dialer + 'static) -> Arc<dyn Dialer> {
        let inner = Arc::new(inner);
        let route = RouteDialer::through(&self.proxy, inner, &self.resolver, &self.trust);
        Arc::new(route.unwrap())
    }
}

/// How long a dial may take where time is not the subject.
pub(crate) const LONG: Duration = Duration::from_secs(20);
