//! When a pool stops using a member, and for how long.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::keys::{BREAKER, Said, said};

pub(crate) const FAILURES: RangeInclusive<u64> = 1..=100;
pub(crate) const DEFAULT_FAILURES: u64 = 1;

pub(crate) const COOLDOWN_SECONDS: RangeInclusive<u64> = 1..=3_600;
pub(crate) const DEFAULT_COOLDOWN_SECONDS: u64 = 30;

pub(crate) const MAX_COOLDOWN_SECONDS: RangeInclusive<u64> = 1..=86_400;
pub(crate) const DEFAULT_MAX_COOLDOWN_SECONDS: u64 = 600;

/// When the circuit breaker of a pool's member opens, and for how long.
///
/// ```
/// use proxy_config::BreakerConfig;
///
/// let breaker = BreakerConfig::default().with_failures(3)?.with_cooldown_seconds(10)?;
/// assert_eq!(breaker.max_cooldown().as_secs(), 600);
/// # Ok::<(), proxy_config::InvalidBreaker>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BreakerConfig {
    failures: u64,
    cooldown_seconds: u64,
    max_cooldown_seconds: u64,
}

impl BreakerConfig {
    /// The same with another number of failures in a row that open the breaker, from 1 to 100. The
    /// default is 1.
    ///
    /// # Errors
    /// [`InvalidBreaker`] if `failures` is outside that range.
    pub fn with_failures(mut self, failures: u64) -> Result<Self, InvalidBreaker> {
        if !FAILURES.contains(&failures) {
            return Err(InvalidBreaker::Failures);
        }
        self.failures = failures;
        Ok(self)
    }

    /// The same with another first cool-down, in whole seconds from 1 to 3,600. The default is 30.
    ///
    /// # Errors
    /// [`InvalidBreaker`] if `seconds` is outside that range.
    pub fn with_cooldown_seconds(mut self, seconds: u64) -> Result<Self, InvalidBreaker> {
        if !COOLDOWN_SECONDS.contains(&seconds) {
            return Err(InvalidBreaker::Cooldown);
        }
        self.cooldown_seconds = seconds;
        Ok(self)
    }

    /// The same with another limit of the cool-down, in whole seconds from 1 to 86,400. The default is
    /// 600. A limit below the first cool-down is that cool-down.
    ///
    /// # Errors
    /// [`InvalidBreaker`] if `seconds` is outside that range.
    pub fn with_max_cooldown_seconds(mut self, seconds: u64) -> Result<Self, InvalidBreaker> {
        if !MAX_COOLDOWN_SECONDS.contains(&seconds) {
            return Err(InvalidBreaker::MaxCooldown);
        }
        self.max_cooldown_seconds = seconds;
        Ok(self)
    }

    /// After how many failures in a row the breaker opens.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// For how long it is open at first. Each time that it opens again, it is twice as long.
    #[must_use]
    pub fn cooldown(&self) -> Duration {
        Duration::from_secs(self.cooldown_seconds)
    }

    /// For how long it is open at most.
    #[must_use]
    pub fn max_cooldown(&self) -> Duration {
        Duration::from_secs(self.max_cooldown_seconds.max(self.cooldown_seconds))
    }

    /// The settings as in a configuration.
    pub(crate) fn said(&self) -> Said<'_> {
        Said::Table(said(&BREAKER, self).collect())
    }

    pub(crate) fn cooldown_seconds(&self) -> u64 {
        self.cooldown_seconds
    }

    pub(crate) fn max_cooldown_seconds(&self) -> u64 {
        self.max_cooldown_seconds
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: DEFAULT_FAILURES,
            cooldown_seconds: DEFAULT_COOLDOWN_SECONDS,
            max_cooldown_seconds: DEFAULT_MAX_COOLDOWN_SECONDS,
        }
    }
}

impl Serialize for BreakerConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.said().serialize(serializer)
    }
}

/// A setting of a breaker that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBreaker {
    /// The number of failures.
    #[error("the failures must be from 1 to 100")]
    Failures,
    /// The first cool-down.
    #[error("the cool-down must be from 1 to 3600 seconds")]
    Cooldown,
    /// The limit of the cool-down.
    #[error("the longest cool-down must be from 1 to 86400 seconds")]
    MaxCooldown,
}
