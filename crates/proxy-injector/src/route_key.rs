//! What makes a way another one.

use std::path::{Path, PathBuf};

use proxy_config::{Bind, Exit, ProxyConfig, ProxyHeaders, ProxyServer, ProxyUrl};

/// Where connections begin, and the proxies that they pass, with the headers that each gets and who may
/// vouch for it, the nearest first. How they are spoken to, and for how long, does not count.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct RouteKey {
    bind: Option<Bind>,
    proxies: Vec<(ProxyUrl, ProxyHeaders, Option<PathBuf>)>,
}

/// Whether `taken` passes the proxies `via` and then `exit`, and begins where they do: the same as equal
/// [`RouteKey`]s, without making them.
pub(crate) fn is_same_proxies(
    via: &[ProxyServer],
    exit: &ProxyServer,
    taken: &ProxyConfig,
) -> bool {
    let is_same = |one: &ProxyServer, other: &ProxyServer| {
        one.url() == other.url()
            && one.headers() == other.headers()
            && one.ca_file() == other.ca_file()
    };
    let nearest = via.first().unwrap_or(exit);
    let taken_nearest = taken.via().first().unwrap_or(taken.server());
    is_same(exit, taken.server())
        && nearest.bind() == taken_nearest.bind()
        && via.len() == taken.via().len()
        && via
            .iter()
            .zip(taken.via())
            .all(|(one, other)| is_same(one, other))
}

impl RouteKey {
    pub(crate) fn of(exit: &Exit) -> Self {
        let servers = exit.proxy().into_iter().flat_map(|proxy| {
            let last = [proxy.server()];
            proxy.via().iter().chain(last)
        });
        let places = servers.map(|server| {
            let ca_file = server.ca_file().map(Path::to_path_buf);
            (server.url().clone(), server.headers().clone(), ca_file)
        });
        Self {
            bind: exit.bind().cloned(),
            proxies: places.collect(),
        }
    }
}
