//! All errors of a configuration at once.

use std::cell::RefCell;
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

    /// The keys after `path`, if the error is there or below. The comparison is case-insensitive.
    fn below(&self, path: &str) -> Option<&str> {
        let (start, rest) = self.path.split_at_checked(path.len())?;
        let is_below = start.eq_ignore_ascii_case(path);
        (is_below && (rest.is_empty() || rest.starts_with(['.', '[']))).then_some(rest)
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

/// All errors of a configuration, at least one. Displays one per line.
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

/// The errors found so far.
// A `RefCell`, because all nodes of a configuration share it and report through `&self`.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<ConfigError>>);

impl Problems {
    pub(crate) fn report(&self, path: &str, origin: Option<Origin>, problem: impl fmt::Display) {
        self.0.borrow_mut().push(ConfigError {
            path: path.to_owned(),
            origin,
            problem: problem.to_string(),
        });
    }

    /// Whether something is wrong with what stands at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.borrow().iter().any(|error| error.path == path)
    }

    /// Merges equal errors of one source under both `keys` of the table at `path`, which is
    /// case-insensitive. The merged error is at the table itself.
    pub(crate) fn unite(&self, path: &str, keys: [&str; 2]) {
        let dot = if path.is_empty() { "" } else { "." };
        let [one, other] = keys.map(|key| format!("{path}{dot}{key}"));
        let mut errors = self.0.borrow_mut();
        for error in mem::take(&mut *errors) {
            let twin = error.below(&other).and_then(|rest| {
                let mut known = errors.iter_mut();
                let twin = known.find(|known| {
                    known.below(&one) == Some(rest)
                        && known.origin == error.origin
                        && known.problem == error.problem
                })?;
                Some((twin, rest))
            });
            match twin {
                Some((twin, rest)) => {
                    twin.path.truncate(path.len());
                    twin.path += match path {
                        "" => rest.trim_start_matches('.'),
                        _ => rest,
                    };
                }
                None => errors.push(error),
            }
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
