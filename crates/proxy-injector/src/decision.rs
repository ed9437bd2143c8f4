//! What was decided, for as long as it is needed.

use std::collections::HashSet;
use std::time::Duration;

use proxy_config::{PoolConfig, ProxyConfig};
use proxy_resolve::{Resolution, Route, RouteSource};

use crate::dialer_factory::DIRECT_TIMEOUT;
use crate::route_key::{RouteKey, is_same_way};

/// What the settings said at one time. Later settings do not change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub(crate) choice: Choice,
    source: RouteSource,
}

/// What there is to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    Of(Way),
    Among(PoolConfig),
}

/// The way of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    Direct,
    Proxy(ProxyConfig),
    Refused,
}

impl Way {
    pub(crate) fn proxy(&self) -> Option<&ProxyConfig> {
        match self {
            Self::Proxy(proxy) => Some(proxy),
            Self::Direct | Self::Refused => None,
        }
    }
}

/// Where connections may leave by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exits {
    Direct,
    Through(HashSet<RouteKey>),
    Nowhere,
}

impl Decision {
    /// The way to take.
    #[must_use]
    pub fn route(&self) -> Route<'_> {
        match &self.choice {
            Choice::Of(Way::Direct) => Route::Direct,
            Choice::Of(Way::Proxy(proxy)) => Route::Proxy(proxy),
            Choice::Of(Way::Refused) => Route::Refused,
            Choice::Among(pool) => Route::Pool(pool),
        }
    }

    /// Why it is that way.
    #[must_use]
    pub fn source(&self) -> RouteSource {
        self.source
    }

    /// How long a dial may take.
    pub(crate) fn timeout(&self) -> Duration {
        match self.route() {
            Route::Proxy(proxy) => proxy.timeout(),
            Route::Pool(pool) => pool.timeout(),
            Route::Direct | Route::Refused => DIRECT_TIMEOUT,
        }
    }

    /// The proxies that connections may leave by, in a form that tells whether there are others
    /// now: how they are spoken to does not count.
    pub(crate) fn exits(&self) -> Exits {
        match &self.choice {
            Choice::Of(Way::Direct) => Exits::Direct,
            Choice::Of(Way::Refused) => Exits::Nowhere,
            Choice::Of(Way::Proxy(proxy)) => Exits::Through(HashSet::from([RouteKey::of(proxy)])),
            Choice::Among(pool) => {
                let enabled = pool.members().iter().filter(|member| member.is_enabled());
                Exits::Through(
                    enabled
                        .map(|member| RouteKey::of(&pool.through(member)))
                        .collect(),
                )
            }
        }
    }

    /// Whether a connection that has taken `way` may stay: what counts are the proxies that it
    /// passes, not how they are spoken to.
    pub(crate) fn allows(&self, way: &Way) -> bool {
        match (&self.choice, way) {
            (Choice::Of(Way::Proxy(proxy)), Way::Proxy(taken)) => {
                is_same_way(proxy.via(), proxy.server(), taken)
            }
            (Choice::Among(pool), Way::Proxy(taken)) => {
                let mut enabled = pool.members().iter().filter(|member| member.is_enabled());
                enabled.any(|member| is_same_way(pool.via(), member.server(), taken))
            }
            (Choice::Of(decided), taken) => decided == taken,
            (Choice::Among(_), Way::Direct | Way::Refused) => false,
        }
    }
}

impl From<Resolution<'_>> for Decision {
    fn from(resolution: Resolution<'_>) -> Self {
        Self {
            choice: match resolution.route() {
                Route::Direct => Choice::Of(Way::Direct),
                Route::Proxy(proxy) => Choice::Of(Way::Proxy(proxy.clone())),
                Route::Refused => Choice::Of(Way::Refused),
                Route::Pool(pool) => Choice::Among(pool.clone()),
            },
            source: resolution.source(),
        }
    }
}
