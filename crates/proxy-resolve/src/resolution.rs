//! What was decided.

use std::fmt;

use proxy_config::{DirectExit, PoolConfig, PoolMember, ProxyConfig, ProxyRule};

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
/// past a proxy are [`Route::Direct`], [`Route::DirectFrom`] and a pool with a
/// [direct member](PoolMember::direct). Its proxies are shared with the settings: a clone is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Without a proxy.
    Direct,
    /// Without a proxy, from a local address.
    DirectFrom(DirectExit),
    /// Through this proxy.
    Proxy(ProxyConfig),
    /// Through one of these proxies.
    Pool(PoolConfig),
    /// Not at all: no rule applies and the settings are strict, or they never said whether they
    /// are enabled.
    Refused,
}

impl Route {
    /// Whether connections may be made without a proxy: all of them, or those of a pool that select a
    /// direct member.
    #[must_use]
    pub fn may_be_direct(&self) -> bool {
        match self {
            Self::Direct | Self::DirectFrom(_) => true,
            Self::Pool(pool) => {
                let mut members = pool.enabled_members().map(PoolMember::direct);
                members.any(|direct| direct.is_some())
            }
            Self::Proxy(_) | Self::Refused => false,
        }
    }
}

impl From<&ProxyRule> for Route {
    fn from(rule: &ProxyRule) -> Self {
        match rule {
            ProxyRule::Direct => Self::Direct,
            ProxyRule::DirectFrom(exit) => Self::DirectFrom(exit.clone()),
            ProxyRule::Proxy(proxy) => Self::Proxy(proxy.clone()),
            ProxyRule::Pool(pool) => Self::Pool(pool.clone()),
        }
    }
}

/// The proxies as a configuration has them, without logins; `direct`, `direct from` a local address, or
/// `refused`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::DirectFrom(exit) => exit.fmt(f),
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
