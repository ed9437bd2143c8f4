//! What was decided.

use std::fmt;

use proxy_config::{PoolConfig, ProxyConfig, ProxyRule};

/// A route, and what it was derived from. Later settings do not change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    route: Route,
    source: RouteSource,
}

impl Resolution {
    pub(crate) fn new(route: Route, source: RouteSource) -> Self {
        Self { route, source }
    }

    /// The way to take.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Why it is that way.
    #[must_use]
    pub fn source(&self) -> RouteSource {
        self.source
    }
}

/// The way a connection takes.
///
/// Exhaustive on purpose: whoever dials must say what each way means, and the only one that leads
/// past a proxy is [`Route::Direct`]. Its proxies are shared with the settings: a clone is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Without a proxy.
    Direct,
    /// Through this proxy.
    Proxy(ProxyConfig),
    /// Through one of these proxies.
    Pool(PoolConfig),
    /// Not at all: no rule applies and the settings are strict, or they never said whether they
    /// are enabled.
    Refused,
}

impl From<&ProxyRule> for Route {
    fn from(rule: &ProxyRule) -> Self {
        match rule {
            ProxyRule::Direct => Self::Direct,
            ProxyRule::Proxy(proxy) => Self::Proxy(proxy.clone()),
            ProxyRule::Pool(pool) => Self::Pool(pool.clone()),
        }
    }
}

/// The proxies as a configuration has them, without logins; `direct` or `refused`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Proxy(proxy) => proxy.fmt(f),
            Self::Pool(pool) => pool.fmt(f),
            Self::Refused => f.write_str("refused"),
        }
    }
}

/// What a route was derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteSource {
    /// The system is disabled, and there is no legacy proxy.
    Disabled,
    /// The exchange's own rule.
    Exchange,
    /// The default rule, or the environment's in its place.
    Default,
    /// The legacy proxy that the caller gave.
    Legacy,
    /// No rule applies, or nobody said whether the rules do.
    None,
}

impl fmt::Display for RouteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::Exchange => "exchange",
            Self::Default => "default",
            Self::Legacy => "legacy",
            Self::None => "none",
        })
    }
}
