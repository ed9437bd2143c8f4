//! What an injector knows at one moment.

mod budget;
mod exit;
mod known;
mod list;
mod look;
mod member;
mod route;
mod times;

use std::time::SystemTime;

use serde::Serialize;

pub use self::budget::BudgetSnapshot;
pub use self::exit::{DialCounts, DialLatency, ExitSnapshot, FailedDials, LastFailure};
pub use self::list::ListSnapshot;
#[cfg(feature = "metrics")]
pub(crate) use self::look::Gathered;
pub use self::member::{BreakerState, Mark, MemberSnapshot, PoolSnapshot};
pub use self::route::{RouteSnapshot, Way};
pub use self::times::{Since, Until};

/// What a [`ProxyInjector`](crate::ProxyInjector) knows at one moment: its routes, what came of the
/// dials through each exit, and what speaks against one.
///
/// It contains no login, no header and no address of a list with its query, so it may be shown. Times
/// are both by a clock that does not step and by the wall clock. In JSON, they are whole milliseconds
/// and nanoseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// When it was taken.
    #[serde(rename = "taken_at_ns", serialize_with = "times::wall_ns")]
    pub taken_at: SystemTime,
    /// The routes of every exchange with rules or a [`Scope`](crate::Scope), and of any other one.
    pub routes: Vec<RouteSnapshot>,
    /// The exits of these routes that are in no pool, and all others with open connections: of the legacy
    /// proxy of a scope, or of one that has left a list.
    pub exits: Vec<ExitSnapshot>,
    /// The pools of these routes.
    pub pools: Vec<PoolSnapshot>,
    /// The budgets of which something was used not long ago.
    pub budgets: Vec<BudgetSnapshot>,
    /// The lists that pools have their members from.
    pub lists: Vec<ListSnapshot>,
}
