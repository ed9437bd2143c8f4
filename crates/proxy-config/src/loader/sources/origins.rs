//! What set the values of a rule.

use config::{Value, ValueKind};
use serde::{Serialize, Serializer};

use crate::connection_proxies::{DIRECT, ProxyRule};
use crate::keys::index;
use crate::keys::names::{CHOICE, PASSWORD, PASSWORD_FILE, PROXIES, TIMEOUT_SECONDS, URL};
use crate::loader::node::{join, origin, sorted};

/// What set each value of a rule: the name of a variable, `file:line:column`, or `code`.
///
/// The values have the names of their keys, such as `url`, `timeout_seconds` or
/// `via[0].password_file` or `pool.proxies[0].url`; that of a rule that is no proxy is `direct`. A value that nobody set has
/// no origin. Serializes as a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleOrigins<'a> {
    values: Vec<(String, &'a str)>,
    password: Option<&'a str>,
}

impl<'a> RuleOrigins<'a> {
    /// Those of `rule`, which was read from `value` of the merged document.
    pub(super) fn of_rule(value: &'a Value, rule: &ProxyRule) -> Self {
        let mut values = Vec::new();
        add(&mut values, String::new(), value);
        Self::new(values, rule)
    }

    /// Those of `rule`, which a variable for all programs has.
    pub(super) fn of_variable(variable: &'a str, rule: &ProxyRule) -> Self {
        let key = match rule {
            ProxyRule::Direct => DIRECT,
            ProxyRule::Proxy(_) | ProxyRule::Pool(_) => URL,
        };
        Self::new(vec![(key.to_owned(), variable)], rule)
    }

    fn new(values: Vec<(String, &'a str)>, rule: &ProxyRule) -> Self {
        let mut origins = Self {
            values,
            password: None,
        };
        if let ProxyRule::Proxy(proxy) = rule
            && let Some(credentials) = proxy.url().credentials()
            && credentials.password().is_some()
        {
            let mut keys = [PASSWORD, PASSWORD_FILE, URL].into_iter();
            origins.password = keys.find_map(|key| origins.of(key));
        }
        origins
    }

    /// What set the rule: its URL, that of a pool's first proxy, or `direct`.
    #[must_use]
    pub fn rule(&self) -> Option<&'a str> {
        let first = format!("{CHOICE}.{PROXIES}[0].{URL}");
        let mut keys = [URL, &first, DIRECT].into_iter();
        keys.find_map(|key| self.of(key))
    }

    /// What set the timeout. There is nothing that set the default of 30 seconds.
    #[must_use]
    pub fn timeout(&self) -> Option<&'a str> {
        self.of(TIMEOUT_SECONDS)
    }

    /// What set the password for the proxy, be it a key of its own, a file, or a part of the URL.
    /// The proxies of a pool may have several; each is [under its own key](Self::of).
    #[must_use]
    pub fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// What set the value of a key.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&'a str> {
        self.iter()
            .find(|(name, _)| *name == key)
            .map(|(_, origin)| origin)
    }

    /// The keys whose values somebody set, and what set them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.values
            .iter()
            .map(|(key, origin)| (key.as_str(), *origin))
    }
}

/// Adds what set `value`, which stands under `key`, and what is in it.
fn add<'a>(values: &mut Vec<(String, &'a str)>, key: String, value: &'a Value) {
    match &value.kind {
        ValueKind::Nil => {}
        ValueKind::Table(table) => {
            for (name, value) in sorted(table) {
                // A list that variables add to is a table by place.
                let key = match index(name) {
                    Some(place) => format!("{key}[{place}]"),
                    None => join(&key, name),
                };
                add(values, key, value);
            }
        }
        ValueKind::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                add(values, format!("{key}[{place}]"), item);
            }
        }
        _ => {
            let key = if key.is_empty() {
                DIRECT.to_owned()
            } else {
                key
            };
            values.extend(origin(value).map(|origin| (key, origin)));
        }
    }
}

impl Serialize for RuleOrigins<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
