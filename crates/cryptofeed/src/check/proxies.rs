//! The proxies that connections take, for people.

use std::collections::BTreeSet;

use proxy_config::{HandshakeMode, PoolConfig, PoolMember, ProxyConfig, ProxyServer};
use serde::Serialize;

/// One proxy, or several to choose from. Serializes as a configuration has it, without credentials.
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

    /// Who resolves the exchange's name.
    pub(super) fn dns(&self) -> String {
        let exits: Vec<_> = match self {
            Self::One(proxy) => vec![proxy.server()],
            Self::Pool(pool) => pool.enabled_members().map(PoolMember::server).collect(),
        };
        let sides: BTreeSet<_> = exits
            .iter()
            .map(|exit| exit.url().scheme().dns_side())
            .collect();
        let sides: Vec<_> = sides.iter().map(ToString::to_string).collect();
        sides.join(" or ")
    }

    /// What is passed, and a line for each thing that is special about one of the proxies.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = match self {
            Self::One(proxy) => vec![proxy.to_string()],
            Self::Pool(pool) => choice(pool),
        };
        lines.extend(self.servers().into_iter().flat_map(specialties));
        lines
    }

    fn servers(&self) -> Vec<&ProxyServer> {
        match self {
            Self::One(proxy) => [proxy.server()].into_iter().chain(proxy.via()).collect(),
            Self::Pool(pool) => {
                let members = pool.members().iter().map(PoolMember::server);
                members.chain(pool.via()).collect()
            }
        }
    }
}

/// The strategy, the members, and what is passed before them.
fn choice(pool: &PoolConfig) -> Vec<String> {
    let strategy = format!("{} of", pool.strategy());
    let members = pool.members().iter().map(|member| {
        let server = member.server();
        let weight = match member.weight() {
            1 => String::new(),
            weight => format!(", weight {weight}"),
        };
        let mark = if member.is_enabled() {
            ""
        } else {
            ", disabled"
        };
        format!("- {server}{weight}{mark}")
    });
    let via = pool.via().iter().rev().map(|hop| format!("via {hop}"));
    [strategy].into_iter().chain(members).chain(via).collect()
}

/// What a proxy has that others have not.
fn specialties(server: &ProxyServer) -> impl Iterator<Item = String> {
    let ca_file = server.ca_file();
    let ca_file = ca_file.map(|path| format!("ca_file of {server}: {}", path.display()));
    let mode = Some(server.handshake()).filter(|mode| *mode != HandshakeMode::Standard);
    let handshake = mode.map(|mode| format!("handshake of {server}: {mode}"));
    let quick_ack = server.quick_ack();
    let quick_ack = quick_ack.then(|| format!("quick_ack of {server}: true"));
    [ca_file, handshake, quick_ack].into_iter().flatten()
}
