//! Where on the way of a dial something happened.

use std::fmt;

use crate::target::Endpoint;

/// With whom the dial was busy when it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// A proxy on the way.
    Proxy(Endpoint),
    /// The target itself.
    Target(Endpoint),
}

impl Hop {
    /// The endpoint of the proxy or the target.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Proxy(endpoint) | Self::Target(endpoint) => endpoint,
        }
    }

    /// Whether the hop is a proxy.
    #[must_use]
    pub fn is_proxy(&self) -> bool {
        matches!(self, Self::Proxy(_))
    }

    /// What a proxy's dialer saw as its target is a proxy for who uses that dialer.
    pub(crate) fn pass_through(&mut self, proxy: &Endpoint) {
        if matches!(self, Self::Target(endpoint) if endpoint == proxy) {
            *self = Self::Proxy(proxy.clone());
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proxy(endpoint) => write!(f, "proxy {endpoint}"),
            Self::Target(endpoint) => endpoint.fmt(f),
        }
    }
}

/// What the dial was doing, in the order in which it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Choosing the route.
    Route,
    /// Looking up a name.
    Dns,
    /// Connecting a socket.
    Tcp,
    /// TLS with a proxy.
    ProxyTls,
    /// Asking a proxy for a tunnel.
    ProxyHandshake,
    /// TLS with the target, inside the tunnel if there is one.
    TargetTls,
    /// Upgrading to WebSocket.
    Upgrade,
    /// Waiting for the target's answer.
    Response,
}

impl Phase {
    pub(crate) fn at(self, hop: &Hop) -> Self {
        match (self, hop) {
            (Self::TargetTls, Hop::Proxy(_)) => Self::ProxyTls,
            _ => self,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Route => "route",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::ProxyTls => "proxy tls",
            Self::ProxyHandshake => "proxy handshake",
            Self::TargetTls => "target tls",
            Self::Upgrade => "upgrade",
            Self::Response => "response",
        })
    }
}
