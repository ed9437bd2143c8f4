//! The rules for the connections of one exchange, or by default.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::exit::DirectExit;
use crate::keys::{CONNECTION_PROXIES, Said, said};
use crate::pool::PoolConfig;
use crate::proxy_config::ProxyConfig;
use crate::transport::Transport;

/// The word that stands for [`ProxyRule::Direct`].
pub(crate) const DIRECT: &str = "direct";

/// How the connections of one transport are made.
///
/// Exhaustive on purpose: there is no other way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProxyRule {
    /// Without a proxy, even if the default has one.
    Direct,
    /// Without a proxy, from a local address, even if the default has one.
    DirectFrom(DirectExit),
    /// Through this proxy.
    Proxy(ProxyConfig),
    /// Through one of these proxies.
    Pool(PoolConfig),
}

impl ProxyRule {
    /// The rule as in a configuration.
    pub(crate) fn said(&self) -> Said<'_> {
        match self {
            Self::Direct => Said::Word(DIRECT),
            Self::DirectFrom(exit) => Said::Table(exit.said_fields().collect()),
            Self::Proxy(proxy) => proxy.said(),
            Self::Pool(pool) => pool.said(),
        }
    }
}

impl From<ProxyConfig> for ProxyRule {
    fn from(proxy: ProxyConfig) -> Self {
        Self::Proxy(proxy)
    }
}

impl From<DirectExit> for ProxyRule {
    fn from(exit: DirectExit) -> Self {
        Self::DirectFrom(exit)
    }
}

impl From<PoolConfig> for ProxyRule {
    fn from(pool: PoolConfig) -> Self {
        Self::Pool(pool)
    }
}

/// `direct`, `direct from` a local address, or the proxies' URLs without their credentials.
impl fmt::Display for ProxyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str(DIRECT),
            Self::DirectFrom(exit) => exit.fmt(f),
            Self::Proxy(proxy) => proxy.fmt(f),
            Self::Pool(pool) => pool.fmt(f),
        }
    }
}

impl Serialize for ProxyRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.said().serialize(serializer)
    }
}

/// One rule per transport. A transport without a rule inherits that of the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionProxies {
    http: Option<ProxyRule>,
    websocket: Option<ProxyRule>,
}

impl ConnectionProxies {
    /// The same rule for both transports.
    #[must_use]
    pub fn both(rule: impl Into<ProxyRule>) -> Self {
        let rule = rule.into();
        Self {
            http: Some(rule.clone()),
            websocket: Some(rule),
        }
    }

    /// These rules with another one for REST.
    #[must_use]
    pub fn with_http(mut self, rule: impl Into<ProxyRule>) -> Self {
        self.http = Some(rule.into());
        self
    }

    /// These rules with another one for WebSocket.
    #[must_use]
    pub fn with_websocket(mut self, rule: impl Into<ProxyRule>) -> Self {
        self.websocket = Some(rule.into());
        self
    }

    /// The rule for REST.
    #[must_use]
    pub fn http(&self) -> Option<&ProxyRule> {
        self.http.as_ref()
    }

    /// The rule for WebSocket.
    #[must_use]
    pub fn websocket(&self) -> Option<&ProxyRule> {
        self.websocket.as_ref()
    }

    /// The rule for `transport`.
    #[must_use]
    pub fn for_transport(&self, transport: Transport) -> Option<&ProxyRule> {
        match transport {
            Transport::Http => self.http(),
            Transport::WebSocket => self.websocket(),
        }
    }

    /// Whether no transport has a rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.http.is_none() && self.websocket.is_none()
    }

    /// The rules as in a configuration; nothing if there are none.
    pub(crate) fn said(&self) -> Option<Said<'_>> {
        Said::table(said(&CONNECTION_PROXIES, self))
    }
}

impl Serialize for ConnectionProxies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Said::Table(said(&CONNECTION_PROXIES, self).collect()).serialize(serializer)
    }
}
