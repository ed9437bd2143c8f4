//! What makes a proxy another one.

use std::path::{Path, PathBuf};

use proxy_config::{ProxyConfig, ProxyHeaders, ProxyServer, ProxyUrl};

/// The proxies of a route, the headers that each gets and who may vouch for it, the nearest first. How
/// they are spoken to, and for how long, does not count.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct RouteKey(Vec<(ProxyUrl, ProxyHeaders, Option<PathBuf>)>);

/// Whether `taken` passes the proxies `via` and then `exit`: the same as equal [`RouteKey`]s, without
/// making them.
pub(crate) fn is_same_way(via: &[ProxyServer], exit: &ProxyServer, taken: &ProxyConfig) -> bool {
    let is_same = |one: &ProxyServer, other: &ProxyServer| {
        one.url() == other.url()
            && one.headers() == other.headers()
            && one.ca_file() == other.ca_file()
    };
    is_same(exit, taken.server())
        && via.len() == taken.via().len()
        && via
            .iter()
            .zip(taken.via())
            .all(|(one, other)| is_same(one, other))
}

impl RouteKey {
    pub(crate) fn of(proxy: &ProxyConfig) -> Self {
        let servers = proxy.via().iter().chain([proxy.server()]);
        let places = servers.map(|server| {
            let ca_file = server.ca_file().map(Path::to_path_buf);
            (server.url().clone(), server.headers().clone(), ca_file)
        });
        Self(places.collect())
    }
}
