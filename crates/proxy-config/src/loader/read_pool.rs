//! Reading a pool: its strategy and its members.

use std::collections::HashSet;

use crate::loader::keys::Content;
use crate::loader::node::Node;
use crate::loader::read_server::{Reach, server};
use crate::pool::{DEFAULT_WEIGHT, PoolConfig, PoolMember, PoolStrategy, WEIGHT};

/// The pool, without what is passed on the way to it.
pub(crate) fn pool(node: &Node<'_>, reach: Reach) -> Option<PoolConfig> {
    let fields = node.table_of(&Content::Pool)?;
    let strategy = fields
        .field("strategy")
        .map_or(Some(PoolStrategy::default()), |node| {
            node.word(PoolStrategy::ALL, PoolStrategy::as_str)
        });
    let proxies = fields.required("proxies")?;
    let nodes = proxies.list()?;
    let members: Vec<_> = nodes.iter().map(|node| member(node, reach)).collect();
    let mut seen = HashSet::new();
    for (node, member) in nodes.iter().zip(&members) {
        if let Some(member) = member
            && !seen.insert(member.server().url())
        {
            node.report("the proxy is listed twice; its `weight` can give it more of the work");
        }
    }
    let members = members.into_iter().collect::<Option<Vec<_>>>()?;
    let pool = PoolConfig::new(members).map_err(|error| proxies.report(error));
    Some(pool.ok()?.with_strategy(strategy?))
}

/// One proxy of a pool.
pub(crate) fn member(node: &Node<'_>, reach: Reach) -> Option<PoolMember> {
    let fields = node.table_of(&Content::Member)?;
    let weight = fields
        .field("weight")
        .map_or(Some(DEFAULT_WEIGHT), |node| node.integer(WEIGHT));
    let is_enabled = fields
        .field("enabled")
        .map_or(Some(true), |node| node.boolean());
    let member = PoolMember::new(server(&fields, reach)?);
    member.with_enabled(is_enabled?).with_weight(weight?).ok()
}
