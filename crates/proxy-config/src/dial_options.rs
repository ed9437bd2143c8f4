//! The options of a dial: the proxies before the last one, and the timeout.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::keys::{DIAL, ROUTE, Said, said};
use crate::proxy_server::ProxyServer;

/// The valid timeouts of a dial through a proxy, in seconds.
pub(crate) const TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=300;

pub(crate) const DEFAULT_TIMEOUT_SECONDS: u64 = 30;

/// The most proxies before the last one.
// Each of them is a dialer around the one before it: without a limit, a dial could exhaust the stack.
pub(crate) const MOST_HOPS: usize = 16;

/// The proxies before the last one, and how long a dial through all of them may take.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DialOptions {
    via: Vec<ProxyServer>,
    timeout_seconds: u64,
}

impl DialOptions {
    pub(crate) fn set_via(
        &mut self,
        via: impl IntoIterator<Item = ProxyServer>,
    ) -> Result<(), TooManyHops> {
        let via: Vec<_> = via.into_iter().take(MOST_HOPS + 1).collect();
        if via.len() > MOST_HOPS {
            return Err(TooManyHops);
        }
        self.via = via;
        Ok(())
    }

    pub(crate) fn via(&self) -> &[ProxyServer] {
        &self.via
    }

    pub(crate) fn set_timeout_seconds(&mut self, seconds: u64) -> Result<(), InvalidTimeout> {
        if !TIMEOUT_SECONDS.contains(&seconds) {
            return Err(InvalidTimeout);
        }
        self.timeout_seconds = seconds;
        Ok(())
    }

    pub(crate) fn timeout_seconds(&self) -> u64 {
        self.timeout_seconds
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// The fields as in a configuration, for a table that has others as well.
    pub(crate) fn said_fields(&self) -> impl Iterator<Item = (&str, Said<'_>)> {
        said(&ROUTE, self).chain(said(&DIAL, self))
    }
}

impl Default for DialOptions {
    fn default() -> Self {
        Self {
            via: Vec::new(),
            timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
        }
    }
}

/// Follows the name of the proxy: the URLs without their credentials, the nearest last.
impl fmt::Display for DialOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nearest_last = self.via.iter().rev();
        nearest_last.try_for_each(|server| write!(f, " via {server}"))
    }
}

/// More proxies before the last one than a route can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`via` has more than {MOST_HOPS} proxies")]
#[non_exhaustive]
pub struct TooManyHops;

/// A timeout that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the timeout must be from 1 to 300 seconds")]
#[non_exhaustive]
pub struct InvalidTimeout;
