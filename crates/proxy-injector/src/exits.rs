//! The exits of a route.

use std::collections::{HashMap, HashSet};

use proxy_config::{
    Exit, PoolConfig, PoolMember, PoolSource, ProxyServer, ProxySettings, SourcePlace,
};
use proxy_resolve::Route;

use crate::route_key::{RouteKey, is_same_proxies};

/// The exits that connections may take, in a form that can be compared: only the proxies count, not
/// how they are used.
// A reload that changes only a timeout or a handshake must not close streams.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exits {
    /// One of these. None, if the connection is refused.
    Known(HashSet<RouteKey>),
    /// Through whatever this names, behind these proxies.
    Listed(SourcePlace, Vec<ProxyServer>),
}

impl Exits {
    pub(crate) fn of(route: &Route) -> Self {
        let one = |exit: Exit| HashSet::from([RouteKey::of(&exit)]);
        Self::Known(match route {
            Route::Direct => one(Exit::Direct),
            Route::DirectFrom(exit) => one(exit.clone().into()),
            Route::Proxy(proxy) => one(proxy.clone().into()),
            Route::Pool(pool) => {
                if let Some(source) = pool.source() {
                    return Self::Listed(source.place().clone(), pool.via().to_vec());
                }
                let exits = pool.enabled_members().map(|member| pool.through(member));
                exits.map(|exit| RouteKey::of(&exit)).collect()
            }
            Route::Refused => HashSet::new(),
        })
    }
}

/// The exits that the rules of `settings` name, without those of lists.
pub(crate) fn named(settings: &ProxySettings) -> HashMap<RouteKey, Exit> {
    let exchanges = settings.exchanges().map(|(_, proxies)| proxies);
    let all = exchanges.chain([settings.default_proxies()]);
    let rules = all.flat_map(|proxies| [proxies.http(), proxies.websocket()]);
    let exits = rules.flatten().flat_map(|rule| match Route::from(rule) {
        Route::Direct => vec![Exit::Direct],
        Route::DirectFrom(exit) => vec![exit.into()],
        Route::Proxy(proxy) => vec![proxy.into()],
        Route::Pool(pool) => {
            let members = pool.enabled_members();
            members.map(|member| pool.through(member)).collect()
        }
        Route::Refused => Vec::new(),
    });
    exits.map(|exit| (RouteKey::of(&exit), exit)).collect()
}

/// Whether a connection by the exit `taken` is allowed by `route`. Only the proxies count, not how they
/// are used.
pub(crate) fn allows(route: &Route, taken: &Exit) -> bool {
    match (route, taken) {
        (Route::Direct, Exit::Direct) => true,
        (Route::DirectFrom(exit), Exit::DirectFrom(taken)) => exit.bind() == taken.bind(),
        (Route::Proxy(proxy), Exit::Proxy(taken)) => {
            is_same_proxies(proxy.via(), proxy.server(), taken)
        }
        (Route::Pool(pool), Exit::Proxy(_) | Exit::DirectFrom(_)) => match pool.source() {
            Some(source) => is_named_by(source, pool, taken),
            None => has_member(pool, taken),
        },
        (Route::Direct, Exit::DirectFrom(_) | Exit::Proxy(_))
        | (Route::DirectFrom(_) | Route::Proxy(_) | Route::Pool(_), Exit::Direct)
        | (Route::DirectFrom(_), Exit::Proxy(_))
        | (Route::Proxy(_), Exit::DirectFrom(_))
        | (Route::Refused, _) => false,
    }
}

/// Whether the list of `pool` at `source` has named `taken`. It may name another one by now: what is open
/// stays open.
fn is_named_by(source: &PoolSource, pool: &PoolConfig, taken: &Exit) -> bool {
    let Exit::Proxy(taken) = taken else {
        return false;
    };
    taken.source().map(PoolSource::place) == Some(source.place())
        && is_same_proxies(pool.via(), taken.server(), taken)
}

/// Whether `taken` is a member that `pool` has now.
pub(crate) fn has_member(pool: &PoolConfig, taken: &Exit) -> bool {
    let members = pool.enabled_members();
    match taken {
        Exit::Direct => false,
        Exit::DirectFrom(taken) => members
            .filter_map(PoolMember::direct)
            .any(|exit| exit.bind() == taken.bind()),
        Exit::Proxy(taken) => members
            .filter_map(PoolMember::server)
            .any(|server| is_same_proxies(pool.via(), server, taken)),
    }
}
