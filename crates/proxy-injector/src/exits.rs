//! Where the connections of a route may leave by.

use std::collections::HashSet;

use proxy_config::ProxyConfig;
use proxy_resolve::Route;

use crate::route_key::{RouteKey, is_same_way};

/// Where connections may leave by, in a form that tells whether that is elsewhere now: how the
/// proxies are spoken to does not count.
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

/// Whether a connection that passes `taken`, or no proxy at all, may stay where `route` applies: what
/// counts are the proxies, not how they are spoken to.
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
