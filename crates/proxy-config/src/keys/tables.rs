//! The tables of the `proxy` section, one entry for each key.
//!
//! A key whose field stands for itself needs its entry and nothing else. One that is read together
//! with others ([`Field::Joint`]) has a reader in the loader, which knows it by its [name](super::names).

use super::names::{
    CA_FILE, CHOICE, DEFAULT, ENABLED, EXCHANGES, FROM_ENV, PASSWORD, PASSWORD_FILE, PROXIES,
    TIMEOUT_SECONDS, TRUST, URL, USERNAME, VIA,
};
use super::said::said;
use super::{Content, Entry, Field, Key, Replaces, Said, Words};
use crate::ca_file::CaFile;
use crate::connection_proxies::{ConnectionProxies, ProxyRule};
use crate::dial_options::{self, DialOptions};
use crate::handshake_mode::HandshakeMode;
use crate::pool::{DEFAULT_WEIGHT, PoolConfig, PoolMember, PoolStrategy, WEIGHT};
use crate::proxy_server::ProxyServer;
use crate::settings::ProxySettings;
use crate::transport::Transport;

/// The section.
pub(crate) static SETTINGS: [Entry<ProxySettings>; 5] = [
    Entry {
        key: Key {
            absent: "none",
            wrong: "*there are rules, and nothing says whether they apply*; with `true` and no rule \
                    anywhere: *enabled, but no proxy is configured*",
            ..Key::new(
                ENABLED,
                Content::Boolean { default: false },
                "Whether proxies are used at all. Has to be said where any other key of the \
                 section is.",
            )
        },
        field: Field::Boolean {
            get: |settings| settings.says_enabled().then(|| settings.is_enabled()),
            set: ProxySettings::with_enabled,
        },
    },
    Entry {
        key: Key::new(
            "strict",
            Content::Boolean { default: false },
            "Whether a connection that no rule applies to is refused instead of made directly.",
        ),
        field: Field::Boolean {
            get: |settings| settings.says_strict().then(|| settings.is_strict()),
            set: ProxySettings::with_strict,
        },
    },
    Entry {
        key: Key::new(
            DEFAULT,
            Content::ConnectionProxies,
            "What applies where an exchange has no rule of its own.",
        ),
        field: Field::Joint {
            get: |settings| settings.default_proxies().said(),
        },
    },
    Entry {
        key: Key {
            wrong: "*an exchange id consists of …*, *the exchange is given twice*; in the command, \
                    *unknown exchange*",
            ..Key::new(
                EXCHANGES,
                Content::Exchanges,
                "Rules of single exchanges, by exchange id. Case makes no difference.",
            )
        },
        field: Field::Joint {
            get: |settings| {
                let exchanges = settings.exchanges();
                Said::table(
                    exchanges.filter_map(|(id, proxies)| Some((id.as_str(), proxies.said()?))),
                )
            },
        },
    },
    Entry {
        key: Key {
            wrong: "a variable for all programs that is no proxy URL",
            ..Key::new(
                FROM_ENV,
                Content::Boolean { default: false },
                "Whether HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY apply after the default.",
            )
        },
        field: Field::Joint {
            get: |settings| {
                let is_wanted = settings.ambient().is_some();
                (settings.says_enabled() || is_wanted).then_some(Said::Boolean(is_wanted))
            },
        },
    },
];

/// The rules of both transports.
pub(crate) static CONNECTION_PROXIES: [Entry<ConnectionProxies>; 2] = [
    Entry {
        key: Key {
            alias: Some("rest"),
            absent: "inherited",
            wrong: BOTH_NAMES,
            ..Key::new(
                Transport::Http.as_str(),
                Content::ProxyRule,
                "The rule for REST requests.",
            )
        },
        field: Field::Joint {
            get: |proxies| proxies.http().map(ProxyRule::said),
        },
    },
    Entry {
        key: Key {
            alias: Some("ws"),
            absent: "inherited",
            wrong: BOTH_NAMES,
            ..Key::new(
                Transport::WebSocket.as_str(),
                Content::ProxyRule,
                "The rule for WebSocket streams.",
            )
        },
        field: Field::Joint {
            get: |proxies| proxies.websocket().map(ProxyRule::said),
        },
    },
];

const BOTH_NAMES: &str = "both names: *… is given as well and means the same*";

/// Where a proxy is.
pub(crate) static URL_KEY: [Entry<ProxyServer>; 1] = [Entry {
    key: Key {
        absent: "required",
        wrong: "see [proxy URLs](#proxy-urls)",
        replaces: Replaces::Keys(&[CHOICE]),
        ..Key::new(
            URL,
            Content::Url,
            "Where the proxy is: scheme://host:port, or scheme://user:password@host:port with the \
             user name and the password percent-encoded.",
        )
    },
    field: Field::Joint {
        get: |server| Some(Said::Url(server.url())),
    },
}];

/// What else one proxy has.
pub(crate) static SERVER: [Entry<ProxyServer>; 6] = [
    Entry {
        key: Key {
            wrong: "*`url` has credentials as well*; what the protocol cannot carry",
            ..Key::new(
                USERNAME,
                Content::Text,
                "The user name for the proxy as it is, instead of one in the URL.",
            )
        },
        field: IN_URL,
    },
    Entry {
        key: Key {
            wrong: "*`username` is missing*, *`password` is given as well*",
            replaces: Replaces::Keys(&[PASSWORD_FILE]),
            ..Key::new(
                PASSWORD,
                Content::Text,
                "The password that goes with `username`, as it is.",
            )
        },
        field: IN_URL,
    },
    Entry {
        key: Key {
            wrong: "*could not be read*, *is empty*, *is too large for a password* (64 KiB), \
                    *is UTF-16*",
            replaces: Replaces::Keys(&[PASSWORD]),
            ..Key::new(
                PASSWORD_FILE,
                Content::File,
                "File that holds the password that goes with `username`; newlines at its end do \
                 not count. A relative path starts from the folder of the file that has it.",
            )
        },
        field: IN_URL,
    },
    Entry {
        key: Key {
            wrong: "*only an https proxy proves who it is*",
            ..Key::new(
                TRUST,
                Content::Tls,
                "Whom to trust that an https proxy is the right one.",
            )
        },
        field: Field::Joint {
            get: |server| Some(Said::Table(said(&TLS, server.authorities()?).collect())),
        },
    },
    Entry {
        key: Key::new(
            "handshake",
            Content::Word(|| words(HandshakeMode::ALL, HandshakeMode::as_str)),
            "How much is sent before the proxy has answered: one step at a time, everything in \
             one flight, or what turns out to work.",
        ),
        field: Field::Word {
            get: |server| {
                let mode = server.handshake();
                (mode != HandshakeMode::default()).then(|| mode.as_str())
            },
            set: |server, word| {
                named(word, HandshakeMode::ALL, HandshakeMode::as_str)
                    .map(|mode| server.with_handshake(mode))
            },
        },
    },
    Entry {
        key: Key {
            wrong: "*it concerns the socket that this machine opens*, for a proxy behind `via`",
            is_of_socket: true,
            ..Key::new(
                "quick_ack",
                Content::Boolean { default: false },
                "Whether what the proxy sends is acknowledged at once, for one that waits for that \
                 before it sends more. Linux only.",
            )
        },
        field: Field::Boolean {
            get: |server| server.quick_ack().then_some(true),
            set: ProxyServer::with_quick_ack,
        },
    },
];

/// That of a login, which the URL has in the end.
const IN_URL: Field<ProxyServer> = Field::Joint { get: |_| None };

/// Whom to trust.
pub(crate) static TLS: [Entry<CaFile>; 1] = [Entry {
    key: Key {
        absent: "required",
        wrong: "*could not be read*",
        ..Key::new(
            CA_FILE,
            Content::File,
            "PEM file of certificate authorities that may vouch for this proxy, beside those that \
             are trusted anyway. A relative path starts from the folder of the file that has it.",
        )
    },
    field: Field::Joint {
        get: |file| Some(Said::File(file.path())),
    },
}];

/// What a dial has, whatever proxy it ends with.
pub(crate) static DIAL: [Entry<DialOptions>; 1] = [Entry {
    key: Key::new(
        TIMEOUT_SECONDS,
        Content::Integer {
            range: dial_options::TIMEOUT_SECONDS,
            default: dial_options::DEFAULT_TIMEOUT_SECONDS,
        },
        "How long a whole dial through the proxy may take.",
    ),
    field: Field::Integer {
        get: |options| Some(options.timeout_seconds()),
        set: |mut options, seconds| {
            options.set_timeout_seconds(seconds).ok()?;
            Some(options)
        },
    },
}];

/// The way to a proxy, or to one of several.
pub(crate) static ROUTE: [Entry<DialOptions>; 2] = [
    Entry {
        key: Key {
            wrong: "a SOCKS4 proxy before one at an IPv6 address",
            ..Key::new(
                VIA,
                Content::List(&Content::Server),
                "Proxies to pass on the way to this one, the nearest first.",
            )
        },
        field: Field::Joint {
            get: |options| Said::list(options.via.iter().map(ProxyServer::said)),
        },
    },
    Entry {
        key: Key {
            wrong: "*`pool` is given as well*",
            replaces: Replaces::Server,
            ..Key::new(
                CHOICE,
                Content::Pool,
                "Proxies to choose from for each connection, in place of `url` and what belongs \
                 to it.",
            )
        },
        // A pool's own.
        field: Field::Joint { get: |_| None },
    },
];

/// Proxies to choose from.
pub(crate) static POOL: [Entry<PoolConfig>; 2] = [
    Entry {
        key: Key::new(
            "strategy",
            Content::Word(|| words(PoolStrategy::ALL, PoolStrategy::as_str)),
            "How to choose: in turns, by chance, or the proxy that is least busy.",
        ),
        field: Field::Word {
            get: |pool| Some(pool.strategy().as_str()),
            set: |pool, word| {
                named(word, PoolStrategy::ALL, PoolStrategy::as_str)
                    .map(|strategy| pool.with_strategy(strategy))
            },
        },
    },
    Entry {
        key: Key {
            absent: "required",
            wrong: "*a pool needs at least one proxy that is enabled*, *the proxy is listed twice*",
            ..Key::new(
                PROXIES,
                Content::List(&Content::Member),
                "The proxies to choose from, of which at least one is enabled.",
            )
        },
        field: Field::Joint {
            get: |pool| Said::list(pool.members().iter().map(PoolMember::said)),
        },
    },
];

/// What a proxy has as one of a pool.
pub(crate) static MEMBER: [Entry<PoolMember>; 2] = [
    Entry {
        key: Key::new(
            "weight",
            Content::Integer {
                range: WEIGHT,
                default: DEFAULT_WEIGHT,
            },
            "How much of the work this proxy gets, compared with the others of the pool.",
        ),
        field: Field::Integer {
            get: |member| Some(member.weight()),
            set: |member, weight| member.with_weight(weight).ok(),
        },
    },
    Entry {
        key: Key::new(
            "enabled",
            Content::Boolean { default: true },
            "Whether this proxy can be chosen.",
        ),
        field: Field::Boolean {
            get: |member| Some(member.is_enabled()),
            set: PoolMember::with_enabled,
        },
    },
];

fn words<T: Copy + Default, const N: usize>(all: [T; N], as_str: fn(T) -> &'static str) -> Words {
    Words {
        all: all.map(as_str).to_vec(),
        default: as_str(T::default()),
    }
}

fn named<T: Copy, const N: usize>(
    word: &str,
    all: [T; N],
    as_str: fn(T) -> &'static str,
) -> Option<T> {
    all.into_iter().find(|one| as_str(*one) == word)
}
