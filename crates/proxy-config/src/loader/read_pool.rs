//! Reading a pool: its strategy and its members.

use std::collections::HashSet;
use std::hash::Hash;

use crate::connection_proxies::DIRECT;
use crate::keys::names::{self, PROXIES, SOURCE};
use crate::keys::{BREAKER, Content, Entry, HEALTH_CHECK, MEMBER, POOL};
use crate::loader::fill::{Reach, fill};
use crate::loader::node::Node;
use crate::loader::read_direct::direct_exit;
use crate::loader::read_server::server;
use crate::loader::read_source::source;
use crate::pool::{PoolConfig, PoolMember};

/// The pool, without the proxies before it.
pub(crate) fn pool(node: &Node<'_>, reach: Reach) -> Option<PoolConfig> {
    let fields = node.table_of(&Content::Pool)?;
    let pool = match fields.field(SOURCE) {
        Some(node) => {
            if let Some(proxies) = fields.field(PROXIES) {
                proxies.report("`source` is given as well; only one of them can be");
            }
            source(&node).map(PoolConfig::from_source)
        }
        None => {
            let proxies = fields.required(PROXIES);
            proxies.and_then(|proxies| members(&proxies, reach))
        }
    };
    let pool = fill(&POOL, &fields, reach, pool);
    let breaker = fields.field(names::BREAKER);
    let breaker = breaker.map(|node| table(&node, &Content::Breaker, &BREAKER, reach));
    let check = fields.field(names::HEALTH_CHECK);
    let check = check.map(|node| table(&node, &Content::HealthCheck, &HEALTH_CHECK, reach));
    let mut pool = pool?;
    if let Some(breaker) = breaker {
        pool = pool.with_breaker(breaker?);
    }
    if let Some(check) = check {
        pool = pool.with_health_check(check?);
    }
    Some(pool)
}

/// A table of keys with defaults.
fn table<T: Default>(
    node: &Node<'_>,
    content: &Content,
    entries: &'static [Entry<T>],
    reach: Reach,
) -> Option<T> {
    fill(entries, &node.table_of(content)?, reach, Some(T::default()))
}

fn members(proxies: &Node<'_>, reach: Reach) -> Option<PoolConfig> {
    let nodes = proxies.list()?;
    let members: Vec<_> = nodes.iter().map(|node| member(node, reach)).collect();
    // Entries of one proxy share its connections and its marks, so two of them would count as one.
    // With two logins, other headers or another local address, it is two
    // proxies: the URL includes the login.
    let mut seen = HashSet::new();
    for (node, member) in nodes.iter().zip(&members) {
        if let Some(member) = member
            && !seen.insert(identity(member))
        {
            node.report("the proxy is listed twice; use `weight` instead");
        }
    }
    drop(seen);
    let members = members.into_iter().collect::<Option<Vec<_>>>()?;
    PoolConfig::new(members)
        .map_err(|error| proxies.report(error))
        .ok()
}

/// What makes a member another one.
fn identity(member: &PoolMember) -> impl Hash + Eq {
    let server = member.server();
    let proxy = server.map(|server| (server.url(), server.headers(), server.bind()));
    (proxy, member.direct())
}

/// One proxy of a pool.
pub(crate) fn member(node: &Node<'_>, reach: Reach) -> Option<PoolMember> {
    let fields = node.table_of(&Content::Member)?;
    let member = match fields.field(DIRECT) {
        None => server(&fields, reach).map(PoolMember::new),
        Some(node) if reach == Reach::ThroughAnother => {
            node.report("`via` applies to all members of the pool, and this one is direct");
            None
        }
        Some(node) => direct_exit(&fields, &node, &Content::Member).map(PoolMember::direct_from),
    };
    fill(&MEMBER, &fields, reach, member)
}
