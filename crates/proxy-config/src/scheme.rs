//! The protocols that a proxy may speak.

use std::fmt;

/// The protocol that a proxy speaks, and so the first part of its URL.
///
/// Exhaustive on purpose: every match on schemes must decide about a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// HTTP `CONNECT` over plain TCP (RFC 9110, section 9.3.6).
    Http,
    /// HTTP `CONNECT` over TLS to the proxy.
    Https,
    /// SOCKS 4: IPv4 addresses only.
    Socks4,
    /// SOCKS 4a: SOCKS 4 with names.
    Socks4a,
    /// SOCKS 5 (RFC 1928), names resolved on this side.
    Socks5,
    /// SOCKS 5 (RFC 1928), names resolved by the proxy.
    Socks5h,
}

impl Scheme {
    pub(crate) const ALL: [Self; 6] = [
        Self::Http,
        Self::Https,
        Self::Socks4,
        Self::Socks4a,
        Self::Socks5,
        Self::Socks5h,
    ];

    /// The scheme as written in a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    /// Where the names of targets are resolved.
    #[must_use]
    pub fn dns_side(self) -> DnsSide {
        match self {
            // SOCKS 5 could carry a name. The scheme without `h` means local resolution, as in
            // curl.
            Self::Socks4 | Self::Socks5 => DnsSide::Local,
            Self::Http | Self::Https | Self::Socks4a | Self::Socks5h => DnsSide::Proxy,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the name of a target is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DnsSide {
    /// On this machine, before the proxy is asked.
    Local,
    /// By the proxy, which gets the name.
    Proxy,
}

impl fmt::Display for DnsSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Proxy => "proxy",
        })
    }
}
