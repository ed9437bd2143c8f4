//! Reading direct connections from a local address.

use std::net::IpAddr;

use crate::bind::Bind;
use crate::connection_proxies::DIRECT;
use crate::exit::DirectExit;
use crate::keys::Content;
use crate::keys::names::{BIND, EGRESS};
use crate::loader::node::{Node, Table};

/// The direct exit in `fields`, a table of `content`, under `direct`. Keys that it replaces must not
/// stand beside it.
pub(crate) fn direct_exit(
    fields: &Table<'_>,
    direct: &Node<'_>,
    content: &Content,
) -> Option<DirectExit> {
    let replaced = content.replaced_by(DIRECT).into_iter();
    let mut is_alone = true;
    for field in replaced.filter_map(|key| fields.field(key)) {
        field.report("`direct` is given as well; a connection is direct, or passes a proxy");
        is_alone = false;
    }
    let fields = direct.table_of(&Content::Direct)?;
    let egress = fields.field(EGRESS).map(|node| egress(&node));
    let bind = fields.required(BIND)?.parse(str::parse::<Bind>)?;
    let exit = DirectExit::new(bind);
    let exit = match egress {
        Some(egress) => exit.with_egress(egress?),
        None => exit,
    };
    is_alone.then_some(exit)
}

/// The address that exchanges see of an exit.
pub(crate) fn egress(node: &Node<'_>) -> Option<IpAddr> {
    node.parse(|text| {
        let address = text.parse().ok();
        let address = address.filter(|ip: &IpAddr| !ip.is_unspecified() && !ip.is_multicast());
        address.ok_or("expected an IP address")
    })
}
