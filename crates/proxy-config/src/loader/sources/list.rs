//! The entries of a YAML list of proxies.

use crate::keys::names::{EGRESS, HEADERS, PASSWORD, URL, USERNAME};
use crate::keys::{Content, is_key};
use crate::loader::blank::refuse_blanks;
use crate::loader::fill::Reach;
use crate::loader::node::{Node, Reading};
use crate::loader::read_pool::member;
use crate::loader::shape::shape;
use crate::origin::Origin;
use crate::pool::PoolMember;

use super::values::Values;
use super::yaml;

/// The keys that an entry may have. Whoever writes the list may be somebody else: what names a file or an
/// address of this machine, or a way without a proxy, is not among them.
const KEYS: [&str; 9] = [
    URL,
    USERNAME,
    PASSWORD,
    HEADERS,
    EGRESS,
    "handshake",
    "quick_ack",
    "weight",
    "enabled",
];

/// The proxies of the list, each with its line, or why it is none.
pub(crate) fn list_entries(text: &str) -> Vec<(usize, Result<PoolMember, String>)> {
    let reading = Reading::default();
    let at = |place| Origin::File {
        name: "".into(),
        place: Some(place),
    };
    let document = match yaml::parse(text, Values::new(&reading, at)) {
        Ok(document) => document,
        Err(fault) => return vec![(fault.place.0, Err(fault.problem))],
    };
    let Some(entries) = Node::new("", &document, &reading).list() else {
        return vec![(1, Err("expected a list of proxies".to_owned()))];
    };
    let entries = entries.iter().map(|node| (line(node), entry(node)));
    entries.collect()
}

fn line(node: &Node<'_>) -> usize {
    match node.origin() {
        Some(Origin::File {
            place: Some((line, _)),
            ..
        }) => line,
        _ => 1,
    }
}

fn entry(node: &Node<'_>) -> Result<PoolMember, String> {
    // Of its own: what is wrong with one entry must not count for another.
    let reading = Reading::default();
    let node = Node::new("", node.value(), &reading);
    for (key, field) in node.children() {
        if is_key(key) && !KEYS.contains(&key) {
            field.report("only the configuration itself can set this");
        }
    }
    refuse_blanks(&node, Some(&Content::Member));
    let shape = shape(&node, &Content::Member).unwrap_or_default();
    // A file that it names anyway is not read.
    let member = match reading.problems.is_empty() {
        true => member(&node.with_value(&shape), Reach::Here),
        false => None,
    };
    let (problems, _) = reading.into_parts();
    match problems.or(member) {
        Ok(Some(member)) => Ok(member),
        Ok(None) => Err("expected a proxy".to_owned()),
        Err(errors) => {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            Err(errors.join("; "))
        }
    }
}
