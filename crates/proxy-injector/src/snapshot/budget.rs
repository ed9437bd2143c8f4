//! The budgets of exchanges.

use std::time::Duration;

use proxy_config::ExchangeId;
use serde::Serialize;
use transport::Egress;

use super::route::as_text;
use super::times::{Until, millis};

/// What is used of one budget of an exchange at one egress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BudgetSnapshot {
    /// The exchange; `None` for connections without one.
    pub exchange: Option<ExchangeId>,
    /// The egress: `direct`, or `host:port` of a proxy.
    #[serde(serialize_with = "as_text")]
    pub egress: Egress,
    /// The exchange's name for it, such as `weight`.
    pub budget: &'static str,
    /// How much the exchange allows.
    pub units: u64,
    /// In how long a time.
    #[serde(rename = "per_ms", serialize_with = "millis")]
    pub per: Duration,
    /// How much of it is used: by requests that are under way or have been answered not long ago, and by
    /// others as the exchange tells.
    pub used: u64,
    /// How much is left.
    pub left: u64,
    /// How many requests wait for this or another budget of the same exchange and egress.
    pub waiting: usize,
    /// Until when the exchange has banned the egress, if a member of a pool has it.
    pub banned: Option<Until>,
}
