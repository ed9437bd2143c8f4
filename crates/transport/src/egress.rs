//! By which address something leaves.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::target::Endpoint;

/// Where connections come from, as an exchange sees it: what it counts its limits by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Egress {
    /// From this machine.
    Direct,
    /// From a proxy: the last one on the way. Whatever the login, it is one egress.
    Proxy(Endpoint),
    /// From this address, whatever leads to it.
    Address(IpAddr),
    /// From this network interface of this machine.
    Interface(Arc<str>),
}

impl Egress {
    /// That of what passes these proxies, nearest first.
    #[must_use]
    pub fn of(proxies: &[Endpoint]) -> Self {
        proxies.last().cloned().map_or(Self::Direct, Self::Proxy)
    }
}

/// `direct`, the host and port of the proxy, the address, or the interface.
impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Proxy(endpoint) => endpoint.fmt(f),
            Self::Address(ip) => ip.fmt(f),
            Self::Interface(name) => f.write_str(name),
        }
    }
}
