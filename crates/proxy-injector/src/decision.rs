//! What was decided, for as long as it is needed.

use proxy_config::ProxyConfig;
use proxy_resolve::{Resolution, Route, RouteSource};

/// What the settings said at one time. Later settings do not change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    way: Way,
    source: RouteSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    Direct,
    Proxy(ProxyConfig),
    Refused,
}

impl Decision {
    /// The way to take.
    #[must_use]
    pub fn route(&self) -> Route<'_> {
        match &self.way {
            Way::Direct => Route::Direct,
            Way::Proxy(proxy) => Route::Proxy(proxy),
            Way::Refused => Route::Refused,
        }
    }

    /// Why it is that way.
    #[must_use]
    pub fn source(&self) -> RouteSource {
        self.source
    }

    /// Whether both lead past the same proxies; how long that may take is no matter of the way.
    pub(crate) fn is_same_way(&self, other: &Self) -> bool {
        match (&self.way, &other.way) {
            (Way::Proxy(a), Way::Proxy(b)) => a.server() == b.server() && a.via() == b.via(),
            (a, b) => a == b,
        }
    }
}

impl From<Resolution<'_>> for Decision {
    fn from(resolution: Resolution<'_>) -> Self {
        Self {
            way: match resolution.route() {
                Route::Direct => Way::Direct,
                Route::Proxy(proxy) => Way::Proxy(proxy.clone()),
                Route::Refused => Way::Refused,
            },
            source: resolution.source(),
        }
    }
}
