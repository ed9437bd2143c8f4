//! The section `rest`.

use std::borrow::Cow;
use std::time::Duration;

use proxy_config::{Node, Origin};
use serde::Serialize;
use serde_json::{Value, json};
use transport::ResponseLimits;

use super::keys::{Key, names, table};

pub(super) const SECTION: &str = "rest";

const HEAD: &str = "head_timeout_seconds";
const SILENCE: &str = "silence_timeout_seconds";
const TOTAL: &str = "total_timeout_seconds";
const SIZE: &str = "max_response_mib";

const MIB: u64 = 1024 * 1024;

pub(super) static KEYS: [Key; 4] = [
    Key {
        name: HEAD,
        about: Cow::Borrowed(
            "How long the head of an answer to a REST request may take, from the connection on.",
        ),
        schema: || integer(300, Some(30)),
        cells: [
            "whole number, 1 to 300",
            "30",
            "*expected a whole number from 1 to 300*",
        ],
    },
    Key {
        name: SILENCE,
        about: Cow::Borrowed(
            "How long nothing of the body may arrive. A body that keeps coming is not cut.",
        ),
        schema: || integer(300, Some(30)),
        cells: [
            "whole number, 1 to 300",
            "30",
            "*expected a whole number from 1 to 300*",
        ],
    },
    Key {
        name: TOTAL,
        about: Cow::Borrowed(
            "How long the whole answer may take, from the connection on, even if it keeps coming.",
        ),
        schema: || integer(3600, None),
        cells: [
            "whole number, 1 to 3600",
            "none",
            "*expected a whole number from 1 to 3600*",
        ],
    },
    Key {
        name: SIZE,
        about: Cow::Borrowed("How many MiB the body may have, as sent and as decoded."),
        schema: || integer(1024, Some(64)),
        cells: [
            "whole number, 1 to 1024",
            "64",
            "*expected a whole number from 1 to 1024*",
        ],
    },
];

/// As `proxy-config` describes a number. It has a default, unless there is none.
fn integer(most: u64, default: Option<u64>) -> Value {
    let mut schema = json!({
        "type": ["integer", "string"],
        "pattern": "^[0-9]+$",
        "minimum": 1,
        "maximum": most,
    });
    if let (Some(default), Some(schema)) = (default, schema.as_object_mut()) {
        schema.insert("default".to_owned(), default.into());
    }
    schema
}

pub(super) fn schema() -> Value {
    table(&KEYS)
}

/// The limits of answers to REST requests, and what set them.
#[derive(Debug, Clone, Default)]
pub(crate) struct RestLimits {
    limits: ResponseLimits,
    /// In the order of [`KEYS`]. `None` for a default.
    origins: [Option<Origin>; KEYS.len()],
}

/// The same limits, whatever set them.
impl PartialEq for RestLimits {
    fn eq(&self, other: &Self) -> bool {
        self.limits == other.limits
    }
}

/// One limit, for `check`.
#[derive(Debug, Serialize)]
pub(crate) struct RestLimit {
    /// `None`: there is no limit.
    pub(crate) value: Option<u64>,
    /// What set it; `None` for the default.
    pub(crate) set_by: Option<Origin>,
}

impl RestLimits {
    pub(crate) fn limits(&self) -> ResponseLimits {
        self.limits
    }

    /// Each limit by its key, in the unit of the key.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static str, RestLimit)> {
        let ResponseLimits {
            head,
            silence,
            total,
            size,
        } = self.limits;
        let size = u64::try_from(size).unwrap_or(u64::MAX) / MIB;
        let values = [
            Some(head.as_secs()),
            Some(silence.as_secs()),
            total.map(|total| total.as_secs()),
            Some(size),
        ];
        let origins = self.origins.iter().cloned();
        KEYS.iter()
            .zip(values)
            .zip(origins)
            .map(|((key, value), set_by)| (key.name, RestLimit { value, set_by }))
    }
}

pub(super) fn read(section: &Node<'_>) -> Option<RestLimits> {
    let fields = section.table(&names(&KEYS))?;
    // Each reports its own error.
    let number = |key: &str, most: u64| match fields.field(key) {
        Some(node) => node.integer(1..=most).map(Some),
        None => Some(None),
    };
    let seconds = |key, most| {
        let seconds = number(key, most)?;
        Some(seconds.map(Duration::from_secs))
    };
    let (head, silence) = (seconds(HEAD, 300), seconds(SILENCE, 300));
    let (total, size) = (seconds(TOTAL, 3600), number(SIZE, 1024));
    let default = ResponseLimits::default();
    let bytes = size?.map(|mib| usize::try_from(mib * MIB).unwrap_or(usize::MAX));
    Some(RestLimits {
        limits: ResponseLimits {
            head: head?.unwrap_or(default.head),
            silence: silence?.unwrap_or(default.silence),
            total: total?,
            size: bytes.unwrap_or(default.size),
        },
        origins: [HEAD, SILENCE, TOTAL, SIZE].map(|key| fields.field(key)?.origin()),
    })
}
