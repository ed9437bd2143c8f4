//! A proxy and the way to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::dial_options::{DialOptions, InvalidTimeout, TooManyHops};
use crate::keys::Said;
use crate::pool_source::PoolSource;
use crate::proxy_server::ProxyServer;
use crate::proxy_url::ProxyUrl;

/// The proxy that connects to targets, the proxies on the way to it, and how long a dial through
/// all of them may take. Clones share their content.
///
/// ```
/// use proxy_config::{ProxyConfig, ProxyServer, ProxyUrl};
///
/// let gate: ProxyUrl = "http://gate.example:3128".parse()?;
/// let proxy = ProxyConfig::new("socks5h://exit.example:1080".parse()?)
///     .with_via([ProxyServer::new(gate)])?;
/// assert_eq!(proxy.to_string(), "socks5h://exit.example:1080 via http://gate.example:3128");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// Shared, because every connection gets a clone with its route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProxyConfig(Arc<Fields>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Fields {
    server: ProxyServer,
    options: DialOptions,
    source: Option<PoolSource>,
}

impl ProxyConfig {
    /// A proxy that is reached directly, with the default timeout of 30 seconds.
    #[must_use]
    pub fn new(url: ProxyUrl) -> Self {
        ProxyServer::new(url).into()
    }

    /// The same way, to another proxy.
    #[must_use]
    pub fn with_server(mut self, server: ProxyServer) -> Self {
        self.fields().server = server;
        self
    }

    /// The same proxy behind these, the nearest first; at most 16.
    ///
    /// # Errors
    /// [`TooManyHops`] if there are more.
    pub fn with_via(
        mut self,
        via: impl IntoIterator<Item = ProxyServer>,
    ) -> Result<Self, TooManyHops> {
        self.fields().options.set_via(via)?;
        Ok(self)
    }

    /// The same proxy with another timeout, in whole seconds from 1 to 300.
    ///
    /// # Errors
    /// [`InvalidTimeout`] if `seconds` is outside that range.
    pub fn with_timeout_seconds(mut self, seconds: u64) -> Result<Self, InvalidTimeout> {
        self.fields().options.set_timeout_seconds(seconds)?;
        Ok(self)
    }

    pub(crate) fn with_options(mut self, options: DialOptions) -> Self {
        self.fields().options = options;
        self
    }

    pub(crate) fn listed_by(mut self, source: Option<PoolSource>) -> Self {
        self.fields().source = source;
        self
    }

    /// The list outside of the configuration that names the proxy, if it is a pool's member by that.
    #[must_use]
    pub fn source(&self) -> Option<&PoolSource> {
        self.0.source.as_ref()
    }

    /// The proxy as in a configuration.
    pub(crate) fn said(&self) -> Said<'_> {
        let (server, options) = (&self.0.server, &self.0.options);
        Said::Table(
            server
                .said_exit_fields()
                .chain(options.said_fields())
                .collect(),
        )
    }

    /// The fields, no longer shared with clones.
    fn fields(&mut self) -> &mut Fields {
        Arc::make_mut(&mut self.0)
    }

    /// The last proxy: the one that connects to the target.
    #[must_use]
    pub fn server(&self) -> &ProxyServer {
        &self.0.server
    }

    /// The proxies on the way to [`server`](Self::server), the nearest first.
    #[must_use]
    pub fn via(&self) -> &[ProxyServer] {
        self.0.options.via()
    }

    /// Where [`server`](Self::server) is and how to log in.
    #[must_use]
    pub fn url(&self) -> &ProxyUrl {
        self.0.server.url()
    }

    /// How long a whole dial, through all proxies, may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.0.options.timeout()
    }

    /// [`timeout`](Self::timeout) in seconds.
    #[must_use]
    pub fn timeout_seconds(&self) -> u64 {
        self.0.options.timeout_seconds()
    }
}

impl From<ProxyServer> for ProxyConfig {
    fn from(server: ProxyServer) -> Self {
        Self(Arc::new(Fields {
            server,
            options: DialOptions::default(),
            source: None,
        }))
    }
}

/// The URLs without their credentials, the nearest proxy last.
impl fmt::Display for ProxyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.server.fmt(f)?;
        self.0.options.fmt(f)
    }
}

impl Serialize for ProxyConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.said().serialize(serializer)
    }
}
