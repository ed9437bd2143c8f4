//! Where a pool gets its members from while the program runs.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::connection_proxies::DIRECT;
use crate::http_url::HttpUrl;
use crate::keys::{SOURCE, Said, said};
use crate::proxy_server::ProxyServer;

/// The valid times between two looks at a source, in seconds.
pub(crate) const INTERVAL_SECONDS: RangeInclusive<u64> = 5..=3600;

pub(crate) const DEFAULT_INTERVAL_SECONDS: u64 = 30;

/// A list of proxies outside of the configuration, which is looked at again and again. Clones share
/// their content.
///
/// ```
/// use proxy_config::{ListRoute, PoolConfig, PoolSource};
///
/// let url = "https://lists.example/s3cret".parse()?;
/// let source = PoolSource::url(url, ListRoute::Direct).with_interval_seconds(60)?;
/// let pool = PoolConfig::from_source(source);
/// assert_eq!(pool.to_string(), "round_robin of the list at https://lists.example/***");
/// assert!(pool.members().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// Shared, because every connection through a listed proxy keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolSource(Arc<Fields>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Fields {
    place: SourcePlace,
    interval_seconds: u64,
}

/// Where a list of proxies is.
///
/// Exhaustive on purpose: whoever reads lists must know how to read each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SourcePlace {
    /// In a file.
    File(PathBuf),
    /// At a URL.
    Url {
        /// The URL.
        url: HttpUrl,
        /// The way of the request.
        route: ListRoute,
    },
    /// In the program, which gives it to the injector under this name.
    Program(Box<str>),
}

/// The way of a request for a list of proxies.
///
/// Exhaustive on purpose: there is a proxy, or `direct` was said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListRoute {
    /// Without a proxy.
    Direct,
    /// Through this proxy.
    Proxy(ProxyServer),
}

impl PoolSource {
    fn new(place: SourcePlace) -> Self {
        Self(Arc::new(Fields {
            place,
            interval_seconds: DEFAULT_INTERVAL_SECONDS,
        }))
    }

    /// The list in a file, looked at every 30 seconds.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(SourcePlace::File(path.into()))
    }

    /// The list at `url`, asked for by `route` every 30 seconds.
    #[must_use]
    pub fn url(url: HttpUrl, route: ListRoute) -> Self {
        Self::new(SourcePlace::Url { url, route })
    }

    /// The list of the source that the program has given this name, asked every 30 seconds.
    #[must_use]
    pub fn program(name: &str) -> Self {
        Self::new(SourcePlace::Program(name.into()))
    }

    /// The same source with another time between two looks, in whole seconds from 5 to 3600.
    ///
    /// # Errors
    /// [`InvalidInterval`] if `seconds` is outside that range.
    pub fn with_interval_seconds(mut self, seconds: u64) -> Result<Self, InvalidInterval> {
        if !INTERVAL_SECONDS.contains(&seconds) {
            return Err(InvalidInterval);
        }
        Arc::make_mut(&mut self.0).interval_seconds = seconds;
        Ok(self)
    }

    /// Where the list is.
    #[must_use]
    pub fn place(&self) -> &SourcePlace {
        &self.0.place
    }

    /// The time between two looks.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.0.interval_seconds)
    }

    /// [`interval`](Self::interval) in seconds.
    #[must_use]
    pub fn interval_seconds(&self) -> u64 {
        self.0.interval_seconds
    }

    pub(crate) fn file_path(&self) -> Option<&Path> {
        match self.place() {
            SourcePlace::File(path) => Some(path),
            SourcePlace::Url { .. } | SourcePlace::Program(_) => None,
        }
    }

    pub(crate) fn list_url(&self) -> Option<(&HttpUrl, &ListRoute)> {
        match self.place() {
            SourcePlace::Url { url, route } => Some((url, route)),
            SourcePlace::File(_) | SourcePlace::Program(_) => None,
        }
    }

    pub(crate) fn program_name(&self) -> Option<&str> {
        match self.place() {
            SourcePlace::Program(name) => Some(name),
            SourcePlace::File(_) | SourcePlace::Url { .. } => None,
        }
    }

    /// The source as in a configuration.
    pub(crate) fn said(&self) -> Said<'_> {
        Said::Table(said(&SOURCE, self).collect())
    }
}

impl ListRoute {
    pub(crate) fn said(&self) -> Said<'_> {
        match self {
            Self::Direct => Said::Word(DIRECT),
            Self::Proxy(proxy) => proxy.said(),
        }
    }
}

/// Where the list is, without what is secret in it.
impl fmt::Display for PoolSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            SourcePlace::File(path) => write!(f, "the list in {}", path.display()),
            SourcePlace::Url {
                url,
                route: ListRoute::Direct,
            } => write!(f, "the list at {url}"),
            SourcePlace::Url {
                url,
                route: ListRoute::Proxy(proxy),
            } => write!(f, "the list at {url} through {proxy}"),
            SourcePlace::Program(name) => write!(f, "the program's list `{name}`"),
        }
    }
}

/// A time between two looks that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the interval must be from 5 to 3600 seconds")]
#[non_exhaustive]
pub struct InvalidInterval;
