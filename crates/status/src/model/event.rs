//! Notable events.

use serde::{Deserialize, Serialize};

/// Something that happened and that is no market data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotableEvent {
    /// When it happened, for the last time.
    pub at_ns: i64,
    /// How bad it is.
    pub gravity: Gravity,
    /// Its kind, as in the output of `run`.
    pub kind: String,
    /// Where it happened; `None` if it is about the whole program.
    pub exchange: Option<String>,
    /// The number of the connection.
    pub connection: Option<u64>,
    /// The symbol, or the last of several.
    pub symbol: Option<String>,
    /// What happened.
    pub text: String,
    /// How many times it did in a row.
    pub times: u64,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// It is as it should be.
    Info,
    /// Something is wrong, and is being mended.
    Warning,
    /// Something is wrong, and somebody should look at it.
    Error,
}
