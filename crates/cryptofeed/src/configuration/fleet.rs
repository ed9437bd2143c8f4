//! The section `fleet`.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use fleet::{CollectorId, ShardCount, Terms};
use proxy_config::{Node, Origin, Table};
use serde::Serialize;
use serde_json::{Value, json};
use sinks::{NatsLogin, NatsServer, NatsStream, NatsUrl};

use super::keys::{Key, names, table};
use super::server;
use super::sinks::whole_number_or;

pub(super) const SECTION: &str = "fleet";

const NAME: &str = "name";
const SHARDS: &str = "shards";
const LEASE: &str = "lease_seconds";
const COLLECTOR: &str = "collector";

const DEFAULT_NAME: &str = "cryptofeed";
const EXPECTED_NAME: &str = "expected 1 to 64 letters, digits, - and _";

/// Up to as many as a fleet may have.
const SHARD_COUNTS: RangeInclusive<u64> = 1..=4_096;
/// From the shortest lease to the longest.
const LEASES: RangeInclusive<u64> = 2..=300;

pub(super) static KEYS: [Key; 9] = [
    server::URL_KEY,
    server::USERNAME_KEY,
    server::PASSWORD_KEY,
    server::TOKEN_KEY,
    server::CA_FILE_KEY,
    Key {
        name: NAME,
        about: Cow::Borrowed(
            "The name of the fleet. Collectors share symbols and budgets with those that have the same one. The buckets at \
             the server begin with it.",
        ),
        schema: || json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "default": DEFAULT_NAME}),
        cells: [
            "1 to 64 letters, digits, `-` and `_`",
            "`cryptofeed`",
            "*expected 1 to 64 letters, digits, - and _*",
        ],
    },
    Key {
        name: SHARDS,
        about: Cow::Borrowed(
            "Into how many parts the symbols are divided. All collectors of a fleet need the same number; 64 are for up to \
             16 collectors.",
        ),
        schema: || whole_number_or(&SHARD_COUNTS, 64),
        cells: [
            "whole number, 1 to 4096",
            "64",
            "*expected a whole number from 1 to 4096*, *the fleet has … shards* when it is joined",
        ],
    },
    Key {
        name: LEASE,
        about: Cow::Borrowed(
            "How long a collector has its symbols after it was heard of last. All collectors of a fleet need the same \
             time.",
        ),
        schema: || whole_number_or(&LEASES, 10),
        cells: [
            "whole number, 2 to 300",
            "10",
            "*expected a whole number from 2 to 300*, *the fleet has leases of …* when it is joined",
        ],
    },
    Key {
        name: COLLECTOR,
        about: Cow::Borrowed(
            "What this collector is called in logs and at the server. Each run has letters of its own behind that.",
        ),
        schema: || json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
        cells: [
            "1 to 64 letters, digits, `-` and `_`",
            "the name of the machine",
            "*expected 1 to 64 letters, digits, - and _*",
        ],
    },
];

pub(super) fn schema() -> Value {
    table(&KEYS)
}

/// The fleet to be part of.
#[derive(Debug, Clone)]
pub(crate) struct FleetSettings {
    pub(crate) server: NatsServer,
    pub(crate) name: String,
    pub(crate) shards: ShardCount,
    pub(crate) terms: Terms,
    collector: Option<String>,
    origins: Origins,
}

/// What set the settings. `None` for a default.
#[derive(Debug, Clone, Default)]
struct Origins {
    url: Option<Origin>,
    login: Option<Origin>,
    ca_file: Option<Origin>,
    name: Option<Origin>,
    shards: Option<Origin>,
    lease: Option<Origin>,
    collector: Option<Origin>,
}

/// The same settings, whatever set them.
impl PartialEq for FleetSettings {
    fn eq(&self, other: &Self) -> bool {
        let parts = |it: &Self| (it.shards, it.terms);
        self.server == other.server
            && self.name == other.name
            && self.collector == other.collector
            && parts(self) == parts(other)
    }
}

/// One setting, for `check`.
#[derive(Debug, Serialize)]
pub(crate) struct FleetSetting {
    pub(crate) value: Value,
    /// What set it; `None` for the default.
    pub(crate) set_by: Option<Origin>,
}

impl FleetSettings {
    /// The fleet at `url`, with defaults.
    fn at(url: NatsUrl) -> Self {
        Self {
            server: NatsServer {
                url,
                login: NatsLogin::None,
                ca_file: None,
            },
            name: DEFAULT_NAME.to_owned(),
            shards: ShardCount::default(),
            terms: Terms::default(),
            collector: None,
            origins: Origins::default(),
        }
    }

    /// What is `configured`, at the server that the command line gives, if it does.
    pub(crate) fn given(configured: Option<&Self>, url: Option<&NatsUrl>) -> Option<Self> {
        match (configured.cloned(), url.cloned()) {
            (configured, None) => configured,
            (None, Some(url)) => Some(Self::at(url)),
            (Some(mut fleet), Some(url)) => {
                fleet.server.url = url;
                Some(fleet)
            }
        }
    }

    /// An id for this run.
    pub(crate) fn new_run(&self) -> CollectorId {
        let name = self.collector.clone();
        CollectorId::new_run_of(&name.unwrap_or_else(machine))
    }

    /// Each setting by its key, without secrets. The login stands for those that it consists of.
    pub(crate) fn rows(&self) -> [(&'static str, FleetSetting); 7] {
        let row = |value: Value, set_by: &Option<Origin>| FleetSetting {
            value,
            set_by: set_by.clone(),
        };
        let Self {
            server,
            origins,
            collector,
            ..
        } = self;
        let login = match server.login {
            NatsLogin::None => "none",
            NatsLogin::Password { .. } => "password",
            NatsLogin::Token(_) => "token",
        };
        let ca_file = server.ca_file.as_ref().map(|it| it.display().to_string());
        let collector = collector.clone().unwrap_or_else(machine);
        [
            (
                server::URL,
                row(server.url.to_string().into(), &origins.url),
            ),
            ("login", row(login.into(), &origins.login)),
            (server::CA_FILE, row(ca_file.into(), &origins.ca_file)),
            (NAME, row(self.name.as_str().into(), &origins.name)),
            (SHARDS, row(self.shards.value().into(), &origins.shards)),
            (
                LEASE,
                row(self.terms.lease().as_secs().into(), &origins.lease),
            ),
            (COLLECTOR, row(collector.into(), &origins.collector)),
        ]
    }
}

pub(super) fn read(section: &Node<'_>) -> Option<FleetSettings> {
    let fields = section.table(&names(&KEYS))?;
    // Each reports its own error.
    let server = server::read(&fields, section);
    let (name, collector) = (text(&fields, NAME), text(&fields, COLLECTOR));
    let number = |key: &str, range: RangeInclusive<u64>| match fields.field(key) {
        Some(node) => node.integer(range).map(Some),
        None => Some(None),
    };
    let (shards, lease) = (number(SHARDS, SHARD_COUNTS), number(LEASE, LEASES));
    let default = FleetSettings::at(server.as_ref()?.url.clone());
    let shards = shards?.and_then(|it| ShardCount::new(u16::try_from(it).ok()?));
    let terms = lease?.and_then(|it| Terms::new(Duration::from_secs(it)));
    let origin = |key: &str| fields.field(key)?.origin();
    Some(FleetSettings {
        server: server?,
        name: name?.unwrap_or(default.name),
        shards: shards.unwrap_or(default.shards),
        terms: terms.unwrap_or(default.terms),
        collector: collector?,
        origins: Origins {
            url: origin(server::URL),
            login: origin(server::PASSWORD).or_else(|| origin(server::TOKEN)),
            ca_file: origin(server::CA_FILE),
            name: origin(NAME),
            shards: origin(SHARDS),
            lease: origin(LEASE),
            collector: origin(COLLECTOR),
        },
    })
}

fn text(fields: &Table<'_>, key: &str) -> Option<Option<String>> {
    let Some(node) = fields.field(key) else {
        return Some(None);
    };
    let text = node.parse(|text| match NatsStream::is_name(text) {
        true => Ok(text.to_owned()),
        false => Err(EXPECTED_NAME),
    });
    text.map(Some)
}

/// The name of this machine, as far as it is told.
fn machine() -> String {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let named = told.or_else(|_| std::env::var("HOSTNAME"));
    let name = named.unwrap_or_default().trim().to_owned();
    match name.is_empty() {
        true => "collector".to_owned(),
        false => name,
    }
}
