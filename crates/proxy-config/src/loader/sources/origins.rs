//! What set the values of a rule.

use config::{Value, ValueKind};
use serde::{Serialize, Serializer};

use crate::connection_proxies::{DIRECT, ProxyRule};
use crate::keys::index;
use crate::keys::names::{BIND, CHOICE, PASSWORD, PASSWORD_FILE, PROXIES, TIMEOUT_SECONDS, URL};
use crate::loader::node::{join, sorted};
use crate::loader::references::origin_in;
use crate::origin::Origin;

/// What set each value of a rule.
///
/// The values have the names of their keys, such as `url`, `timeout_seconds`,
/// `via[0].password_file` or `pool.proxies[0].url`; a rule without a proxy has the name `direct`. A
/// default has no origin. Serializes as a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleOrigins {
    values: Vec<(String, Origin)>,
    password: Option<Origin>,
}

impl RuleOrigins {
    /// Those of `rule`, which was read from `value` of the merged document.
    pub(super) fn of_rule(value: &Value, origins: &[Origin], rule: &ProxyRule) -> Self {
        let mut values = Vec::new();
        add(&mut values, String::new(), value, origins);
        Self::new(values, rule)
    }

    /// Those of `rule`, which a variable for all programs has.
    pub(super) fn of_variable(variable: &str, rule: &ProxyRule) -> Self {
        let key = match rule {
            ProxyRule::Direct | ProxyRule::DirectFrom(_) => DIRECT,
            ProxyRule::Proxy(_) | ProxyRule::Pool(_) => URL,
        };
        Self::new(vec![(key.to_owned(), Origin::variable(variable))], rule)
    }

    fn new(values: Vec<(String, Origin)>, rule: &ProxyRule) -> Self {
        let mut origins = Self {
            values,
            password: None,
        };
        if let ProxyRule::Proxy(proxy) = rule
            && let Some(credentials) = proxy.url().credentials()
            && credentials.password().is_some()
        {
            let mut keys = [PASSWORD, PASSWORD_FILE, URL].into_iter();
            origins.password = keys.find_map(|key| origins.of(key)).cloned();
        }
        origins
    }

    /// What set the rule: its URL, that of a pool's first proxy, or `direct` and its local address.
    #[must_use]
    pub fn rule(&self) -> Option<&Origin> {
        let local = format!("{DIRECT}.{BIND}");
        let of_first = |key: &str| format!("{CHOICE}.{PROXIES}[0].{key}");
        let [first, first_local] = [of_first(URL), of_first(&local)];
        let mut keys = [URL, &first, DIRECT, &local, &first_local].into_iter();
        keys.find_map(|key| self.of(key))
    }

    /// What set the timeout; `None` for the default of 30 seconds.
    #[must_use]
    pub fn timeout(&self) -> Option<&Origin> {
        self.of(TIMEOUT_SECONDS)
    }

    /// What set the password for the proxy: a key of its own, a file, or the URL. The proxies of a
    /// pool may have several; each is [under its own key](Self::of).
    #[must_use]
    pub fn password(&self) -> Option<&Origin> {
        self.password.as_ref()
    }

    /// What set the value of a key.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&Origin> {
        self.iter()
            .find(|(name, _)| *name == key)
            .map(|(_, origin)| origin)
    }

    /// The keys that are set, and what set them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.values
            .iter()
            .map(|(key, origin)| (key.as_str(), origin))
    }
}

/// Adds the origins of `value`, which is under `key`, and of the values in it.
fn add(values: &mut Vec<(String, Origin)>, key: String, value: &Value, origins: &[Origin]) {
    match &value.kind {
        ValueKind::Nil => {}
        ValueKind::Table(table) => {
            for (name, value) in sorted(table) {
                // A list that variables add to is a table by index.
                let key = match index(name) {
                    Some(place) => format!("{key}[{place}]"),
                    None => join(&key, name),
                };
                add(values, key, value, origins);
            }
        }
        ValueKind::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                add(values, format!("{key}[{place}]"), item, origins);
            }
        }
        _ => {
            let key = if key.is_empty() {
                DIRECT.to_owned()
            } else {
                key
            };
            values.extend(origin_in(origins, value).map(|origin| (key, origin.clone())));
        }
    }
}

impl Serialize for RuleOrigins {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
