//! Tunnels through SOCKS4 and SOCKS4a proxies.

use std::net::IpAddr;

use async_trait::async_trait;
use proxy_config::{DnsSide, HandshakeMode, ProxyUrl};
use transport::{Connection, DialError, Dialer, Host, Target};

use crate::codec::{HandshakeError, Socks4, Socks4Address};
use crate::proxy::Proxy;
use crate::resolver::{Resolver, local_addresses, try_each};

/// Asks a SOCKS4 proxy for a tunnel; the user name, where configured, is sent as USERID.
///
/// `socks4a://` leaves the target's name to the proxy. `socks4://` resolves it here and asks for
/// one IPv4 address after the other until the proxy reaches one. Neither can reach IPv6 addresses.
#[derive(Debug, Clone)]
pub struct Socks4Tunnel<D, R> {
    proxy: Proxy<D>,
    dns_side: DnsSide,
    resolver: R,
}

impl<D: Dialer, R: Resolver> Socks4Tunnel<D, R> {
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

    async fn open(&self, target: &Target, address: Socks4Address) -> Result<Connection, DialError> {
        let handshake = Socks4::new(&address, target.port(), self.proxy.credentials())
            .map_err(|error| self.proxy.unsupported(target, error))?;
        self.proxy.open(target, handshake).await
    }

    fn no_ipv4(&self, target: &Target) -> DialError {
        let error = HandshakeError::Unsupported("socks4 reaches ipv4 addresses only");
        self.proxy.unsupported(target, error)
    }
}

#[async_trait]
impl<D: Dialer, R: Resolver> Dialer for Socks4Tunnel<D, R> {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        //     scheme    a name                                  IPv4     IPv6
        //     socks4a   0.0.0.1 and the name behind USERID      DSTIP    error: it has no room
        //     socks4    looked up here, each IPv4 by DSTIP      DSTIP    error
        match (target.host(), self.dns_side) {
            (Host::Ipv6(_), _) => Err(self.no_ipv4(target)),
            (Host::Ipv4(ip), _) => self.open(target, Socks4Address::Ip(*ip)).await,
            (Host::Domain(name), DnsSide::Proxy) => {
                self.open(target, Socks4Address::Name(name.clone())).await
            }
            (Host::Domain(name), DnsSide::Local) => {
                let addresses = local_addresses(&self.resolver, name, target).await?;
                let ipv4 = addresses.into_iter().filter_map(|address| match address {
                    IpAddr::V4(ip) => Some(ip),
                    IpAddr::V6(_) => None,
                });
                let open = |ip| self.open(target, Socks4Address::Ip(ip));
                try_each(self.proxy.endpoint(), ipv4, open, || self.no_ipv4(target)).await
            }
        }
    }
}
