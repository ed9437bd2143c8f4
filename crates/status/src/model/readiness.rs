//! Whether data flows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether data flows for every exchange, and every book is true.
///
/// Those who do not know the token learn no more than the verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Readiness {
    /// Whether that is so.
    pub is_ready: bool,
    /// What is not as it should be, 100 of them at most.
    pub culprits: Vec<Culprit>,
    /// How many culprits there are beyond those.
    pub more: usize,
}

/// What keeps data from flowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    /// What is wrong.
    pub fault: Fault,
    /// Where.
    pub exchange: String,
    /// Whose data it is about, if it is about one symbol.
    pub symbol: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// The proxy that the data comes through or should come through, or `direct`, as far as it is known.
    pub proxy: Option<String>,
    /// Since when; `None` if it has been so from the beginning.
    pub since_ns: Option<i64>,
    /// The failure behind it, where one is known.
    pub cause: Option<String>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// No market data of the exchange comes.
    NoData,
    /// Symbols have no connection.
    NoConnection,
    /// A book is not true.
    InvalidBook,
    /// A stream is silent although the exchange has moved on.
    StaleStream,
}

impl Fault {
    /// The fault in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoData => "no data",
            Self::NoConnection => "no connection",
            Self::InvalidBook => "invalid book",
            Self::StaleStream => "stale stream",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
