//! What makes a proxy another one.

use std::path::{Path, PathBuf};

use proxy_config::{ProxyConfig, ProxyUrl};

/// The proxies of a way and who may vouch for them, the nearest first. How they are spoken to, and
/// for how long, does not count.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Places(Vec<(ProxyUrl, Option<PathBuf>)>);

impl Places {
    pub(crate) fn of(proxy: &ProxyConfig) -> Self {
        let servers = proxy.via().iter().chain([proxy.server()]);
        let places = servers.map(|server| {
            let ca_file = server.ca_file().map(Path::to_path_buf);
            (server.url().clone(), ca_file)
        });
        Self(places.collect())
    }
}
