//! What was decided, for as long as it is needed.

use proxy_config::{PoolConfig, ProxyConfig};
use proxy_resolve::{Resolution, Route, RouteSource};

use crate::place::Places;

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

    /// Whether a connection that has taken `way` may stay: what counts are the proxies that it
    /// passes, not how they are spoken to.
    pub(crate) fn allows(&self, way: &Way) -> bool {
        match (&self.choice, way) {
            (Choice::Of(Way::Proxy(proxy)), Way::Proxy(taken)) => {
                Places::of(proxy) == Places::of(taken)
            }
            (Choice::Of(decided), taken) => decided == taken,
            (Choice::Among(pool), Way::Proxy(taken)) => {
                let taken = Places::of(taken);
                let mut enabled = pool.members().iter().filter(|member| member.is_enabled());
                enabled.any(|member| Places::of(&pool.through(member)) == taken)
            }
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
