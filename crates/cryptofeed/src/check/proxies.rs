//! The proxies of connections, as text.

use std::collections::BTreeSet;

use proxy_config::{DnsSide, HandshakeMode, PoolConfig, PoolMember, ProxyConfig, ProxyServer};
use serde::Serialize;

use super::listing::Listing;

/// One proxy, or a pool. Serializes as in a configuration, without credentials.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Proxies {
    One(ProxyConfig),
    Pool(PoolConfig),
}

impl Proxies {
    pub(super) fn timeout_seconds(&self) -> u64 {
        match self {
            Self::One(proxy) => proxy.timeout_seconds(),
            Self::Pool(pool) => pool.timeout_seconds(),
        }
    }

    /// Where the exchange's name is resolved, by the proxies of `list` if there is one.
    pub(super) fn dns(&self, list: Option<&Listing>) -> Option<String> {
        // The last proxy decides; those before it only get the address of the next one.
        let exits: Vec<_> = match self {
            Self::One(proxy) => vec![Some(proxy.server())],
            Self::Pool(pool) => {
                let pool = list.map_or(pool, Listing::pool);
                pool.enabled_members().map(PoolMember::server).collect()
            }
        };
        let side = |exit: &ProxyServer| exit.url().scheme().dns_side();
        let sides: BTreeSet<_> = exits
            .into_iter()
            .map(|exit| exit.map_or(DnsSide::Local, side))
            .collect();
        let sides: Vec<_> = sides.iter().map(ToString::to_string).collect();
        (!sides.is_empty()).then(|| sides.join(" or "))
    }

    /// The proxies or the `list` of them, and a line for each option of one of them.
    pub(super) fn lines(&self, list: Option<&Listing>) -> Vec<String> {
        let mut lines = match self {
            Self::One(proxy) => vec![proxy.to_string()],
            Self::Pool(pool) => choice(pool, list),
        };
        lines.extend(self.servers().into_iter().flat_map(specialties));
        lines
    }

    fn servers(&self) -> Vec<&ProxyServer> {
        match self {
            Self::One(proxy) => [proxy.server()].into_iter().chain(proxy.via()).collect(),
            Self::Pool(pool) => {
                let members = pool.members().iter().filter_map(PoolMember::server);
                members.chain(pool.via()).collect()
            }
        }
    }
}

/// The strategy, the members or the list of them, and the proxies before them.
fn choice(pool: &PoolConfig, list: Option<&Listing>) -> Vec<String> {
    let source = pool.source().map(|source| format!(" {source}"));
    let strategy = format!("{} of{}", pool.strategy(), source.unwrap_or_default());
    let listed = list.map(Listing::lines).unwrap_or_default();
    let members = pool.members().iter().map(|member| {
        let weight = match member.weight() {
            1 => String::new(),
            weight => format!(", weight {weight}"),
        };
        let mark = if member.is_enabled() {
            ""
        } else {
            ", disabled"
        };
        format!("- {member}{weight}{mark}")
    });
    let via = pool.via().iter().rev().map(|hop| format!("via {hop}"));
    [strategy]
        .into_iter()
        .chain(listed)
        .chain(members)
        .chain(via)
        .collect()
}

/// The options of a proxy that are not the default.
fn specialties(server: &ProxyServer) -> impl Iterator<Item = String> {
    let ca_file = server.ca_file();
    let ca_file = ca_file.map(|path| format!("ca_file of {server}: {}", path.display()));
    let names: Vec<_> = server.headers().iter().map(|(name, _)| name).collect();
    let headers = (!names.is_empty()).then(|| format!("headers of {server}: {}", names.join(", ")));
    let mode = Some(server.handshake()).filter(|mode| *mode != HandshakeMode::Standard);
    let handshake = mode.map(|mode| format!("handshake of {server}: {mode}"));
    let quick_ack = server.quick_ack();
    let quick_ack = quick_ack.then(|| format!("quick_ack of {server}: true"));
    let bind = server.bind();
    let bind = bind.map(|bind| format!("bind of {server}: {bind}"));
    let egress = server.egress();
    let egress = egress.map(|egress| format!("egress of {server}: {egress}"));
    [ca_file, headers, handshake, quick_ack, bind, egress]
        .into_iter()
        .flatten()
}
