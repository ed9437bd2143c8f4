//! By which address something leaves.

use std::fmt;

use crate::target::Endpoint;

/// Where connections come from, as an exchange sees it: what it counts its limits by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Egress {
    /// From this machine.
    Direct,
    /// From a proxy: the last one on the way. Whatever the login, it is one egress.
    Proxy(Endpoint),
}

impl Egress {
    /// That of what passes these proxies, nearest first.
    #[must_use]
    pub fn of(proxies: &[Endpoint]) -> Self {
        proxies.last().cloned().map_or(Self::Direct, Self::Proxy)
    }
}

/// `direct`, or the host and port of the proxy.
impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Proxy(endpoint) => endpoint.fmt(f),
        }
    }
}
