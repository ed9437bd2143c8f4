//! Budgets that several processes share.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::egress::Egress;
use crate::window::Window;

/// Whose budgets they are, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    /// The name of the exchange, in lower case.
    pub exchange: String,
    /// What the exchange counts by.
    pub egress: Egress,
}

/// What one process uses of a budget, and wants to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The units of requests that are sent and not answered.
    pub under_way: u64,
    /// The units of those that are answered and still count.
    pub recent: u64,
    /// When none of the [recent](Self::recent) ones count any longer.
    pub free_at: Instant,
    /// The units of requests that wait.
    pub waiting: u64,
    /// The most units of one of them.
    pub largest: u32,
}

/// Shares the budgets of exchanges with other processes that leave by the same egress.
///
/// Who admits requests asks it whenever one may be sent, and tells it whenever one has its answer, so no
/// method waits for anything.
pub trait BudgetShares: fmt::Debug + Send + Sync {
    /// How many units of `window` this process may have in use now, of which it has what `usage` says.
    fn share(&self, account: &Account, window: Window, usage: Usage) -> u64;

    /// The exchange has banned the egress for so long.
    fn ban(&self, account: &Account, wait: Duration);

    /// Ends when a share may have grown since it was called.
    fn changed(&self) -> BoxFuture<'_, ()>;
}
