//! How a collector stands in its fleet.

use serde::{Deserialize, Serialize};

/// How a collector stands in its fleet, which shares symbols and budgets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetView {
    /// Whether the fleet's server answers.
    pub is_connected: bool,
    /// How many collectors are there, as far as this one knows: none before it has joined.
    pub collectors: usize,
    /// How many shards of the symbols it publishes.
    pub owned: usize,
    /// How many of them no other collector can have now. Without the server, none in the end.
    pub confirmed: usize,
    /// How many of the others have other feeds than this one, or publish to another stream.
    pub differing: usize,
}

impl FleetView {
    /// Whether it has heard of the others.
    #[must_use]
    pub fn has_joined(&self) -> bool {
        self.collectors > 0
    }
}
