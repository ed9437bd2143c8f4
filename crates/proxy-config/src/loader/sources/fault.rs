//! What makes a text no configuration, and where.

use crate::keys::is_key;

/// A line and a column in characters, both counted from 1.
pub(super) type Place = (usize, usize);

/// How deeply a configuration may nest. Its readers are recursive.
pub(super) const DEPTH: usize = 32;

/// The first thing that makes a text no configuration.
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

/// What is wrong with a key that stands twice in a table. One that we do not know of is not shown:
/// what follows a comma in a password is a key to YAML.
pub(super) fn given_twice(key: &str) -> String {
    if is_key(key) {
        format!("the key `{key}` is given twice")
    } else {
        "a key is given twice".to_owned()
    }
}
