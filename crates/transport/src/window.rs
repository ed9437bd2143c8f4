//! How much of something is allowed in how long a time.

use std::time::Duration;

/// So many units in so long a time. Its name is that of a budget at one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// What is counted: `weight`, `dials`.
    pub name: &'static str,
    /// How many units.
    pub units: u32,
    /// In how long a time.
    pub per: Duration,
}
