//! The ways out of this machine.

use std::fmt;
use std::net::IpAddr;

use crate::bind::Bind;
use crate::connection_proxies::DIRECT;
use crate::keys::{DIRECT_EXIT, Said, said};
use crate::proxy_config::ProxyConfig;

/// One way of a connection out of this machine.
///
/// Exhaustive on purpose: whoever dials must say what each one means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Without a proxy.
    Direct,
    /// Without a proxy, from a local address.
    DirectFrom(DirectExit),
    /// Through this proxy.
    Proxy(ProxyConfig),
}

impl Exit {
    /// The proxy, with those on the way to it; none for a direct connection.
    #[must_use]
    pub fn proxy(&self) -> Option<&ProxyConfig> {
        match self {
            Self::Proxy(proxy) => Some(proxy),
            Self::Direct | Self::DirectFrom(_) => None,
        }
    }

    /// Where on this machine connections begin; anywhere, if there is none.
    #[must_use]
    pub fn bind(&self) -> Option<&Bind> {
        match self {
            Self::Direct => None,
            Self::DirectFrom(exit) => Some(exit.bind()),
            Self::Proxy(proxy) => proxy.via().first().unwrap_or(proxy.server()).bind(),
        }
    }
}

impl Exit {
    /// The address that exchanges see of its connections, if it is known: the one that is configured, or
    /// the local address of direct connections.
    #[must_use]
    pub fn egress(&self) -> Option<IpAddr> {
        match self {
            Self::DirectFrom(exit) => exit.egress().or(match exit.bind() {
                Bind::Address(ip) => Some(*ip),
                Bind::Interface(_) => None,
            }),
            Self::Direct | Self::Proxy(_) => self.configured_egress(),
        }
    }

    /// The address that exchanges see of its connections, if the configuration says it, without the guess
    /// that it is the local one.
    #[must_use]
    pub fn configured_egress(&self) -> Option<IpAddr> {
        match self {
            Self::Direct => None,
            Self::DirectFrom(exit) => exit.egress(),
            Self::Proxy(proxy) => proxy.server().egress(),
        }
    }
}

impl From<ProxyConfig> for Exit {
    fn from(proxy: ProxyConfig) -> Self {
        Self::Proxy(proxy)
    }
}

impl From<DirectExit> for Exit {
    fn from(exit: DirectExit) -> Self {
        Self::DirectFrom(exit)
    }
}

/// `direct`, `direct from` a local address, or the URLs of the proxies without their credentials.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str(DIRECT),
            Self::DirectFrom(exit) => exit.fmt(f),
            Self::Proxy(proxy) => proxy.fmt(f),
        }
    }
}

/// Direct connections that begin at a local address: an exit of its own, on a machine with several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DirectExit {
    bind: Bind,
    egress: Option<IpAddr>,
}

impl DirectExit {
    /// Direct connections from `bind`.
    #[must_use]
    pub fn new(bind: Bind) -> Self {
        Self { bind, egress: None }
    }

    /// The same connections, seen by exchanges as this address, which their limits are counted by. Has no effect
    /// on where connections go.
    #[must_use]
    pub fn with_egress(mut self, egress: IpAddr) -> Self {
        self.egress = Some(egress.to_canonical());
        self
    }

    /// Where they begin.
    #[must_use]
    pub fn bind(&self) -> &Bind {
        &self.bind
    }

    /// The address that exchanges see of them, if it is known.
    #[must_use]
    pub fn egress(&self) -> Option<IpAddr> {
        self.egress
    }

    /// The fields as in a configuration, for a table that may have others as well.
    pub(crate) fn said_fields(&self) -> impl Iterator<Item = (&str, Said<'_>)> {
        [(DIRECT, Said::Table(said(&DIRECT_EXIT, self).collect()))].into_iter()
    }
}

/// `direct from` and the local address.
impl fmt::Display for DirectExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{DIRECT} from {}", self.bind)
    }
}
