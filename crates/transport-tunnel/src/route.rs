//! The stack of dialers for one configured route.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proxy_config::{Bind, ProxyConfig, ProxyServer, Scheme};
use transport::{Connection, DialError, Dialer, LocalAddress, Target};
use transport_tls::{TlsDialer, TlsTrust, TrustError};

use crate::resolver::Resolver;
use crate::{ConnectTunnel, Socks4Tunnel, Socks5Tunnel};

/// Dials along one route: directly, or through the proxy of a [`ProxyConfig`] and those on the way
/// to it.
///
/// A target that has no time budget of its own gets the route's: the proxy's `timeout_seconds`.
/// Each proxy is asked for tunnels as its `handshake` says; what is learned about it that way is
/// forgotten with the dialer.
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

    /// Dials straight to the target by `tcp`, from the local address `bind`, within `timeout`.
    pub fn direct_from(bind: &Bind, tcp: Arc<dyn Dialer>, timeout: Duration) -> Self {
        Self::direct(Arc::new(Bound::new(bind, tcp)), timeout)
    }

    /// Dials through `proxy` and the proxies on the way to it; `tcp` connects to the nearest.
    ///
    /// `resolver` looks up names for the schemes that leave it to this side. `trust`, and what a
    /// proxy's own `ca_file` adds to it, decides about the certificates of `https` proxies.
    ///
    /// # Errors
    /// [`TrustError`] if a proxy's `ca_file` cannot be used.
    pub fn through(
        proxy: &ProxyConfig,
        tcp: Arc<dyn Dialer>,
        resolver: &Arc<dyn Resolver>,
        trust: &TlsTrust,
    ) -> Result<Self, TrustError> {
        let nearest = proxy.via().first().unwrap_or(proxy.server());
        let mut stack = tcp;
        if nearest.quick_ack() {
            stack = Arc::new(QuickAck(stack));
        }
        if let Some(bind) = nearest.bind() {
            stack = Arc::new(Bound::new(bind, stack));
        }
        for server in proxy.via().iter().chain([proxy.server()]) {
            stack = tunnel(server, stack, Arc::clone(resolver), trust)?;
        }
        Ok(Self {
            stack,
            timeout: proxy.timeout(),
        })
    }
}

fn tunnel(
    server: &ProxyServer,
    inner: Arc<dyn Dialer>,
    resolver: Arc<dyn Resolver>,
    trust: &TlsTrust,
) -> Result<Arc<dyn Dialer>, TrustError> {
    let (url, mode) = (server.url(), server.handshake());
    Ok(match url.scheme() {
        Scheme::Http => Arc::new(connect(server, inner)),
        Scheme::Https => {
            let trust = match server.ca_file().zip(server.ca_pem()) {
                Some((path, pem)) => &trust
                    .clone()
                    .with_ca_pem(pem)
                    .map_err(|error| error.in_file(path))?,
                None => trust,
            };
            let tls = TlsDialer::new(inner, trust.client_config(&[b"http/1.1"]));
            Arc::new(connect(server, tls))
        }
        Scheme::Socks4 | Scheme::Socks4a => {
            Arc::new(Socks4Tunnel::new(url, resolver, inner).with_handshake(mode))
        }
        Scheme::Socks5 | Scheme::Socks5h => {
            Arc::new(Socks5Tunnel::new(url, resolver, inner).with_handshake(mode))
        }
    })
}

fn connect<D: Dialer>(server: &ProxyServer, inner: D) -> ConnectTunnel<D> {
    ConnectTunnel::new(server.url(), inner)
        .with_handshake(server.handshake())
        .with_headers(server.headers())
}

/// Asks the dialer inside it to acknowledge at once.
struct QuickAck(Arc<dyn Dialer>);

#[async_trait]
impl Dialer for QuickAck {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        self.0.dial(&target.clone().with_quick_ack(true)).await
    }
}

/// Has the dialer inside it begin at a local address.
struct Bound {
    local: LocalAddress,
    inner: Arc<dyn Dialer>,
}

impl Bound {
    fn new(bind: &Bind, inner: Arc<dyn Dialer>) -> Self {
        let local = match bind {
            Bind::Address(ip) => LocalAddress::Ip(*ip),
            Bind::Interface(name) => LocalAddress::Interface(name.as_str().into()),
        };
        Self { local, inner }
    }
}

#[async_trait]
impl Dialer for Bound {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let target = target.clone().from_local_address(self.local.clone());
        self.inner.dial(&target).await
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
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        match target.deadline() {
            Some(_) => self.stack.dial(target).await,
            None => self.stack.dial(&target.clone().within(self.timeout)).await,
        }
    }
}
