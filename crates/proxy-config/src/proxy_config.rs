//! One proxy and how it is used.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;

use crate::proxy_url::ProxyUrl;

/// The seconds a dial through a proxy may take.
pub(crate) const TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=300;

const DEFAULT_TIMEOUT_SECONDS: u64 = 30;

/// One proxy: its URL, and how long a dial through it may take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ProxyConfig {
    url: ProxyUrl,
    timeout_seconds: u64,
}

impl ProxyConfig {
    /// A proxy with the default timeout of 30 seconds.
    #[must_use]
    pub fn new(url: ProxyUrl) -> Self {
        Self {
            url,
            timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
        }
    }

    /// The same proxy with another timeout, in whole seconds from 1 to 300.
    ///
    /// # Errors
    /// [`InvalidTimeout`] if `seconds` is outside that range.
    pub fn with_timeout_seconds(mut self, seconds: u64) -> Result<Self, InvalidTimeout> {
        if !TIMEOUT_SECONDS.contains(&seconds) {
            return Err(InvalidTimeout);
        }
        self.timeout_seconds = seconds;
        Ok(self)
    }

    /// Where the proxy is and how to log in.
    #[must_use]
    pub fn url(&self) -> &ProxyUrl {
        &self.url
    }

    /// How long a whole dial through the proxy may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// [`timeout`](Self::timeout) in seconds.
    #[must_use]
    pub fn timeout_seconds(&self) -> u64 {
        self.timeout_seconds
    }
}

/// A timeout that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the timeout must be from 1 to 300 seconds")]
#[non_exhaustive]
pub struct InvalidTimeout;
