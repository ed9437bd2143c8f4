//! What set a value.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// What set a value of a configuration.
///
/// Displayed and serialized as the name of a variable, `file:line:column`, or `code`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Settings made in code.
    Code,
    /// The environment variable of this name.
    Variable(Arc<str>),
    /// The file of this name, or a place in it.
    File {
        // Shared: every value of a file has it.
        /// The path as it was given.
        name: Arc<str>,
        /// A line and a column in characters, both counted from 1.
        place: Option<(usize, usize)>,
    },
}

impl Origin {
    pub(crate) fn variable(name: &str) -> Self {
        Self::Variable(name.into())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code => f.write_str("code"),
            Self::Variable(name) => f.write_str(name),
            Self::File { name, place: None } => f.write_str(name),
            Self::File {
                name,
                place: Some((line, column)),
            } => write!(f, "{name}:{line}:{column}"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
