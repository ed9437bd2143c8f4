//! Pools and their members.

use proxy_config::{ExchangeId, PoolStrategy};
use serde::Serialize;
use tokio::time::Instant;

use super::exit::ExitSnapshot;
use super::times::{Moment, Until};
use crate::pool::{Ban, Place, Standing, View};

/// A pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PoolSnapshot {
    /// How a member is selected.
    pub strategy: PoolStrategy,
    /// The place in [`lists`](crate::Snapshot::lists) of the list that has the members.
    pub list: Option<usize>,
    /// The members, in their order, with those that are not enabled.
    pub members: Vec<MemberSnapshot>,
}

/// A member of a pool, and what speaks against it. Of one in several pools, all of them know the
/// same.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MemberSnapshot {
    /// The exit.
    #[serde(flatten)]
    pub exit: ExitSnapshot,
    /// Its share of the connections.
    pub weight: u64,
    /// Whether it may be selected at all.
    pub is_enabled: bool,
    /// Whether it may be selected now.
    pub breaker: BreakerState,
    /// How many failures in a row count against it. The breaker opens at as many as the pool says.
    pub failures: u64,
    /// How many connections have it, with those that are being made.
    pub leases: u64,
    /// Where it is of no use.
    pub marks: Vec<Mark>,
}

/// The state of a member's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BreakerState {
    /// The exit is in order, as far as is known.
    Closed,
    /// It has failed, and is skipped.
    Open {
        /// For so long.
        #[serde(flatten)]
        until: Until,
    },
    /// It has failed, and the next dial is a trial, or one is under way.
    HalfOpen,
}

/// Where an exit is of no use, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mark {
    /// The exchange does not serve its address (403, 451).
    Declined {
        /// The exchange.
        exchange: ExchangeId,
        /// Until when it is asked through others.
        #[serde(flatten)]
        until: Until,
    },
    /// The exchange has banned its address (418).
    Banned {
        /// The exchange.
        exchange: ExchangeId,
        /// Until when it is not asked through it.
        #[serde(flatten)]
        until: Until,
    },
    /// It did not reach a target.
    Unreached {
        /// The target, as `host:port`.
        target: String,
        /// Until when others are preferred.
        #[serde(flatten)]
        until: Until,
    },
    /// Other processes advise against it. It may be in order here.
    AdvisedAgainst {
        /// The exchange that they say does not want it, if they say so of one.
        exchange: Option<ExchangeId>,
        /// Until when others are preferred.
        #[serde(flatten)]
        until: Until,
    },
}

impl MemberSnapshot {
    pub(super) fn new(
        exit: ExitSnapshot,
        (weight, is_enabled): (u64, bool),
        view: Option<&View>,
        moment: &Moment,
    ) -> Self {
        let marks = view.into_iter().flat_map(|view| &view.outs);
        let marks = marks.filter_map(|(place, out)| Mark::of(place, out.ban, out.until, moment));
        let advised = view.into_iter().flat_map(|view| &view.advised);
        let advised = advised.filter_map(|(exchange, until)| {
            Some(Mark::AdvisedAgainst {
                exchange: exchange.clone(),
                until: moment.until(*until)?,
            })
        });
        let mut marks: Vec<_> = marks.chain(advised).collect();
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.until().left));
        Self {
            exit,
            weight,
            is_enabled,
            breaker: view.map_or(BreakerState::Closed, |view| {
                BreakerState::of(view.standing, moment)
            }),
            failures: view.map_or(0, |view| view.failures),
            leases: view.map_or(0, |view| view.leases),
            marks,
        }
    }
}

impl BreakerState {
    fn of(standing: Standing, moment: &Moment) -> Self {
        match standing {
            Standing::Closed => Self::Closed,
            Standing::OnTrial => Self::HalfOpen,
            Standing::Until(until) => match moment.until(until) {
                Some(until) => Self::Open { until },
                None => Self::HalfOpen,
            },
        }
    }
}

impl Mark {
    /// `None` if its time is over.
    fn of(place: &Place, ban: Ban, until: Instant, moment: &Moment) -> Option<Self> {
        let until = moment.until(until)?;
        Some(match (place, ban) {
            (Place::Exchange(exchange), Ban::Declined) => Self::Declined {
                exchange: exchange.clone(),
                until,
            },
            (Place::Exchange(exchange), Ban::Strict) => Self::Banned {
                exchange: exchange.clone(),
                until,
            },
            (Place::Target(target), _) => Self::Unreached {
                target: target.to_string(),
                until,
            },
        })
    }

    /// Until when.
    #[must_use]
    pub fn until(&self) -> Until {
        match self {
            Self::Declined { until, .. }
            | Self::Banned { until, .. }
            | Self::Unreached { until, .. }
            | Self::AdvisedAgainst { until, .. } => *until,
        }
    }
}
