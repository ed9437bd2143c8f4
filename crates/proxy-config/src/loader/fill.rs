//! Reading the keys of a table whose fields stand for themselves.

use crate::keys::{Entry, Field};
use crate::loader::node::{Node, Table};

/// How the socket to a proxy comes about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This machine opens it.
    Here,
    /// Another proxy does.
    ThroughAnother,
}

/// Reads the `fields` that have `entries` into `target`, which is `None` if something else is wrong.
/// Those that are read together with others are left to who knows how.
pub(crate) fn fill<T>(
    entries: &'static [Entry<T>],
    fields: &Table<'_>,
    reach: Reach,
    target: Option<T>,
) -> Option<T> {
    let read = |target, entry: &Entry<T>| match fields.field(entry.key.name) {
        Some(node) => set(entry, &node, reach, target),
        None => target,
    };
    entries.iter().fold(target, read)
}

fn set<T>(entry: &Entry<T>, node: &Node<'_>, reach: Reach, target: Option<T>) -> Option<T> {
    // What is wrong with the value is told even if there is nothing to put it into.
    let reached = |is_wanted| match entry.key.is_of_socket && is_wanted {
        true => require_socket(node, reach),
        false => Some(()),
    };
    match &entry.field {
        Field::Boolean { set, .. } => {
            let flag = node.boolean()?;
            reached(flag)?;
            Some(set(target?, flag))
        }
        Field::Integer { range, set, .. } => {
            let number = node.integer(range.clone())?;
            reached(true)?;
            set(target?, number)
        }
        Field::Word { words, set, .. } => {
            let word = node.word(&words().all)?;
            reached(true)?;
            set(target?, word)
        }
        Field::Joint { .. } => target,
    }
}

/// Notes an error for what concerns a socket that another proxy opens.
fn require_socket(node: &Node<'_>, reach: Reach) -> Option<()> {
    if reach == Reach::ThroughAnother {
        node.report(
            "applies to the first proxy of the route only; set it for the first proxy of `via`",
        );
        return None;
    }
    Some(())
}
