//! The keys of the `proxy` section.
//!
//! The [`tables`] are their only definition. The readers of files, variables and settings in code,
//! the serialized form of settings, errors, the JSON Schema and the tables in the documentation are
//! all made from them.

mod entry;
pub(crate) mod names;
mod said;
mod tables;

#[cfg(test)]
mod documentation;

use std::ops::RangeInclusive;

pub(crate) use self::entry::{Entry, Field};
use self::names::{CHOICE, EGRESS, TIMEOUT_SECONDS, VIA};
pub(crate) use self::said::{Said, said};
pub(crate) use self::tables::{
    BREAKER, CONNECTION_PROXIES, DIAL, DIRECT_EXIT, DIRECT_KEY, EGRESS_KEY, HEALTH_CHECK, MEMBER,
    POOL, ROUTE, SERVER, SETTINGS, SOURCE, TLS, URL_KEY,
};
use crate::connection_proxies::DIRECT;

/// A key, and what it is for.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Another name for it.
    pub(crate) alias: Option<&'static str>,
    pub(crate) content: Content,
    /// Its documentation for users, in one or two sentences.
    pub(crate) about: &'static str,
    /// The effect of leaving it out, if that is not the default of its content.
    pub(crate) absent: &'static str,
    /// Its errors, in addition to those of its content.
    pub(crate) wrong: &'static str,
    /// The keys that it replaces: a source that sets it unsets these, and a source that sets it
    /// together with one of these is wrong.
    pub(crate) replaces: Replaces,
    /// Whether it concerns the socket that this machine opens, and so the first proxy only.
    pub(crate) is_of_socket: bool,
}

/// The keys that another key replaces.
pub(crate) enum Replaces {
    Keys(&'static [&'static str]),
    /// All keys of one proxy as an exit, and `direct`.
    Server,
    /// All keys of one proxy, of a pool, and of the way to them.
    Way,
}

/// The kinds of values.
#[derive(Debug, Clone)]
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
    /// Text that is not decoded: a part of a login.
    Text,
    /// [`Text`](Self::Text) by the names of headers.
    Headers,
    /// The path of a file.
    File,
    /// An address of this machine, or a network interface.
    Bind,
    /// An IP address.
    Address,
    /// The URL of a proxy.
    Url,
    /// One of several words.
    Word(fn() -> Words),
    /// [`ConnectionProxies`](Self::ConnectionProxies) by the ids of exchanges.
    Exchanges,
    /// The rules of both transports: a rule for each, or one rule for both.
    ConnectionProxies,
    /// The rule of one transport: `direct`, a URL, or a table.
    ProxyRule,
    /// A list of these; a URL is short for a list of one.
    List(&'static Self),
    /// One proxy: a URL, or a table.
    Server,
    /// Proxies to choose from.
    Pool,
    /// One proxy of a pool: a URL, or a table.
    Member,
    /// Where a pool gets its proxies from.
    Source,
    /// Where something is fetched.
    HttpUrl,
    /// The way to a list of proxies: `direct`, or one proxy as a URL or a table.
    ListRoute,
    /// A name that the program has chosen.
    Name,
    /// When a pool stops using a member.
    Breaker,
    /// How the members of a pool are checked.
    HealthCheck,
    /// Direct connections from a local address.
    Direct,
    /// Certificate authorities.
    Tls,
}

/// All contents that have keys.
const TABLES: [Content; 11] = [
    Content::Settings,
    Content::ConnectionProxies,
    Content::ProxyRule,
    Content::Server,
    Content::Pool,
    Content::Member,
    Content::Source,
    Content::Breaker,
    Content::HealthCheck,
    Content::Direct,
    Content::Tls,
];

impl Content {
    /// The keys of such a table.
    pub(crate) fn keys(&self) -> Vec<&'static Key> {
        match self {
            Self::Settings => of(&SETTINGS),
            Self::ConnectionProxies => of(&CONNECTION_PROXIES),
            Self::ProxyRule => [
                of(&URL_KEY),
                of(&DIAL),
                of(&SERVER),
                of(&EGRESS_KEY),
                of(&ROUTE),
                of(&DIRECT_KEY),
            ]
            .concat(),
            Self::Server | Self::ListRoute => [of(&URL_KEY), of(&SERVER)].concat(),
            Self::Member => [
                of(&URL_KEY),
                of(&SERVER),
                of(&EGRESS_KEY),
                of(&MEMBER),
                of(&DIRECT_KEY),
            ]
            .concat(),
            Self::Pool => of(&POOL),
            Self::Source => of(&SOURCE),
            Self::Breaker => of(&BREAKER),
            Self::HealthCheck => of(&HEALTH_CHECK),
            Self::Direct => of(&DIRECT_EXIT),
            Self::Tls => of(&TLS),
            Self::Boolean { .. }
            | Self::Integer { .. }
            | Self::Text
            | Self::File
            | Self::Bind
            | Self::Address
            | Self::Url
            | Self::HttpUrl
            | Self::Name
            | Self::Word(_)
            | Self::Exchanges
            | Self::Headers
            | Self::List(_) => Vec::new(),
        }
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        let mut keys = self.keys().into_iter();
        keys.find(|key| key.name == name || key.alias == Some(name))
    }

    /// The content whose keys a table may have instead of its [own](Self::keys).
    pub(crate) fn alternative(&self) -> Option<&'static Self> {
        matches!(self, Self::ConnectionProxies).then_some(&Self::ProxyRule)
    }

    /// The names of [`keys`](Self::keys), other names included.
    fn own_names(&self) -> Vec<&'static str> {
        let names = |key: &'static Key| [Some(key.name), key.alias];
        self.keys().into_iter().flat_map(names).flatten().collect()
    }

    /// The names of all keys that such a table may have.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let alternative = self.alternative().map(Self::own_names);
        [self.own_names(), alternative.unwrap_or_default()].concat()
    }

    /// What stands under `key` here, and the name by which we know the key.
    pub(crate) fn child<'a>(&self, key: &'a str) -> Option<(&'a str, &'static Self)> {
        match self {
            Self::Exchanges => Some((key, &Self::ConnectionProxies)),
            Self::Headers => Some((key, &Self::Text)),
            Self::List(item) => index(key).map(|_| (key, *item)),
            _ => match self.key(key) {
                Some(key) => Some((key.name, &key.content)),
                None => self.alternative()?.child(key),
            },
        }
    }

    /// The keys of this table that `key` replaces.
    pub(crate) fn replaced_by(&self, key: &str) -> Vec<&'static str> {
        let replaced = match self.key(key).map(|key| &key.replaces) {
            Some(Replaces::Keys(names)) => names.to_vec(),
            Some(Replaces::Server) => [Self::Server.names(), vec![DIRECT, EGRESS]].concat(),
            Some(Replaces::Way) => {
                let way = vec![CHOICE, VIA, TIMEOUT_SECONDS, EGRESS];
                [Self::Server.names(), way].concat()
            }
            None => Vec::new(),
        };
        // A table has only some of the keys that `pool` replaces.
        let is_here = |name: &&str| self.key(name).is_some();
        replaced.into_iter().filter(is_here).collect()
    }

    /// Whether one of two keys replaces the other.
    pub(crate) fn are_exclusive(&self, one: &str, other: &str) -> bool {
        let takes = |one, other| self.replaced_by(one).contains(&other);
        let alternative = self.alternative();
        takes(one, other)
            || takes(other, one)
            || alternative.is_some_and(|alternative| alternative.are_exclusive(one, other))
    }

    /// Whether one of two keys is the table's own, and the other one of the
    /// [alternative](Self::alternative).
    pub(crate) fn are_alternatives(&self, one: &str, other: &str) -> bool {
        let is_own = |key| self.key(key).is_some();
        let is_other = |key| self.alternative().is_some_and(|it| it.key(key).is_some());
        (is_own(one) && is_other(other)) || (is_own(other) && is_other(one))
    }

    /// Whether the value is a single text.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(
            self,
            Self::Boolean { .. }
                | Self::Integer { .. }
                | Self::Text
                | Self::File
                | Self::Bind
                | Self::Address
                | Self::Url
                | Self::HttpUrl
                | Self::Name
                | Self::Word(_)
        )
    }
}

/// The words for all values of a type.
pub(crate) struct Words {
    pub(crate) all: Vec<&'static str>,
    pub(crate) default: &'static str,
}

fn of<T>(entries: &'static [Entry<T>]) -> Vec<&'static Key> {
    entries.iter().map(|entry| &entry.key).collect()
}

/// Whether any table of the section has a key of that name.
pub(crate) fn is_key(name: &str) -> bool {
    TABLES.iter().any(|table| table.key(name).is_some())
}

/// Whether the value of a key of that name is a part of a login.
pub(crate) fn is_login(name: &str) -> bool {
    let keys = TABLES.iter().filter_map(|table| table.key(name));
    keys.into_iter()
        .any(|key| matches!(key.content, Content::Text))
}

/// The index in a list that `key` names.
pub(crate) fn index(key: &str) -> Option<usize> {
    // `00` and `+1` would be further names of the same item.
    let is_canonical = key == "0" || !key.starts_with(['0', '+']);
    key.parse().ok().filter(|_| is_canonical)
}

/// The error for a number outside `range`.
pub(crate) fn expected_number(range: &RangeInclusive<u64>) -> String {
    let (least, most) = (range.start(), range.end());
    format!("expected a whole number from {least} to {most}")
}

/// The error for a text that is not one of `words`.
pub(crate) fn expected_word(words: &[&str]) -> String {
    match words {
        [others @ .., last] if !others.is_empty() => {
            format!("expected {} or {last}", others.join(", "))
        }
        _ => format!("expected {}", words.concat()),
    }
}
