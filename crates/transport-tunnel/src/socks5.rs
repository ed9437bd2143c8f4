//! Tunnels through SOCKS5 proxies.

use std::net::IpAddr;

use async_trait::async_trait;
use proxy_config::{Credentials, DnsSide, ProxyUrl};
use transport::{Connection, DialError, Dialer, Endpoint, Host, Target};

use crate::codec::Socks5;
use crate::drive;
use crate::resolver::{Resolver, local_addresses, no_address, try_each};

/// Asks a SOCKS5 proxy for a tunnel (RFC 1928), with user name and password where configured
/// (RFC 1929).
///
/// `socks5h://` leaves the target's name to the proxy. `socks5://` resolves it here and asks for
/// one address after the other until the proxy reaches one.
#[derive(Debug)]
pub struct Socks5Tunnel<D, R> {
    proxy: Endpoint,
    credentials: Option<Credentials>,
    dns_side: DnsSide,
    resolver: R,
    inner: D,
}

impl<D: Dialer, R: Resolver> Socks5Tunnel<D, R> {
    /// Tunnels through `proxy`, which `inner` connects to. The scheme of `proxy` decides who
    /// resolves names; `resolver` does it if that is this side.
    pub fn new(proxy: &ProxyUrl, resolver: R, inner: D) -> Self {
        Self {
            proxy: drive::endpoint(proxy),
            credentials: proxy.credentials().cloned(),
            dns_side: proxy.scheme().dns_side(),
            resolver,
            inner,
        }
    }

    async fn open(&self, target: &Target, asked_for: Endpoint) -> Result<Connection, DialError> {
        let handshake = Socks5::new(&asked_for, self.credentials.as_ref())
            .map_err(|error| drive::tunnel_error(&self.proxy, target, error))?;
        drive::open_tunnel(&self.inner, &self.proxy, target, handshake).await
    }
}

#[async_trait]
impl<D: Dialer, R: Resolver> Dialer for Socks5Tunnel<D, R> {
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        match (target.host(), self.dns_side) {
            (Host::Domain(name), DnsSide::Local) => {
                let addresses = local_addresses(&self.resolver, name, target).await?;
                let open = |ip: IpAddr| self.open(target, Endpoint::new(host(ip), target.port()));
                try_each(&self.proxy, addresses, open, || no_address(target)).await
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
