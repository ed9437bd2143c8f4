//! Reading the keys that need no reader of their own.

use crate::keys::{Entry, Field};
use crate::loader::node::{Node, Table};

/// What opens the socket to a proxy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This machine.
    Here,
    /// Another proxy.
    ThroughAnother,
}

/// Reads the `fields` that have `entries` into `target`, which is `None` after an error elsewhere.
/// [`Field::Joint`] is left to its own reader.
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
    // The value is checked even without a target, so that its errors are reported as well.
    let reached = |is_wanted| match entry.key.is_of_socket && is_wanted {
        true => require_socket(node, reach),
        false => Some(()),
    };
    match &entry.field {
        Field::Boolean { set, .. } => {
            let flag = node.boolean()?;
            // `false` asks for nothing, and is valid for every proxy.
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

/// Reports an error if another proxy opens the socket that the key concerns.
pub(crate) fn require_socket(node: &Node<'_>, reach: Reach) -> Option<()> {
    if reach == Reach::ThroughAnother {
        node.report(
            "applies to the first proxy of the route only; set it for the first proxy of `via`",
        );
        return None;
    }
    Some(())
}
