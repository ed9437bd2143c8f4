//! The exits: proxies with those on the way to them, and direct connections.

use std::net::IpAddr;
use std::time::Duration;

use proxy_config::{ExchangeId, Exit, Transport};
use serde::Serialize;
use transport::{Egress, Phase};

use super::route::as_text;
use super::times::{Moment, Since, millis};
use crate::dials::{Failure, History, word};
use crate::egresses::{EgressSource, Egresses};

/// One exit, and what came of the dials through it.
///
/// Checks of a pool's members and requests over connections that are open already are no dials.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExitSnapshot {
    /// `direct`, from which local address if that is set, or the proxy with those on the way to it, without logins.
    pub exit: String,
    /// Its end, as budgets have it.
    #[serde(serialize_with = "as_text")]
    pub egress: Egress,
    /// How many connections are open.
    pub connections: u64,
    /// What came of the dials since the first one.
    pub dials: DialCounts,
    /// How long the latest dials took; `None` before the first that succeeded.
    pub latency: Option<DialLatency>,
    /// The last dial or check that failed. It stays when others succeed.
    pub last_failure: Option<LastFailure>,
    /// The address that exchanges see, where it is known.
    pub egress_address: Option<IpAddr>,
    /// What it is known from.
    pub egress_source: Option<EgressSource>,
}

/// How many dials came to which outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DialCounts {
    /// The connection could be used, with TLS to the exchange and the upgrade to a WebSocket.
    pub succeeded: u64,
    /// Those that failed, by the phase and the kind of their failure.
    pub failed: Vec<FailedDials>,
    /// Nobody waited for them any longer, or a reload ended them.
    pub given_up: u64,
}

/// How many dials failed in a phase with a kind of failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FailedDials {
    /// The phase.
    #[serde(serialize_with = "as_text")]
    pub phase: Phase,
    /// The kind in one word, such as `refused`.
    pub kind: &'static str,
    /// How many.
    pub count: u64,
}

/// How long the latest dials took that succeeded, 256 of them at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DialLatency {
    /// How many dials that is.
    pub dials: usize,
    /// Half of them took no longer.
    #[serde(rename = "p50_ms", serialize_with = "millis")]
    pub p50: Duration,
    /// 90 % of them took no longer.
    #[serde(rename = "p90_ms", serialize_with = "millis")]
    pub p90: Duration,
    /// 99 % of them took no longer.
    #[serde(rename = "p99_ms", serialize_with = "millis")]
    pub p99: Duration,
}

/// A dial or a check that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LastFailure {
    /// The exchange that it was for.
    pub exchange: Option<ExchangeId>,
    /// The transport that it was for.
    #[serde(serialize_with = "as_text")]
    pub transport: Transport,
    /// What it was doing.
    #[serde(serialize_with = "as_text")]
    pub phase: Phase,
    /// The kind of the failure in one word, such as `refused`.
    pub kind: &'static str,
    /// The failure and its causes, at most 512 characters.
    pub message: String,
    /// Whether it was a check of a pool's member.
    pub is_check: bool,
    /// When.
    #[serde(flatten)]
    pub when: Since,
}

impl ExitSnapshot {
    pub(super) fn new(
        exit: &Exit,
        egresses: &Egresses,
        connections: u64,
        history: Option<&History>,
        moment: &Moment,
    ) -> Self {
        let (egress_address, egress_source) = egresses.address(exit).unzip();
        Self {
            exit: exit.to_string(),
            egress: egresses.of(exit),
            connections,
            dials: history.map(DialCounts::of).unwrap_or_default(),
            latency: history.and_then(|history| DialLatency::of(history.recent())),
            last_failure: history
                .and_then(History::last_failure)
                .map(|failure| LastFailure::of(failure, moment)),
            egress_address,
            egress_source,
        }
    }
}

impl DialCounts {
    fn of(history: &History) -> Self {
        let counts = history.counts();
        let failed = counts.failed.into_iter();
        Self {
            succeeded: counts.succeeded,
            failed: failed
                .map(|((phase, kind), count)| FailedDials { phase, kind, count })
                .collect(),
            given_up: counts.given_up,
        }
    }
}

impl DialLatency {
    fn of(mut recent: Vec<Duration>) -> Option<Self> {
        recent.sort_unstable();
        // The nearest rank.
        let percentile = |percent: usize| {
            let rank = (recent.len() * percent).div_ceil(100);
            recent.get(rank.checked_sub(1)?).copied()
        };
        Some(Self {
            dials: recent.len(),
            p50: percentile(50)?,
            p90: percentile(90)?,
            p99: percentile(99)?,
        })
    }
}

impl LastFailure {
    fn of(failure: &Failure, moment: &Moment) -> Self {
        Self {
            exchange: failure.exchange.clone(),
            transport: failure.transport,
            phase: failure.phase,
            kind: word(failure.kind),
            message: failure.message.clone(),
            is_check: failure.is_check,
            when: moment.since(failure.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        assert_eq!(DialLatency::of(vec![]), None);
        let millis = |range: std::ops::RangeInclusive<u64>| {
            let latency = DialLatency::of(range.rev().map(Duration::from_millis).collect());
            let latency = latency.unwrap();
            [latency.p50, latency.p90, latency.p99].map(|time| time.as_millis())
        };
        assert_eq!(millis(7..=7), [7, 7, 7]);
        assert_eq!(millis(1..=100), [50, 90, 99]);
        assert_eq!(millis(1..=256), [128, 231, 254]);
    }
}
