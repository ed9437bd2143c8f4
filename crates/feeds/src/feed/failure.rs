//! Why a try ended, in words, and how soon the next one makes sense.

use std::error::Error;
use std::time::Duration;

use transport::{DialError, DialErrorKind, Egress, HttpError, Reply, WsError, WsErrorKind, chain};

use crate::exchange::InvalidUrl;

/// The most that the other side may ask to wait: the longest ban that Binance knows.
const LONGEST_WAIT: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// A try that came to its end.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) pace: Pace,
    /// How long the other side asked to wait; at most [`LONGEST_WAIT`].
    pub(super) retry_after: Option<Duration>,
    pub(super) blocked: Option<Blocked>,
}

/// An exchange does not serve an address: a ban (418), a firewall (403), a region (451).
#[derive(Debug)]
pub(super) struct Blocked {
    pub(super) status: u16,
    pub(super) egress: Egress,
}

impl Blocked {
    fn of(status: u16, egress: Egress) -> Option<Self> {
        matches!(status, 403 | 418 | 451).then_some(Self { status, egress })
    }
}

/// How soon to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Now: nothing failed; the exchange wants another connection.
    AtOnce,
    /// Now, and whatever failed before is forgotten: there is another route.
    Rerouted,
    /// After a delay that grows from try to try.
    Growing,
    /// After the longest delay: without somebody changing something, the next try fails as well.
    Slowest,
}

impl Failure {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            pace: Pace::Growing,
            retry_after: None,
            blocked: None,
        }
    }

    pub(super) fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Says on which way it happened.
    pub(super) fn on(mut self, way: &str) -> Self {
        self.reason = format!("{way}: {}", self.reason);
        self
    }

    pub(super) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        // Anybody on the way can send `Retry-After: 18446744073709551615`; no clock can add that
        // up.
        self.retry_after = wait.map(|wait| wait.min(LONGEST_WAIT));
        self
    }

    /// The part of the wait that the other side asked for.
    pub(super) fn imposed(&self) -> Duration {
        self.retry_after.unwrap_or_default()
    }

    fn caused_by(error: &(dyn Error + 'static), is_retryable: bool) -> Self {
        let dial = DialError::find(error);
        let is_rerouted = dial.is_some_and(|dial| dial.kind() == DialErrorKind::RouteChanged);
        let blocked = dial.filter(|dial| !dial.hop().is_proxy());
        let blocked = blocked.and_then(|dial| Blocked::of(dial.reply()?.status()?, dial.egress()));
        let failure =
            Self::new(format!("failed to {}", chain(error))).with_pace(match is_retryable {
                // A reload has closed the connection, which was in order.
                _ if is_rerouted => Pace::Rerouted,
                true => Pace::Growing,
                false => Pace::Slowest,
            });
        Self { blocked, ..failure }
    }
}

impl From<DialError> for Failure {
    fn from(error: DialError) -> Self {
        Self::caused_by(&error, error.is_retryable()).with_retry_after(error.retry_after())
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let failure = Self::caused_by(&error, error.is_retryable());
        // Also if the body of the answer did not arrive.
        let status = error.reply().and_then(Reply::status);
        let by_status = status.and_then(|status| Blocked::of(status, error.egress()));
        Self {
            blocked: failure.blocked.or(by_status),
            ..failure
        }
        .with_retry_after(error.retry_after())
    }
}

impl From<WsError> for Failure {
    fn from(error: WsError) -> Self {
        let failure = Self::caused_by(&error, error.is_retryable());
        match error.kind() {
            WsErrorKind::RouteChanged => failure.with_pace(Pace::Rerouted),
            _ => failure,
        }
    }
}

impl From<InvalidUrl> for Failure {
    fn from(error: InvalidUrl) -> Self {
        // The same symbols make the same URL, so the next try fails as well.
        Self::new(error.to_string()).with_pace(Pace::Slowest)
    }
}
