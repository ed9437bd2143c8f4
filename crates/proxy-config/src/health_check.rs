//! How the members of a pool are checked while nobody uses them.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::keys::{HEALTH_CHECK, Said, said};

pub(crate) const INTERVAL_SECONDS: RangeInclusive<u64> = 5..=300;
pub(crate) const DEFAULT_INTERVAL_SECONDS: u64 = 30;

pub(crate) const CHECK_TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=30;
pub(crate) const DEFAULT_CHECK_TIMEOUT_SECONDS: u64 = 5;

pub(crate) const RETRIES: RangeInclusive<u64> = 1..=10;
pub(crate) const DEFAULT_RETRIES: u64 = 2;

/// How the members of a pool are checked, beside what its connections show.
///
/// ```
/// use proxy_config::{HealthCheck, HealthCheckMethod};
///
/// let check = HealthCheck::new(HealthCheckMethod::Handshake).with_interval_seconds(60)?;
/// assert_eq!(check.timeout().as_secs(), 5);
/// # Ok::<(), proxy_config::InvalidHealthCheck>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct HealthCheck {
    method: HealthCheckMethod,
    timing: Timing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Timing {
    interval_seconds: u64,
    timeout_seconds: u64,
    retries: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            interval_seconds: DEFAULT_INTERVAL_SECONDS,
            timeout_seconds: DEFAULT_CHECK_TIMEOUT_SECONDS,
            retries: DEFAULT_RETRIES,
        }
    }
}

impl HealthCheck {
    /// Checks by `method` every 30 seconds.
    #[must_use]
    pub fn new(method: HealthCheckMethod) -> Self {
        Self {
            method,
            ..Self::default()
        }
    }

    /// The same with another time from one check of a member to the next, in whole seconds from 5 to
    /// 300. The default is 30.
    ///
    /// # Errors
    /// [`InvalidHealthCheck`] if `seconds` is outside that range.
    pub fn with_interval_seconds(mut self, seconds: u64) -> Result<Self, InvalidHealthCheck> {
        if !INTERVAL_SECONDS.contains(&seconds) {
            return Err(InvalidHealthCheck::Interval);
        }
        self.timing.interval_seconds = seconds;
        Ok(self)
    }

    /// The same with another time limit of a check, in whole seconds from 1 to 30. The default is 5.
    ///
    /// # Errors
    /// [`InvalidHealthCheck`] if `seconds` is outside that range.
    pub fn with_timeout_seconds(mut self, seconds: u64) -> Result<Self, InvalidHealthCheck> {
        if !CHECK_TIMEOUT_SECONDS.contains(&seconds) {
            return Err(InvalidHealthCheck::Timeout);
        }
        self.timing.timeout_seconds = seconds;
        Ok(self)
    }

    /// The same with another number of checks in a row that must fail before a member is skipped,
    /// from 1 to 10. The default is 2.
    ///
    /// # Errors
    /// [`InvalidHealthCheck`] if `retries` is outside that range.
    pub fn with_retries(mut self, retries: u64) -> Result<Self, InvalidHealthCheck> {
        if !RETRIES.contains(&retries) {
            return Err(InvalidHealthCheck::Retries);
        }
        self.timing.retries = retries;
        Ok(self)
    }

    /// The settings as in a configuration.
    pub(crate) fn said(&self) -> Said<'_> {
        Said::Table(said(&HEALTH_CHECK, self).collect())
    }

    pub(crate) fn with_method(mut self, method: HealthCheckMethod) -> Self {
        self.method = method;
        self
    }

    /// What a check does.
    #[must_use]
    pub fn method(&self) -> HealthCheckMethod {
        self.method
    }

    /// The time from one check of a member to the next.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.timing.interval_seconds)
    }

    /// How long a check may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timing.timeout_seconds)
    }

    /// How many checks in a row must fail.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.timing.retries
    }
}

impl Serialize for HealthCheck {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.said().serialize(serializer)
    }
}

/// What a check of a member does.
///
/// Exhaustive on purpose: every checker must implement each method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthCheckMethod {
    /// Connects to the member, and closes the connection.
    #[default]
    Tcp,
    /// Opens a tunnel through the member to where its pool is used, and sends nothing through it.
    Handshake,
    /// Sends a request through the member to where its pool is used. Any answer will do.
    Http,
}

impl HealthCheckMethod {
    pub(crate) const ALL: [Self; 3] = [Self::Tcp, Self::Handshake, Self::Http];

    /// The method as written in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Handshake => "handshake",
            Self::Http => "http",
        }
    }
}

/// A setting of a health check that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHealthCheck {
    /// The interval.
    #[error("the interval must be from 5 to 300 seconds")]
    Interval,
    /// The time limit.
    #[error("the timeout must be from 1 to 30 seconds")]
    Timeout,
    /// The number of checks.
    #[error("the retries must be from 1 to 10")]
    Retries,
}
