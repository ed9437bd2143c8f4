//! Environment variables as a source.
//!
//! With the default prefix, `CRYPTOFEED_<SECTION>` sets a section, and
//! `CRYPTOFEED_<SECTION>_<PATH>` a value within it, where `__` separates the keys of the path. Of
//! two variables for the same value, the one with the longer path wins, because it is more
//! specific: `CRYPTOFEED_PROXY_DEFAULT` sets what `CRYPTOFEED_PROXY_DEFAULT__HTTP__URL` does not
//! set. An item of a list has its index as its key. If the value may be a table or a list, and
//! begins like JSON, it is JSON.
//!
//! Any other name with our prefix is an error, because with a misspelt one connections would be
//! direct. Only the variables of [Kubernetes](super::service) and of [the
//! original](super::original) are ignored.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;

use config::{Map, Value};

use super::fault::{DEPTH, TOO_DEEP};
use super::original::{is_harmless, replacement};
use super::prefix::Prefix;
use super::service::Services;
use super::values::Values;
use super::{PROXY, json};
use crate::error::{Lazy, Problems};
use crate::keys::Content;
use crate::loader::node::{Reading, join};
use crate::loader::shape::ONE_OR_BOTH;
use crate::loader::suggestion::nearest;
use crate::origin::Origin;

/// The names that variables may have.
pub(super) struct Names<'a> {
    pub(super) prefix: &'a Prefix,
    pub(super) sections: &'a [&'a str],
    /// Variables with other readers.
    pub(super) others: &'a [String],
}

/// A variable that sets something.
struct Variable<'a> {
    name: &'a str,
    section: &'a str,
    keys: Vec<String>,
    /// The expected content, if it is known.
    content: Option<&'static Content>,
    value: &'a OsString,
}

/// The meaning of the variables.
#[derive(Default)]
pub(super) struct Environment {
    /// One document per variable that sets something, the least specific first.
    pub(super) documents: Vec<Value>,
    /// The names of the variables that were ignored.
    pub(super) ignored: Vec<String>,
}

/// Reads the variables that begin with our prefix.
pub(super) fn read(
    variables: &[(String, OsString)],
    names: &Names<'_>,
    reading: &Reading,
) -> Environment {
    let problems = &reading.problems;
    let prefix = names.prefix;
    let services = Services::of(variables);
    let mut environment = Environment::default();
    let mut ours = Vec::new();
    for (name, value) in variables {
        if !prefix.is_meant_by(name) {
            continue;
        }
        let upper = name.to_ascii_uppercase();
        let rest = upper.strip_prefix(prefix.as_str());
        let rest = rest.filter(|_| is_name(name));
        if services.have(name, value) {
            environment.ignored.push(name.clone());
            continue;
        }
        let Some(rest) = rest else {
            problems.report("", Some(Origin::variable(&shown(name))), no_name(prefix));
            continue;
        };
        if is_harmless(rest, prefix) {
            environment.ignored.push(name.clone());
        } else if let Some(variable) = Variable::parse(name, rest, value, names.sections) {
            ours.push(variable);
        } else if !names.others.contains(name) {
            let unknown = Lazy(|| names.unknown(rest));
            problems.report("", Some(Origin::variable(name)), unknown);
        }
    }
    environment.ignored.sort_unstable();
    environment.documents = documents(ours, prefix, reading);
    environment
}

fn no_name(prefix: &Prefix) -> String {
    format!(
        "unknown variable; the names of ours begin with {prefix} and have letters, digits and _ - . \
         only"
    )
}

fn is_name(name: &str) -> bool {
    name.bytes().all(is_of_a_name)
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

/// The valid part of a name. The rest may be a value with a login.
fn shown(name: &str) -> String {
    let end = name.bytes().position(|byte| !is_of_a_name(byte));
    match end.and_then(|end| name.get(..end)) {
        Some(beginning) => format!("{beginning}…"),
        None => name.to_owned(),
    }
}

fn documents(mut variables: Vec<Variable<'_>>, prefix: &Prefix, reading: &Reading) -> Vec<Value> {
    let problems = &reading.problems;
    // The least specific first, so that the others are laid over it. Names make the order, and so
    // the errors, independent of that of the environment.
    variables.sort_by_key(|variable| (variable.keys.len(), variable.name));
    let mut documents = Vec::new();
    let mut before = Before::default();
    for variable in &variables {
        if variable.keys.len() >= DEPTH {
            variable.report(problems, TOO_DEEP);
            continue;
        }
        if let Some(conflict) = before.conflict(variable) {
            variable.report(problems, conflict);
        } else if variable.is_unknown() {
            let path = variable.keys.join("__");
            let unknown = Lazy(|| unknown_variable(&path, prefix));
            variable.report(problems, unknown);
        } else {
            documents.extend(variable.document(reading));
        }
        before.add(variable);
    }
    documents
}

/// The variables before one, by what they set.
#[derive(Default)]
struct Before<'a> {
    names: Vec<&'a str>,
    /// The first of them that sets a value or one within it, by its section and the keys of the value.
    within: HashMap<(&'a str, &'a [String]), usize>,
    /// The one that sets the value itself.
    of: HashMap<(&'a str, &'a [String]), usize>,
}

impl<'a> Before<'a> {
    fn add(&mut self, variable: &'a Variable<'_>) {
        let (section, keys) = (variable.section, variable.keys.as_slice());
        let place = self.names.len();
        self.names.push(variable.name);
        let values = (1..=keys.len()).filter_map(|depth| keys.get(..depth));
        for value in values {
            self.within.entry((section, value)).or_insert(place);
        }
        self.of.entry((section, keys)).or_insert(place);
    }

    /// The error for a variable, if only it or one before it can be set. Of two with different keys,
    /// one may still replace the other, as `pool` replaces `url`.
    fn conflict(&self, variable: &Variable<'_>) -> Option<String> {
        let (section, keys) = (variable.section, variable.keys.as_slice());
        let same = self.of.get(&(section, keys)).map(|place| (*place, None));
        let mut conflicts: Vec<_> = same.into_iter().collect();
        let mut parent = Some(&Content::Settings).filter(|_| section == PROXY);
        for (depth, key) in keys.iter().enumerate() {
            let Some(table) = parent else {
                break;
            };
            let mut sibling = keys.get(..=depth).unwrap_or_default().to_vec();
            for other in table.names().into_iter().filter(|other| other != key) {
                if let Some(last) = sibling.last_mut() {
                    other.clone_into(last);
                }
                let Some(place) = self.within.get(&(section, sibling.as_slice())) else {
                    continue;
                };
                if table.are_alternatives(key, other) {
                    conflicts.push((*place, Some(ONE_OR_BOTH)));
                } else if table.are_exclusive(key, other) {
                    conflicts.push((*place, Some("only one of them can be")));
                }
            }
            parent = table.child(key).map(|(_, content)| content);
        }
        let (place, why) = conflicts.into_iter().min_by_key(|(place, _)| *place)?;
        let name = self.names.get(place)?;
        Some(match why {
            Some(why) => format!("{name} is set as well; {why}"),
            None => format!("{name} is set as well and means the same"),
        })
    }
}

impl<'a> Variable<'a> {
    /// `rest` is the name without the prefix, in upper case.
    fn parse(name: &'a str, rest: &str, value: &'a OsString, sections: &[&'a str]) -> Option<Self> {
        let of_section = |section: &&'a str| {
            let path = rest.strip_prefix(&section.to_ascii_uppercase())?;
            (path.is_empty() || path.starts_with('_')).then_some((*section, path))
        };
        // `STORE_ARCHIVE_PATH` begins with the names of two sections, `store` and `store_archive`.
        let (section, path) = sections
            .iter()
            .filter_map(of_section)
            .max_by_key(|(section, _)| section.len())?;
        let path = path.strip_prefix('_').map(str::to_ascii_lowercase);
        let mut content = Some(&Content::Settings).filter(|_| section == PROXY);
        let mut known_name = |key: &str| {
            let known = content.and_then(|content| content.child(key));
            content = known.map(|(_, content)| content);
            known.map_or(key, |(name, _)| name).to_owned()
        };
        let keys = path.iter().flat_map(|path| path.split("__"));
        let keys = keys.map(&mut known_name).collect();
        Some(Self {
            name,
            section,
            keys,
            content,
            value,
        })
    }

    /// Whether the proxy section has no such key.
    fn is_unknown(&self) -> bool {
        let first = self.keys.first().filter(|_| self.section == PROXY);
        first.is_some_and(|key| Content::Settings.child(key).is_none())
    }

    fn document(&self, reading: &Reading) -> Option<Value> {
        let problems = &reading.problems;
        let values = Values::new(reading, |_| self.origin());
        let mark = reading.references.mark(self.origin());
        let Some(text) = self.value.to_str() else {
            self.report(problems, "the value is not valid UTF-8");
            return None;
        };
        if self.section != PROXY && text.trim().is_empty() {
            self.report(problems, "the value is empty; unset the variable instead");
            return None;
        }
        let may_be_json = !self.content.is_some_and(Content::is_scalar);
        let value = if may_be_json && text.starts_with(['{', '[']) {
            json::parse(text, values).map_err(|fault| {
                self.report(
                    problems,
                    format_args!("cannot be read as JSON: {}", fault.problem),
                );
            })
        } else {
            let value = values.value((1, 1), text.into());
            value.map_err(|fault| self.report(problems, fault.problem))
        };
        let value = value.ok()?;
        let keys = [self.section]
            .into_iter()
            .chain(self.keys.iter().map(String::as_str));
        let wrap = |value, key: &str| Value::new(Some(&mark), Map::from([(key.to_owned(), value)]));
        Some(keys.rev().fold(value, wrap))
    }

    fn origin(&self) -> Origin {
        Origin::variable(self.name)
    }

    fn report(&self, problems: &Problems, problem: impl fmt::Display) {
        let path = self
            .keys
            .iter()
            .fold(self.section.to_owned(), |path, key| join(&path, key));
        problems.report(&path, Some(self.origin()), problem);
    }
}

impl Names<'_> {
    /// The error for a variable that is unknown. `rest` is its name without the prefix.
    fn unknown(&self, rest: &str) -> String {
        let prefix = self.prefix;
        if let Some(replacement) = replacement(rest, prefix) {
            let unknown = match prefix.is_default() {
                true => "a variable of the Python cryptofeed, without effect here",
                false => "unknown variable",
            };
            return format!("{unknown}; set {replacement} instead");
        }
        let sections = self.sections.iter();
        let sections: Vec<_> = sections.map(|name| name.to_ascii_uppercase()).collect();
        let others = self.others.iter();
        let others = others.filter_map(|name| name.strip_prefix(prefix.as_str()));
        let names: Vec<_> = sections.iter().map(String::as_str).chain(others).collect();
        let mut known: Vec<_> = names.iter().map(ToString::to_string).collect();
        // The section alone may be misspelt.
        if let Some((first, path)) = rest.split_once('_')
            && let Some(section) = nearest(first, &sections)
        {
            known.push(format!("{section}_{path}"));
        }
        let mut paths = Vec::new();
        add_paths(&mut paths, "", &Content::Settings);
        known.extend(paths.iter().map(|path| format!("PROXY_{path}")));
        match nearest(rest, known) {
            Some(name) => format!("unknown variable; did you mean {prefix}{name}?"),
            None => {
                let names = names.join(", ");
                format!(
                    "unknown variable; what follows {prefix} must be or begin with one of {names}"
                )
            }
        }
    }
}

/// The error for an unknown variable of the proxy section.
fn unknown_variable(path: &str, prefix: &Prefix) -> String {
    let mut known = Vec::new();
    add_paths(&mut known, "", &Content::Settings);
    match nearest(&path.to_ascii_uppercase(), known) {
        Some(path) => format!("unknown variable; did you mean {prefix}PROXY_{path}?"),
        None => {
            let keys = Content::Settings.names().join(", ").to_ascii_uppercase();
            format!("unknown variable; what follows {prefix}PROXY_ must begin with one of {keys}")
        }
    }
}

/// Adds the valid names of variables that start with `before`.
fn add_paths(paths: &mut Vec<String>, before: &str, content: &Content) {
    let mut add = |key: &str, content: &Content| {
        let path = format!("{before}{key}");
        add_paths(paths, &format!("{path}__"), content);
        paths.push(path);
    };
    match content {
        Content::Exchanges => add("<ID>", &Content::ConnectionProxies),
        Content::Headers => add("<NAME>", &Content::Text),
        Content::List(item) => add("0", item),
        _ => {
            let alternative = content.alternative().map(Content::keys);
            for key in [content.keys(), alternative.unwrap_or_default()].concat() {
                add(&key.name.to_ascii_uppercase(), &key.content);
            }
        }
    }
}
