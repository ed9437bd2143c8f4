//! The exits of a route.

use std::collections::HashSet;

use proxy_config::{PoolConfig, PoolSource, ProxyConfig, ProxyServer, SourcePlace};
use proxy_resolve::Route;

use crate::route_key::{RouteKey, is_same_way};

/// The exits that connections may take, in a form that can be compared: only the proxies count, not
/// how they are used.
// A reload that changes only a timeout or a handshake must not close streams.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exits {
    Direct,
    Through(HashSet<RouteKey>),
    /// Through whatever this names, behind these proxies.
    Listed(SourcePlace, Vec<ProxyServer>),
    Nowhere,
}

impl Exits {
    pub(crate) fn of(route: &Route) -> Self {
        match route {
            Route::Direct => Self::Direct,
            Route::Proxy(proxy) => Self::Through(HashSet::from([RouteKey::of(proxy)])),
            Route::Pool(pool) => {
                if let Some(source) = pool.source() {
                    return Self::Listed(source.place().clone(), pool.via().to_vec());
                }
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
        (Route::Pool(pool), Some(taken)) => match pool.source() {
            // The list may have another proxy by now. What is open stays open.
            Some(source) => {
                taken.source().map(PoolSource::place) == Some(source.place())
                    && is_same_way(pool.via(), taken.server(), taken)
            }
            None => allows_listed(pool, taken),
        },
        (Route::Direct, Some(_))
        | (Route::Proxy(_) | Route::Pool(_), None)
        | (Route::Refused, _) => false,
    }
}

/// Whether `taken` passes a member that `pool` has now.
pub(crate) fn allows_listed(pool: &PoolConfig, taken: &ProxyConfig) -> bool {
    let mut members = pool.enabled_members();
    members.any(|member| is_same_way(pool.via(), member.server(), taken))
}
