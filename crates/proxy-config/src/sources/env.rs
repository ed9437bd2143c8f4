//! Environment variables as a source.
//!
//! `CRYPTOFEED_<SECTION>` sets a section, `CRYPTOFEED_<SECTION>_<PATH>` a value within it, where
//! `__` separates the keys of the path. Of two variables for the same value the one with the longer
//! path wins, as it is the more specific: `CRYPTOFEED_PROXY_DEFAULT` sets what
//! `CRYPTOFEED_PROXY_DEFAULT__HTTP__URL` does not.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;

use config::{Map, Value};

use super::yaml::{self, Fault};
use super::{PREFIX, PROXY};
use crate::error::Problems;
use crate::node::join;
use crate::shape::{SETTINGS_KEYS, SLOT_KEYS, alias};
use crate::suggestion::nearest;
use crate::transport::Transport;

/// A variable that sets something.
struct Variable<'a> {
    name: &'a str,
    section: &'a str,
    keys: Vec<String>,
    value: &'a OsString,
}

/// One document per variable that names one of `sections`, the least specific first.
pub(super) fn documents(
    variables: &[(String, OsString)],
    sections: &[&str],
    problems: &Problems,
) -> Vec<Value> {
    let mut variables: Vec<_> = variables
        .iter()
        .filter_map(|(name, value)| Variable::parse(name, value, sections))
        .collect();
    variables.sort_by_key(|variable| (variable.keys.len(), variable.name));
    let mut seen = HashMap::new();
    let mut documents = Vec::new();
    for variable in &variables {
        let path = (variable.section, &variable.keys);
        if let Some(other) = seen.insert(path, variable.name) {
            variable.report(
                problems,
                format_args!("{other} is set as well and means the same"),
            );
        } else if let Some(key) = variable.unknown_key() {
            variable.report(problems, unknown_variable(key));
        } else {
            documents.extend(variable.document(problems));
        }
    }
    documents
}

impl<'a> Variable<'a> {
    fn parse(name: &'a str, value: &'a OsString, sections: &[&'a str]) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let rest = upper.strip_prefix(PREFIX)?;
        sections.iter().find_map(|section| {
            let rest = rest.strip_prefix(&section.to_ascii_uppercase())?;
            let keys = match rest.strip_prefix('_') {
                Some(path) => canonical_keys(section, path),
                None if rest.is_empty() => Vec::new(),
                None => return None,
            };
            Some(Self {
                name,
                section,
                keys,
                value,
            })
        })
    }

    /// The first key, if it is none that the proxy section has.
    fn unknown_key(&self) -> Option<&str> {
        let key = self.keys.first().filter(|_| self.section == PROXY)?;
        (!SETTINGS_KEYS.contains(&key.as_str())).then_some(key)
    }

    fn document(&self, problems: &Problems) -> Option<Value> {
        let origin = self.name.to_owned();
        let Some(text) = self.value.to_str() else {
            self.report(problems, "the value is not valid UTF-8");
            return None;
        };
        let value = if text.starts_with(['{', '[']) {
            let report =
                |fault: Fault| self.report(problems, format!("malformed JSON: {}", fault.problem));
            yaml::parse(text, |_, _| origin.clone())
                .map_err(report)
                .ok()?
        } else {
            Value::new(Some(&origin), text)
        };
        let keys = [self.section]
            .into_iter()
            .chain(self.keys.iter().map(String::as_str));
        let wrap =
            |value, key: &str| Value::new(Some(&origin), Map::from([(key.to_owned(), value)]));
        Some(keys.rev().fold(value, wrap))
    }

    fn report(&self, problems: &Problems, problem: impl fmt::Display) {
        let path = self
            .keys
            .iter()
            .fold(self.section.to_owned(), |path, key| join(&path, key));
        problems.report(&path, Some(self.name), problem);
    }
}

/// The keys of a path, each value under one name only.
fn canonical_keys(section: &str, path: &str) -> Vec<String> {
    let path = path.to_ascii_lowercase();
    let mut keys: Vec<_> = path.split("__").map(str::to_owned).collect();
    let slot = match keys.first().map(String::as_str) {
        Some("default") if section == PROXY => 1,
        Some("exchanges") if section == PROXY => 2,
        _ => return keys,
    };
    if let Some(key) = keys.get_mut(slot) {
        for transport in [Transport::Http, Transport::WebSocket] {
            if key == alias(transport) {
                transport.as_str().clone_into(key);
            }
        }
    }
    keys
}

fn unknown_variable(key: &str) -> String {
    match nearest(&key.to_ascii_uppercase(), known_paths().into_iter()) {
        Some(path) => format!("unknown variable; did you mean {PREFIX}PROXY_{path}?"),
        None => {
            let keys = SETTINGS_KEYS.map(str::to_ascii_uppercase).join(", ");
            format!("unknown variable; what follows {PREFIX}PROXY_ must begin with one of {keys}")
        }
    }
}

/// What may follow `CRYPTOFEED_PROXY_`.
fn known_paths() -> Vec<String> {
    let mut paths = vec!["ENABLED".to_owned(), "STRICT".to_owned()];
    for block in ["DEFAULT", "EXCHANGES__<ID>"] {
        paths.push(block.to_owned());
        for transport in [Transport::Http, Transport::WebSocket] {
            let slot = format!("{block}__{}", transport.as_str().to_ascii_uppercase());
            paths.extend(SLOT_KEYS.map(|key| format!("{slot}__{}", key.to_ascii_uppercase())));
            paths.push(slot);
        }
    }
    paths
}
