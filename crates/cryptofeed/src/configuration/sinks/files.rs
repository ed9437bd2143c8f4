//! The section `sinks.files`.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use feeds::Backpressure;
use proxy_config::Node;
use serde_json::{Value, json};
use sinks::{Compression, FilePattern, FileSettings};

use super::{backpressure_key, backpressure_of, whole_number};
use crate::configuration::keys::{Key, names, table};

const FOLDER: &str = "folder";
const PATTERN: &str = "pattern";
const COMPRESSION: &str = "compression";
const AGE: &str = "rotate_seconds";
const SIZE: &str = "rotate_mib";

/// From a minute to a week.
const AGES: RangeInclusive<u64> = 60..=604_800;
/// From one MiB to one TiB.
const SIZES: RangeInclusive<u64> = 1..=1_048_576;

const COMPRESSIONS: [(&str, Compression); 2] =
    [("none", Compression::None), ("zstd", Compression::Zstd)];

pub(in crate::configuration) static KEYS: [Key; 6] = [
    Key {
        name: FOLDER,
        about: Cow::Borrowed(
            "The folder of the files, which is created. A relative path starts from the folder of the file that \
             contains it.",
        ),
        schema: || json!({"type": "string", "minLength": 1}),
        cells: [
            "path of a folder",
            "required",
            "*expected the path of a file*",
        ],
    },
    Key {
        name: PATTERN,
        about: Cow::Borrowed(
            "Where the files are below the folder. `{channel}` is `trades`, `ticker`, `l2_book`, or `feed` for \
             what belongs to no channel; `{date}` and `{hour}` are those of the receipt, UTC. The name of a file \
             goes on with its run, its number and its format.",
        ),
        schema: || json!({"type": "string", "minLength": 1, "default": FilePattern::default().to_string()}),
        cells: [
            "relative path with `{exchange}`, `{channel}`, `{date}`, `{hour}`",
            "`{exchange}/{channel}/{date}T{hour}`",
            "*expected a relative path of names and …*",
        ],
    },
    Key {
        name: COMPRESSION,
        about: Cow::Borrowed("How the files are compressed: `.jsonl`, or `.jsonl.zst`."),
        schema: || json!({"enum": COMPRESSIONS.map(|(name, _)| name), "default": "none"}),
        cells: ["`none`, `zstd`", "`none`", "*expected none or zstd*"],
    },
    Key {
        name: AGE,
        about: Cow::Borrowed(
            "After how many seconds a file is complete, if its hour is not over before.",
        ),
        schema: || whole_number(&AGES),
        cells: [
            "whole number, 60 to 604800",
            "none",
            "*expected a whole number from 60 to 604800*",
        ],
    },
    Key {
        name: SIZE,
        about: Cow::Borrowed("From which size on a file is complete, in MiB on the disk."),
        schema: || whole_number(&SIZES),
        cells: [
            "whole number, 1 to 1048576",
            "none",
            "*expected a whole number from 1 to 1048576*",
        ],
    },
    backpressure_key(),
];

/// Files to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfiguredFiles {
    pub(crate) settings: FileSettings,
    pub(crate) backpressure: Backpressure,
}

pub(super) fn schema() -> Value {
    table(&KEYS)
}

/// The files that `node` describes, in `folder` if the command line says so.
pub(super) fn read(node: &Node<'_>) -> Option<ConfiguredFiles> {
    let fields = node.table(&names(&KEYS))?;
    // Each reports its own error.
    let folder = fields.required(FOLDER).and_then(|node| node.file_path());
    let pattern = match fields.field(PATTERN) {
        Some(node) => node.parse(FilePattern::parse),
        None => Some(FilePattern::default()),
    };
    let compression = match fields.field(COMPRESSION) {
        Some(node) => node.parse(|text| {
            let known = COMPRESSIONS.iter().find(|(name, _)| *name == text);
            known.map(|(_, it)| *it).ok_or("expected none or zstd")
        }),
        None => Some(Compression::default()),
    };
    let number = |key: &str, range: RangeInclusive<u64>| match fields.field(key) {
        Some(node) => node.integer(range).map(Some),
        None => Some(None),
    };
    let (age, size) = (number(AGE, AGES), number(SIZE, SIZES));
    let backpressure = backpressure_of(&fields);
    Some(ConfiguredFiles {
        settings: FileSettings {
            folder: folder?,
            pattern: pattern?,
            compression: compression?,
            rotate_after: age?.map(Duration::from_secs),
            rotate_bytes: size?.map(|mib| mib << 20),
        },
        backpressure: backpressure?,
    })
}
