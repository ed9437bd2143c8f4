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
    let key = &entry.key;
    // What is wrong with the value is told even if there is nothing to put it into.
    match &entry.field {
        Field::Boolean { set, .. } => {
            let flag = node.boolean()?;
            if flag && key.is_of_socket && reach == Reach::ThroughAnother {
                node.report(NO_SOCKET);
                return None;
            }
            Some(set(target?, flag))
        }
        Field::Integer { range, set, .. } => {
            let number = node.integer(range.clone())?;
            set(target?, number)
        }
        Field::Word { words, set, .. } => {
            let word = node.word(&words().all)?;
            set(target?, word)
        }
        Field::Joint { .. } => target,
    }
}

/// What is wrong with a wish for a socket that another proxy opens.
const NO_SOCKET: &str = "it concerns the socket that this machine opens, and this proxy is reached \
                         through another; set it for the first proxy of `via`";
