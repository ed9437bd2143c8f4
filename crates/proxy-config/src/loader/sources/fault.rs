//! Syntax errors of files, and their places.

use crate::keys::is_key;

/// A line and a column in characters, both counted from 1.
pub(super) type Place = (usize, usize);

/// How deeply a configuration may nest.
// Its readers are recursive: without a limit, a file could exhaust the stack.
pub(super) const DEPTH: usize = 32;

pub(super) const TOO_DEEP: &str = "nested too deeply";

/// The first syntax error of a text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) place: Place,
    /// Shows nothing of the text.
    pub(super) problem: String,
}

impl Fault {
    pub(super) fn new(place: Place, problem: impl Into<String>) -> Self {
        Self {
            place,
            problem: problem.into(),
        }
    }
}

/// The error for a key that is twice in a table. An unknown key is not shown: to YAML, the text
/// after a comma in a password is a key.
pub(super) fn given_twice(key: &str) -> String {
    if is_key(key) {
        format!("the key `{key}` is given twice")
    } else {
        "a key is given twice".to_owned()
    }
}
