//! The section `sinks.nats`.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use feeds::Backpressure;
use proxy_config::{Node, Table};
use serde_json::{Value, json};
use sinks::{NatsSettings, NatsStream};

use super::{backpressure_key, backpressure_of, whole_number, whole_number_or};
use crate::configuration::keys::{Key, names, table};
use crate::configuration::server;

const STREAM: &str = "stream";
const AGE: &str = "max_age_seconds";
const SIZE: &str = "max_mib";
const DUPLICATES: &str = "duplicate_window_seconds";
const REPLICAS: &str = "replicas";
const WINDOW: &str = "window";

/// Up to ten years.
const AGES: RangeInclusive<u64> = 60..=315_360_000;
/// From one MiB to one PiB.
const SIZES: RangeInclusive<u64> = 1..=1_073_741_824;
/// From a second to a day.
const WINDOWS: RangeInclusive<u64> = 1..=86_400;
/// What a cluster has at most.
const COPIES: RangeInclusive<u64> = 1..=5;
const MESSAGES: RangeInclusive<u64> = 1..=65_536;

pub(in crate::configuration) static KEYS: [Key; 12] = [
    server::URL_KEY,
    server::USERNAME_KEY,
    server::PASSWORD_KEY,
    server::TOKEN_KEY,
    server::CA_FILE_KEY,
    Key {
        name: STREAM,
        about: Cow::Borrowed(
            "The stream. It is created if it is not there, and another for the last snapshot of every book, which \
             has `_SNAPSHOTS` behind its name. Streams that are there are used as they are.",
        ),
        schema: || json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "default": "MD"}),
        cells: [
            "1 to 64 letters, digits, `-` and `_`",
            "`MD`",
            "*expected 1 to 64 letters, digits, - and _*",
        ],
    },
    Key {
        name: AGE,
        about: Cow::Borrowed("How old events become in a stream that is created."),
        schema: || whole_number(&AGES),
        cells: [
            "whole number, 60 to 315360000",
            "no limit",
            "*expected a whole number from 60 to 315360000*",
        ],
    },
    Key {
        name: SIZE,
        about: Cow::Borrowed(
            "How large a stream that is created becomes, in MiB. Then the oldest events go.",
        ),
        schema: || whole_number(&SIZES),
        cells: [
            "whole number, 1 to 1073741824",
            "no limit",
            "*expected a whole number from 1 to 1073741824*",
        ],
    },
    Key {
        name: DUPLICATES,
        about: Cow::Borrowed(
            "How long a stream that is created knows what it has already. It must be longer than any outage after \
             which nothing shall be stored twice.",
        ),
        schema: || whole_number_or(&WINDOWS, 120),
        cells: [
            "whole number, 1 to 86400",
            "120",
            "*expected a whole number from 1 to 86400*",
        ],
    },
    Key {
        name: REPLICAS,
        about: Cow::Borrowed(
            "On how many servers of a cluster a stream that is created stores events.",
        ),
        schema: || whole_number_or(&COPIES, 1),
        cells: [
            "whole number, 1 to 5",
            "1",
            "*expected a whole number from 1 to 5*",
        ],
    },
    Key {
        name: WINDOW,
        about: Cow::Borrowed("How many events may be sent and not acknowledged."),
        schema: || whole_number_or(&MESSAGES, 1024),
        cells: [
            "whole number, 1 to 65536",
            "1024",
            "*expected a whole number from 1 to 65536*",
        ],
    },
    backpressure_key(),
];

/// A stream to publish to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfiguredNats {
    pub(crate) settings: NatsSettings,
    pub(crate) backpressure: Backpressure,
}

pub(super) fn schema() -> Value {
    table(&KEYS)
}

pub(super) fn read(node: &Node<'_>) -> Option<ConfiguredNats> {
    let fields = node.table(&names(&KEYS))?;
    // Each reports its own error.
    let server = server::read(&fields, node);
    let stream = stream(&fields);
    let number = |key: &str, range: RangeInclusive<u64>| match fields.field(key) {
        Some(node) => node.integer(range).map(Some),
        None => Some(None),
    };
    let window = number(WINDOW, MESSAGES);
    let backpressure = backpressure_of(&fields);
    let server = server?;
    let default = NatsSettings::new(server.url.clone());
    let window = window?.and_then(|it| usize::try_from(it).ok());
    Some(ConfiguredNats {
        settings: NatsSettings {
            server,
            stream: stream?,
            window: window.unwrap_or(default.window),
        },
        backpressure: backpressure?,
    })
}

fn stream(fields: &Table<'_>) -> Option<NatsStream> {
    let default = NatsStream::default();
    let name = match fields.field(STREAM) {
        Some(node) => node.parse(|text| match NatsStream::is_name(text) {
            true => Ok(text.to_owned()),
            false => Err("expected 1 to 64 letters, digits, - and _"),
        }),
        None => Some(default.name),
    };
    let number = |key: &str, range: RangeInclusive<u64>| match fields.field(key) {
        Some(node) => node.integer(range).map(Some),
        None => Some(None),
    };
    let (age, size) = (number(AGE, AGES), number(SIZE, SIZES));
    let (duplicates, replicas) = (number(DUPLICATES, WINDOWS), number(REPLICAS, COPIES));
    let duplicates = duplicates?.map(Duration::from_secs);
    let replicas = replicas?.and_then(|it| usize::try_from(it).ok());
    Some(NatsStream {
        name: name?,
        max_age: age?.map(Duration::from_secs),
        max_bytes: size?.map(|mib| mib << 20),
        duplicate_window: duplicates.unwrap_or(default.duplicate_window),
        replicas: replicas.unwrap_or(default.replicas),
    })
}
