//! The lists of proxies.

use serde::Serialize;

use super::times::Since;

/// A list that pools have their members from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListSnapshot {
    /// Where it is, without what is secret in it.
    pub source: String,
    /// How many proxies the last good list has; `None` if there was none so far.
    pub proxies: Option<usize>,
    /// How many entries of the last good list are not used.
    pub refused: usize,
    /// Why the first of those are not.
    pub faults: Vec<String>,
    /// When it was in order the last time.
    pub last_good: Option<Since>,
    /// Why the latest one is not used, if that is so.
    pub error: Option<String>,
}
