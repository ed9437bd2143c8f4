//! All errors of a configuration at once.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt;
use std::mem;

use crate::origin::Origin;

/// One error in a configuration: where it is, what set the value, and what is wrong.
///
/// The message never shows a configured value, because any value may be a misplaced secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    origin: Option<Origin>,
    problem: String,
}

impl ConfigError {
    /// The keys that lead to the value, such as `proxy.default.http.url`. Empty if the source as a
    /// whole is wrong.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path without the key `key` of one of `tables`, whose paths are in lower case, if the error
    /// is there or below. The comparison is case-insensitive.
    fn path_without(&self, key: &str, tables: &HashSet<String>) -> Option<String> {
        let path = self.path.to_ascii_lowercase();
        path.match_indices(key).find_map(|(at, _)| {
            let before = path.get(..at)?;
            let table = match before {
                "" => before,
                _ => before.strip_suffix('.')?,
            };
            let behind = self.path.get(at + key.len()..)?;
            let is_key = behind.is_empty() || behind.starts_with(['.', '[']);
            if !is_key || !tables.contains(table) {
                return None;
            }
            let behind = match table {
                "" => behind.trim_start_matches('.'),
                _ => behind,
            };
            Some(format!("{}{behind}", self.path.get(..table.len())?))
        })
    }

    /// What set the value.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.as_str(), &self.origin) {
            ("", None) => {}
            ("", Some(origin)) => write!(f, "{origin}: ")?,
            (path, None) => write!(f, "{path}: ")?,
            (path, Some(origin)) => write!(f, "{path} (from {origin}): ")?,
        }
        f.write_str(&self.problem)
    }
}

impl Error for ConfigError {}

/// All errors of a configuration, at least one. Displays one per line. Of more than 1000, the first are
/// kept, and one that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// The single errors.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for ConfigErrors {}

/// A problem whose text takes time to find.
pub(crate) struct Lazy<F>(pub(crate) F);

impl<F: Fn() -> String> fmt::Display for Lazy<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.0)())
    }
}

/// How many errors are kept. A configuration with more of them is something else.
const MOST_ERRORS: usize = 1000;

const MORE_ERRORS: &str = "there are more errors, which are not shown";

/// The errors found so far.
// A `RefCell`, because all nodes of a configuration share it and report through `&self`.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<ConfigError>>);

impl Problems {
    /// Adds an error, unless there are enough. Only then `problem` is displayed.
    pub(crate) fn report(&self, path: &str, origin: Option<Origin>, problem: impl fmt::Display) {
        let mut errors = self.0.borrow_mut();
        if errors.len() < MOST_ERRORS {
            errors.push(ConfigError {
                path: path.to_owned(),
                origin,
                problem: problem.to_string(),
            });
        } else if errors.len() == MOST_ERRORS {
            errors.push(ConfigError {
                path: String::new(),
                origin: None,
                problem: MORE_ERRORS.to_owned(),
            });
        }
    }

    /// Whether something is wrong with what stands at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.borrow().iter().any(|error| error.path == path)
    }

    /// Merges equal errors of one source under both `keys` of one of `tables`, which are
    /// case-insensitive. A merged error is at the table itself.
    pub(crate) fn unite(&self, tables: &[String], [one, other]: [&str; 2]) {
        let tables: HashSet<_> = tables
            .iter()
            .map(|path| path.to_ascii_lowercase())
            .collect();
        let mut errors = self.0.borrow_mut();
        // The errors under the first key, by what they have in common with those under the other.
        let mut firsts = HashMap::new();
        for mut error in mem::take(&mut *errors) {
            if let Some(path) = error.path_without(other, &tables) {
                let twin = (path.to_ascii_lowercase(), error.origin, error.problem);
                if let Some(place) = firsts.remove(&twin) {
                    let first: Option<&mut ConfigError> = errors.get_mut::<usize>(place);
                    first
                        .into_iter()
                        .for_each(|first| first.path.clone_from(&path));
                    continue;
                }
                (_, error.origin, error.problem) = twin;
            } else if let Some(path) = error.path_without(one, &tables) {
                let path = path.to_ascii_lowercase();
                let twin = (path, error.origin.clone(), error.problem.clone());
                firsts.entry(twin).or_insert(errors.len());
            }
            errors.push(error);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// `value`, if nothing is wrong.
    pub(crate) fn or<T>(self, value: T) -> Result<T, ConfigErrors> {
        let errors = self.0.into_inner();
        if errors.is_empty() {
            Ok(value)
        } else {
            Err(ConfigErrors(errors))
        }
    }
}
