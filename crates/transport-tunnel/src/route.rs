//! The stack of dialers for one configured route.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proxy_config::{ProxyConfig, ProxyUrl, Scheme};
use transport::{Connection, DialError, Dialer, Target};

use crate::resolver::Resolver;
use crate::{ConnectTunnel, Socks4Tunnel, Socks5Tunnel, TlsDialer, TlsTrust};

/// Dials along one route: directly, or through the proxy of a [`ProxyConfig`].
///
/// A target that has no time budget of its own gets the route's: the proxy's `timeout_seconds`.
#[derive(Clone)]
pub struct RouteDialer {
    stack: Arc<dyn Dialer>,
    timeout: Duration,
}

impl RouteDialer {
    /// Dials straight to the target by `tcp`, within `timeout`.
    pub fn direct(tcp: Arc<dyn Dialer>, timeout: Duration) -> Self {
        Self {
            stack: tcp,
            timeout,
        }
    }

    /// Dials through `proxy`, which `tcp` connects to; `resolver` looks up the target's name for
    /// the schemes that leave it to this side, `trust` decides about an `https` proxy's
    /// certificate.
    pub fn through(
        proxy: &ProxyConfig,
        tcp: Arc<dyn Dialer>,
        resolver: Arc<dyn Resolver>,
        trust: &TlsTrust,
    ) -> Self {
        Self {
            stack: tunnel(proxy.url(), tcp, resolver, trust),
            timeout: proxy.timeout(),
        }
    }
}

fn tunnel(
    proxy: &ProxyUrl,
    inner: Arc<dyn Dialer>,
    resolver: Arc<dyn Resolver>,
    trust: &TlsTrust,
) -> Arc<dyn Dialer> {
    match proxy.scheme() {
        Scheme::Http => Arc::new(ConnectTunnel::new(proxy, inner)),
        Scheme::Https => {
            let tls = TlsDialer::new(inner, trust.client_config(&[b"http/1.1"]));
            Arc::new(ConnectTunnel::new(proxy, tls))
        }
        Scheme::Socks4 | Scheme::Socks4a => Arc::new(Socks4Tunnel::new(proxy, resolver, inner)),
        Scheme::Socks5 | Scheme::Socks5h => Arc::new(Socks5Tunnel::new(proxy, resolver, inner)),
    }
}

impl std::fmt::Debug for RouteDialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteDialer")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Dialer for RouteDialer {
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        match target.deadline() {
            Some(_) => target.dial(&self.stack).await,
            None => target.clone().within(self.timeout).dial(&self.stack).await,
        }
    }
}
