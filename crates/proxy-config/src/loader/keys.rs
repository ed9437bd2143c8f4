//! The keys of the `proxy` section. The readers of files and of variables and the JSON Schema are
//! all made from this one description.

use std::ops::RangeInclusive;

use crate::dial_options::{DEFAULT_TIMEOUT_SECONDS, TIMEOUT_SECONDS};
use crate::pool::{DEFAULT_WEIGHT, WEIGHT};
use crate::transport::Transport;

/// A key, and what it is for.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Another name that users have for it.
    pub(crate) alias: Option<&'static str>,
    pub(crate) content: Content,
    /// For whoever writes a configuration, in one or two sentences.
    pub(crate) about: &'static str,
}

/// What may stand somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// The whole section; a text is the URL of the proxy for everything.
    Settings,
    Boolean {
        default: bool,
    },
    /// A whole number.
    Integer {
        range: RangeInclusive<u64>,
        default: u64,
    },
    /// A text that is taken as it is.
    Text,
    /// The path of a file.
    File,
    /// The URL of a proxy.
    Url,
    /// [`ConnectionProxies`](Self::ConnectionProxies) by the ids of exchanges.
    Exchanges,
    /// What applies to both transports; a text is a rule for both.
    ConnectionProxies,
    /// What applies to one transport: `direct`, a URL, or a table.
    ProxyRule,
    /// What stands in a list of these; a URL is short for a list of one.
    List(&'static Self),
    /// One proxy: a URL, or a table.
    Server,
    /// Proxies to choose from.
    Pool,
    /// One proxy of a pool: a URL, or a table.
    Member,
    /// The word for a [`PoolStrategy`](crate::PoolStrategy).
    Strategy,
    /// The word for a [`HandshakeMode`](crate::HandshakeMode).
    Handshake,
    /// Whom to trust.
    Tls,
}

impl Content {
    /// The keys that a table has here.
    pub(crate) fn keys(&self) -> &'static [Key] {
        match self {
            Self::Settings => &SETTINGS,
            Self::ConnectionProxies => &CONNECTION_PROXIES,
            Self::ProxyRule => &PROXY_RULE,
            Self::Server => &SERVER,
            Self::Pool => &POOL,
            Self::Member => &MEMBER,
            Self::Tls => &TLS,
            Self::Boolean { .. }
            | Self::Integer { .. }
            | Self::Text
            | Self::File
            | Self::Url
            | Self::Strategy
            | Self::Handshake
            | Self::Exchanges
            | Self::List(_) => &[],
        }
    }

    /// The names of [`keys`](Self::keys), other names included.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let names = |key: &Key| [Some(key.name), key.alias];
        self.keys().iter().flat_map(names).flatten().collect()
    }

    /// What stands under `key` here, and the name by which we know the key.
    pub(crate) fn child<'a>(&self, key: &'a str) -> Option<(&'a str, &'static Self)> {
        match self {
            Self::Exchanges => Some((key, &Self::ConnectionProxies)),
            Self::List(item) => index(key).map(|_| (key, *item)),
            _ => {
                let is_named = |known: &&Key| known.name == key || known.alias == Some(key);
                let known = self.keys().iter().find(is_named)?;
                Some((known.name, &known.content))
            }
        }
    }

    /// Whether only a single text can stand here.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(
            self,
            Self::Boolean { .. }
                | Self::Integer { .. }
                | Self::Text
                | Self::File
                | Self::Url
                | Self::Strategy
                | Self::Handshake
        )
    }
}

/// Whether any table of the section has a key of that name.
pub(crate) fn is_key(name: &str) -> bool {
    let tables: [&[Key]; 7] = [
        &SETTINGS,
        &CONNECTION_PROXIES,
        &PROXY_RULE,
        &SERVER,
        &POOL,
        &MEMBER,
        &TLS,
    ];
    let mut keys = tables.into_iter().flatten();
    keys.any(|key| key.name == name || key.alias == Some(name))
}

/// The place in a list that `key` names, counted from 0.
pub(crate) fn index(key: &str) -> Option<usize> {
    let is_canonical = key == "0" || !key.starts_with(['0', '+']);
    key.parse().ok().filter(|_| is_canonical)
}

/// The key that says whether the rest of the section counts.
pub(crate) const ENABLED: &str = "enabled";

static SETTINGS: [Key; 5] = [
    Key {
        name: ENABLED,
        alias: None,
        content: Content::Boolean { default: false },
        about: "Whether proxies are used at all. Has to be said where any other key of the section is.",
    },
    Key {
        name: "strict",
        alias: None,
        content: Content::Boolean { default: false },
        about: "Whether a connection that no rule applies to is refused instead of made directly.",
    },
    Key {
        name: "default",
        alias: None,
        content: Content::ConnectionProxies,
        about: "What applies where an exchange has no rule of its own.",
    },
    Key {
        name: "exchanges",
        alias: None,
        content: Content::Exchanges,
        about: "Rules of single exchanges, by exchange id. Case makes no difference.",
    },
    Key {
        name: "from_env",
        alias: None,
        content: Content::Boolean { default: false },
        about: "Whether HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY apply after the default.",
    },
];

static CONNECTION_PROXIES: [Key; 2] = [
    Key {
        name: Transport::Http.as_str(),
        alias: Some("rest"),
        content: Content::ProxyRule,
        about: "The rule for REST requests.",
    },
    Key {
        name: Transport::WebSocket.as_str(),
        alias: Some("ws"),
        content: Content::ProxyRule,
        about: "The rule for WebSocket streams.",
    },
];

static PROXY_RULE: [Key; 10] = [
    URL,
    Key {
        name: "timeout_seconds",
        alias: None,
        content: Content::Integer {
            range: TIMEOUT_SECONDS,
            default: DEFAULT_TIMEOUT_SECONDS,
        },
        about: "How long a whole dial through the proxy may take.",
    },
    USERNAME,
    PASSWORD,
    PASSWORD_FILE,
    TRUST,
    HANDSHAKE,
    QUICK_ACK,
    Key {
        name: "via",
        alias: None,
        content: Content::List(&Content::Server),
        about: "Proxies to pass on the way to this one, the nearest first.",
    },
    Key {
        name: "pool",
        alias: None,
        content: Content::Pool,
        about: "Proxies to choose from for each connection, in place of `url` and what belongs to \
                it.",
    },
];

static SERVER: [Key; 7] = [
    URL,
    USERNAME,
    PASSWORD,
    PASSWORD_FILE,
    TRUST,
    HANDSHAKE,
    QUICK_ACK,
];

static POOL: [Key; 2] = [
    Key {
        name: "strategy",
        alias: None,
        content: Content::Strategy,
        about: "How to choose: in turns, by chance, or the proxy that is least busy.",
    },
    Key {
        name: "proxies",
        alias: None,
        content: Content::List(&Content::Member),
        about: "The proxies to choose from, of which at least one is enabled.",
    },
];

static MEMBER: [Key; 9] = [
    URL,
    USERNAME,
    PASSWORD,
    PASSWORD_FILE,
    TRUST,
    HANDSHAKE,
    QUICK_ACK,
    Key {
        name: "weight",
        alias: None,
        content: Content::Integer {
            range: WEIGHT,
            default: DEFAULT_WEIGHT,
        },
        about: "How much of the work this proxy gets, compared with the others of the pool.",
    },
    Key {
        name: "enabled",
        alias: None,
        content: Content::Boolean { default: true },
        about: "Whether this proxy can be chosen.",
    },
];

static TLS: [Key; 1] = [Key {
    name: "ca_file",
    alias: None,
    content: Content::File,
    about: "PEM file of certificate authorities that may vouch for this proxy, beside those that \
            are trusted anyway. A relative path starts from the folder of the file that has it.",
}];

const URL: Key = Key {
    name: "url",
    alias: None,
    content: Content::Url,
    about: "Where the proxy is: scheme://host:port, or scheme://user:password@host:port with the \
            user name and the password percent-encoded.",
};

const USERNAME: Key = Key {
    name: "username",
    alias: None,
    content: Content::Text,
    about: "The user name for the proxy as it is, instead of one in the URL.",
};

const PASSWORD: Key = Key {
    name: "password",
    alias: None,
    content: Content::Text,
    about: "The password that goes with `username`, as it is.",
};

const PASSWORD_FILE: Key = Key {
    name: "password_file",
    alias: None,
    content: Content::File,
    about: "File that holds the password that goes with `username`; newlines at its end do not \
            count. A relative path starts from the folder of the file that has it.",
};

const TRUST: Key = Key {
    name: "tls",
    alias: None,
    content: Content::Tls,
    about: "Whom to trust that an https proxy is the right one.",
};

const HANDSHAKE: Key = Key {
    name: "handshake",
    alias: None,
    content: Content::Handshake,
    about: "How much is sent before the proxy has answered: one step at a time, everything in one \
            flight, or what turns out to work.",
};

const QUICK_ACK: Key = Key {
    name: "quick_ack",
    alias: None,
    content: Content::Boolean { default: false },
    about: "Whether what the proxy sends is acknowledged at once, for one that waits for that \
            before it sends more. Linux only.",
};
