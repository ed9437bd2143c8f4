//! The section `memory`.

use std::borrow::Cow;

use feeds::QueueLimits;
use proxy_config::Node;
use serde_json::{Value, json};

use super::keys::{Key, names, table};

pub(super) const SECTION: &str = "memory";

const EVENTS: &str = "events_mib";
const BOOKS: &str = "books_mib";

/// From one to as many MiB as 32 bits count bytes of.
const LEAST: u64 = 1;
const MOST: u64 = 4095;

pub(super) static KEYS: [Key; 2] = [
    Key {
        name: EVENTS,
        about: Cow::Borrowed(
            "Memory for events that wait for the reader of the output, in MiB. What exceeds it waits at the \
             exchanges.",
        ),
        schema: mebibytes,
        cells: CELLS,
    },
    Key {
        name: BOOKS,
        about: Cow::Borrowed(
            "Memory for changes of order books that wait for a snapshot, in MiB. With more, the oldest of the \
             books that have most of them are forgotten, which is told, and newer snapshots are fetched.",
        ),
        schema: mebibytes,
        cells: CELLS,
    },
];

const CELLS: [&str; 3] = [
    "whole number, 1 to 4095",
    "64",
    "*expected a whole number from 1 to 4095*",
];

fn mebibytes() -> Value {
    json!({
        "type": ["integer", "string"],
        "minimum": LEAST,
        "maximum": MOST,
        "pattern": "^[0-9]+$",
        "default": 64,
    })
}

pub(super) fn schema() -> Value {
    table(&KEYS)
}

pub(super) fn read(section: &Node<'_>) -> Option<QueueLimits> {
    let fields = section.table(&names(&KEYS))?;
    let bytes = |name, default| match fields.field(name) {
        Some(node) => {
            let mib = usize::try_from(node.integer(LEAST..=MOST)?).ok()?;
            mib.checked_mul(1 << 20)
        }
        None => Some(default),
    };
    let default = QueueLimits::default();
    let (events, books) = (
        bytes(EVENTS, default.bytes),
        bytes(BOOKS, default.joining_bytes),
    );
    Some(QueueLimits {
        bytes: events?,
        joining_bytes: books?,
        ..default
    })
}
