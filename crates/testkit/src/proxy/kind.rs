//! The kinds of proxy.

use std::fmt;

/// What a [`MockProxy`](crate::MockProxy) speaks. It displays as the scheme of its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// HTTP CONNECT (RFC 9110, section 9.3.6).
    Http,
    /// HTTP CONNECT inside TLS.
    Https,
    /// SOCKS version 4; a client is expected to ask for addresses.
    Socks4,
    /// SOCKS version 4A; a client is expected to ask for names.
    Socks4a,
    /// SOCKS version 5 (RFC 1928); a client is expected to ask for addresses.
    Socks5,
    /// SOCKS version 5; a client is expected to ask for names.
    Socks5h,
}

impl ProxyKind {
    /// All six.
    pub const ALL: [Self; 6] = [
        Self::Http,
        Self::Https,
        Self::Socks4,
        Self::Socks4a,
        Self::Socks5,
        Self::Socks5h,
    ];

    /// The scheme of the proxy's URL.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    /// Whether a client of this kind leaves the lookup of names to the proxy.
    #[must_use]
    pub fn is_remote_dns(self) -> bool {
        !matches!(self, Self::Socks4 | Self::Socks5)
    }

    /// Whether the protocol has a password beside the user name.
    pub(super) fn has_password(self) -> bool {
        !matches!(self, Self::Socks4 | Self::Socks4a)
    }
}

impl fmt::Display for ProxyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())
    }
}
