//! The exits of a route.

use std::collections::HashSet;

use proxy_config::ProxyConfig;
use proxy_resolve::Route;

use crate::route_key::{RouteKey, is_same_way};

/// The exits that connections may take, in a form that can be compared: only the proxies count, not
/// how they are used.
// A reload that changes only a timeout or a handshake must not close streams.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exits {
    Direct,
    Through(HashSet<RouteKey>),
    Nowhere,
}

impl Exits {
    pub(crate) fn of(route: &Route) -> Self {
        match route {
            Route::Direct => Self::Direct,
            Route::Proxy(proxy) => Self::Through(HashSet::from([RouteKey::of(proxy)])),
            Route::Pool(pool) => {
                let proxies = pool.enabled_members().map(|member| pool.through(member));
                Self::Through(proxies.map(|proxy| RouteKey::of(&proxy)).collect())
            }
            Route::Refused => Self::Nowhere,
        }
    }
}

/// Whether a connection through `taken`, or a direct one, is allowed by `route`. Only the proxies
/// count, not how they are used.
pub(crate) fn allows(route: &Route, taken: Option<&ProxyConfig>) -> bool {
    match (route, taken) {
        (Route::Direct, None) => true,
        (Route::Proxy(proxy), Some(taken)) => is_same_way(proxy.via(), proxy.server(), taken),
        (Route::Pool(pool), Some(taken)) => pool
            .enabled_members()
            .any(|member| is_same_way(pool.via(), member.server(), taken)),
        (Route::Direct, Some(_))
        | (Route::Proxy(_) | Route::Pool(_), None)
        | (Route::Refused, _) => false,
    }
}
