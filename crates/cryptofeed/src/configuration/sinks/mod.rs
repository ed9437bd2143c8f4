//! The section `sinks`.

pub(super) mod files;
mod given;
pub(super) mod nats;
mod shown;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use feeds::Backpressure;
use proxy_config::{Node, Table};
use serde_json::{Value, json};

use super::feeds::{BACKPRESSURES, EXPECTED_BACKPRESSURE, backpressure};
use super::keys::{Key, names, table};

pub(crate) use self::files::ConfiguredFiles;
pub(crate) use self::given::GivenSink;
pub(crate) use self::nats::ConfiguredNats;
pub(crate) use self::shown::ShownSinks;

pub(super) const SECTION: &str = "sinks";

const STDOUT: &str = "stdout";
const FILES_KEY: &str = "files";
const NATS: &str = "nats";
const BACKPRESSURE: &str = "backpressure";

pub(super) static KEYS: [Key; 3] = [
    Key {
        name: STDOUT,
        about: Cow::Borrowed(
            "Whether events are written to standard output. Without the section, they are, and nowhere else.",
        ),
        schema: || json!({"type": ["boolean", "string", "integer"], "default": false}),
        cells: ["boolean", "`false`", "*expected true or false, …*"],
    },
    Key {
        name: FILES_KEY,
        about: Cow::Borrowed("Files by exchange, channel and hour."),
        schema: files::schema,
        cells: ["table of the keys of files", "not written", ""],
    },
    Key {
        name: NATS,
        about: Cow::Borrowed(
            "A stream of a NATS JetStream, to which the command connects directly.",
        ),
        schema: nats::schema,
        cells: ["table of the keys of NATS", "not published", ""],
    },
];

/// The key that every sink but standard output has.
const fn backpressure_key() -> Key {
    Key {
        name: BACKPRESSURE,
        about: Cow::Borrowed(
            "What to do when the sink stores too slowly: wait for it, which slows down the other sinks and the \
             feeds; drop the waiting changes of order books, which is told, and store a new snapshot of those; or \
             end with exit code 3. As much may wait as `memory.events_mib` says.",
        ),
        schema: || json!({"enum": BACKPRESSURES.map(|(name, _)| name), "default": "slow"}),
        cells: [
            "`slow`, `drop_book_changes`, `stop`",
            "`slow`",
            EXPECTED_BACKPRESSURE,
        ],
    }
}

fn backpressure_of(fields: &Table<'_>) -> Option<Backpressure> {
    match fields.field(BACKPRESSURE) {
        Some(node) => backpressure(&node),
        None => Some(Backpressure::default()),
    }
}

fn whole_number(range: &RangeInclusive<u64>) -> Value {
    json!({
        "type": ["integer", "string"],
        "minimum": range.start(),
        "maximum": range.end(),
        "pattern": "^[0-9]+$",
    })
}

/// The schema of a whole number in `range`, `default` without it.
pub(super) fn whole_number_or(range: &RangeInclusive<u64>, default: u64) -> Value {
    let mut schema = whole_number(range);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("default".to_owned(), default.into());
    }
    schema
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfiguredSinks {
    pub(crate) stdout: bool,
    pub(crate) files: Option<ConfiguredFiles>,
    pub(crate) nats: Option<ConfiguredNats>,
}

impl Default for ConfiguredSinks {
    fn default() -> Self {
        Self {
            stdout: true,
            files: None,
            nats: None,
        }
    }
}

pub(super) fn schema() -> Value {
    table(&KEYS)
}

pub(super) fn read(section: &Node<'_>) -> Option<ConfiguredSinks> {
    let fields = section.table(&names(&KEYS))?;
    // Each reports its own error.
    let stdout = match fields.field(STDOUT) {
        Some(node) => node.boolean(),
        None => Some(false),
    };
    let files = match fields.field(FILES_KEY) {
        Some(node) => files::read(&node).map(Some),
        None => Some(None),
    };
    let nats = match fields.field(NATS) {
        Some(node) => nats::read(&node).map(Some),
        None => Some(None),
    };
    let sinks = ConfiguredSinks {
        stdout: stdout?,
        files: files?,
        nats: nats?,
    };
    if sinks.is_none() {
        // Without the key, another one is reported already.
        let stdout = fields.field(STDOUT)?;
        stdout.report("no sink is left; set it to true, or remove the section");
        return None;
    }
    Some(sinks)
}

impl ConfiguredSinks {
    fn is_none(&self) -> bool {
        !self.stdout && self.files.is_none() && self.nats.is_none()
    }
}
