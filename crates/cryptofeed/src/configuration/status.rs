//! The section `status`.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use ::status::{Guard, InvalidToken, PATIENCE, Token};
use proxy_config::{Node, Table};
use serde_json::{Value, json};

use super::keys::{Key, names, table};

pub(super) const SECTION: &str = "status";

const LISTEN: &str = "listen";
const TOKEN_FILE: &str = "token_file";
const INSECURE: &str = "insecure";
const HOSTS: &str = "hosts";
const READY: &str = "ready_after_seconds";
const PER_SYMBOL: &str = "metrics_per_symbol";

const EXPECTED_ADDRESS: &str = "expected an address and a port, such as 127.0.0.1:9464";

/// The error for an address that others can reach.
pub(crate) const UNPROTECTED: &str = "other machines can reach this address; set `status.token_file`, or `status.insecure: true` if \
     something else keeps strangers away";

const MOST_SECONDS: u64 = 3600;

pub(super) static KEYS: [Key; 6] = [
    Key {
        name: LISTEN,
        about: Cow::Borrowed(
            "Where `run` tells what it is doing: an address of this machine and a port. `--status` takes precedence.",
        ),
        schema: || json!({"type": "string", "pattern": "^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]+$"}),
        cells: [
            "address and port, such as `127.0.0.1:9464`",
            "nowhere",
            "*expected an address and a port, …*, *other machines can reach this address*",
        ],
    },
    Key {
        name: TOKEN_FILE,
        about: Cow::Borrowed(
            "File with the token that readers must know, 16 characters or more. Required for any address but a loopback one. A relative path starts from the folder of the file that contains it.",
        ),
        schema: || json!({"type": ["string", "number", "boolean"], "minLength": 1}),
        cells: [
            "path of a file",
            "none",
            "*could not be read*, *cannot be used: expected …*",
        ],
    },
    Key {
        name: INSECURE,
        about: Cow::Borrowed(
            "Whether everybody who reaches the address may read, without a token, where that is another than a loopback one.",
        ),
        schema: boolean,
        cells: ["boolean", "`false`", ""],
    },
    Key {
        name: HOSTS,
        about: Cow::Borrowed(
            "Names by which readers call this machine, beside its addresses and `localhost`, as a list or with commas. Requests for any other name are refused.",
        ),
        schema: || {
            json!({
                "type": ["array", "string"],
                "items": {"type": "string", "pattern": "^\\s*[A-Za-z0-9._-]+\\s*$"},
                "minItems": 1,
                "minLength": 1,
            })
        },
        cells: [
            "list, or text with commas, of names",
            "none",
            "*expected names of machines, without ports*",
        ],
    },
    Key {
        name: READY,
        about: Cow::Borrowed(
            "How long an exchange may be without data or a connection, and a book not be true, before `/ready` answers that it is not.",
        ),
        schema: || {
            json!({
                "type": ["integer", "string"],
                "minimum": 1,
                "maximum": MOST_SECONDS,
                "pattern": "^[0-9]+$",
                "default": PATIENCE.as_secs(),
            })
        },
        cells: [
            "whole number, 1 to 3600",
            "30",
            "*expected a whole number from 1 to 3600*",
        ],
    },
    Key {
        name: PER_SYMBOL,
        about: Cow::Borrowed(
            "Whether `/metrics` tells each symbol and channel apart, too: four series each.",
        ),
        schema: boolean,
        cells: ["boolean", "`false`", ""],
    },
];

fn boolean() -> Value {
    json!({
        "enum": [true, false, "true", "false", "yes", "no", "on", "off", "1", "0", 1, 0],
        "default": false,
    })
}

pub(super) fn schema() -> Value {
    table(&KEYS)
}

/// Where and to whom `run` tells what it is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusSettings {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) token: Option<Token>,
    pub(crate) is_insecure: bool,
    hosts: Vec<String>,
    /// How long something may be wrong before the program is not ready.
    pub(crate) patience: Duration,
    /// Whether metrics tell symbols apart.
    pub(crate) metrics_per_symbol: bool,
}

impl Default for StatusSettings {
    fn default() -> Self {
        Self {
            listen: None,
            token: None,
            is_insecure: false,
            hosts: Vec::new(),
            patience: PATIENCE,
            metrics_per_symbol: false,
        }
    }
}

impl StatusSettings {
    /// Whether strangers are kept away from `address`.
    pub(crate) fn protects(&self, address: SocketAddr) -> bool {
        self.token.is_some() || self.is_insecure || address.ip().to_canonical().is_loopback()
    }

    /// Who may read.
    pub(crate) fn guard(&self) -> Guard {
        let guard = Guard::open().with_hosts(self.hosts.iter().cloned());
        match &self.token {
            Some(token) => guard.with_token(token.clone()),
            None => guard,
        }
    }
}

pub(super) fn read(section: &Node<'_>) -> Option<StatusSettings> {
    let fields = section.table(&names(&KEYS))?;
    // Each reports its own error.
    let listen = optional(&fields, LISTEN, |node| {
        node.parse(|text| text.parse().map_err(|_| EXPECTED_ADDRESS))
    });
    let token = optional(&fields, TOKEN_FILE, token);
    let is_insecure = optional(&fields, INSECURE, Node::boolean);
    let hosts = optional(&fields, HOSTS, hosts);
    let seconds = optional(&fields, READY, |node| node.integer(1..=MOST_SECONDS));
    let metrics_per_symbol = optional(&fields, PER_SYMBOL, Node::boolean);
    let settings = StatusSettings {
        listen: listen?,
        token: token?,
        is_insecure: is_insecure?.unwrap_or_default(),
        hosts: hosts?.unwrap_or_default(),
        patience: seconds?.map_or(PATIENCE, Duration::from_secs),
        metrics_per_symbol: metrics_per_symbol?.unwrap_or_default(),
    };
    if let Some(address) = settings.listen
        && !settings.protects(address)
    {
        fields.field(LISTEN)?.report(UNPROTECTED);
        return None;
    }
    Some(settings)
}

/// `None` if there is an error.
fn optional<'a, T>(
    fields: &Table<'a>,
    key: &str,
    read: impl FnOnce(&Node<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match fields.field(key) {
        Some(node) => read(&node).map(Some),
        None => Some(None),
    }
}

fn token(file: &Node<'_>) -> Option<Token> {
    let content = file.read_file()?;
    let text = std::str::from_utf8(&content).map_err(|_| InvalidToken::Unsendable);
    match text.and_then(Token::parse) {
        Ok(token) => Some(token),
        Err(error) => {
            file.report(format_args!("cannot be used: {error}"));
            None
        }
    }
}

fn hosts(node: &Node<'_>) -> Option<Vec<String>> {
    super::feeds::items(node, "expected names of machines, without ports", |text| {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (!text.is_empty() && text.bytes().all(is_name)).then(|| text.to_owned())
    })
}
