//! Tunnels through SOCKS5 proxies.

use std::net::IpAddr;

use async_trait::async_trait;
use proxy_config::{DnsSide, HandshakeMode, ProxyUrl};
use transport::{Connection, DialError, Dialer, Endpoint, Host, Target};

use crate::codec::Socks5;
use crate::proxy::Proxy;
use crate::resolver::{Resolver, local_addresses, no_address, try_each};

/// Asks a SOCKS5 proxy for a tunnel (RFC 1928), with user name and password where configured
/// (RFC 1929).
///
/// `socks5h://` leaves the target's name to the proxy. `socks5://` resolves it here and asks for
/// one address after the other until the proxy reaches one.
#[derive(Debug, Clone)]
pub struct Socks5Tunnel<D, R> {
    proxy: Proxy<D>,
    dns_side: DnsSide,
    resolver: R,
}

impl<D: Dialer, R: Resolver> Socks5Tunnel<D, R> {
    /// Tunnels through `proxy`, which `inner` connects to. The scheme of `proxy` decides who
    /// resolves names; `resolver` does it if that is this side. The handshake is
    /// [`HandshakeMode::Standard`].
    pub fn new(proxy: &ProxyUrl, resolver: R, inner: D) -> Self {
        Self {
            proxy: Proxy::new(proxy, inner),
            dns_side: proxy.scheme().dns_side(),
            resolver,
        }
    }

    /// The same tunnels, asked for in another way; see [the crate](crate#handshakes).
    #[must_use]
    pub fn with_handshake(mut self, mode: HandshakeMode) -> Self {
        self.proxy = self.proxy.with_handshake(mode);
        self
    }

    async fn open(&self, target: &Target, asked_for: Endpoint) -> Result<Connection, DialError> {
        let handshake = Socks5::new(&asked_for, self.proxy.credentials())
            .map_err(|error| self.proxy.unsupported(target, error))?;
        self.proxy.open(target, handshake).await
    }
}

#[async_trait]
impl<D: Dialer, R: Resolver> Dialer for Socks5Tunnel<D, R> {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        //     scheme    a name                                 an address
        //     socks5h   ATYP 3: the proxy looks it up          ATYP 1 or 4
        //     socks5    looked up here, each by ATYP 1 or 4    ATYP 1 or 4
        match (target.host(), self.dns_side) {
            (Host::Domain(name), DnsSide::Local) => {
                let addresses = local_addresses(&self.resolver, name, target).await?;
                let open = |ip: IpAddr| self.open(target, Endpoint::new(host(ip), target.port()));
                try_each(self.proxy.endpoint(), addresses, open, || {
                    no_address(target)
                })
                .await
            }
            _ => self.open(target, target.endpoint().clone()).await,
        }
    }
}

fn host(ip: IpAddr) -> Host {
    match ip {
        IpAddr::V4(ip) => Host::Ipv4(ip),
        IpAddr::V6(ip) => Host::Ipv6(ip),
    }
}
