//! One proxy.

use std::path::{Path, PathBuf};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::proxy_url::ProxyUrl;

/// One proxy: where it is, how to log in, and whom to trust that it is the right one.
///
/// ```
/// use proxy_config::{ProxyServer, ProxyUrl};
///
/// let url: ProxyUrl = "https://alice:secret@proxy.example:8443".parse()?;
/// let server = ProxyServer::new(url).with_ca_file("/etc/ssl/proxy-ca.pem");
/// assert_eq!(server.to_string(), "https://***@proxy.example:8443");
/// # Ok::<(), proxy_config::ProxyUrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProxyServer {
    url: ProxyUrl,
    ca_file: Option<PathBuf>,
}

impl ProxyServer {
    /// A proxy that must prove itself, if its scheme is `https`, to whom the program trusts anyway.
    #[must_use]
    pub fn new(url: ProxyUrl) -> Self {
        Self { url, ca_file: None }
    }

    /// The same proxy, trusted as well if an authority in this PEM file vouches for it. Of no
    /// consequence to a scheme without TLS.
    #[must_use]
    pub fn with_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Where the proxy is and how to log in.
    #[must_use]
    pub fn url(&self) -> &ProxyUrl {
        &self.url
    }

    /// The PEM file of the certificate authorities that may vouch for this proxy, beside those that
    /// are trusted anyway.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// The fields, for a map that may have others.
    pub(crate) fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("url", &self.url)?;
        if let Some(path) = &self.ca_file {
            map.serialize_entry("tls", &Tls { ca_file: path })?;
        }
        Ok(())
    }
}

#[derive(serde::Serialize)]
struct Tls<'a> {
    ca_file: &'a Path,
}

impl From<ProxyUrl> for ProxyServer {
    fn from(url: ProxyUrl) -> Self {
        Self::new(url)
    }
}

/// The URL without its credentials.
impl std::fmt::Display for ProxyServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.url.fmt(f)
    }
}

impl Serialize for ProxyServer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.serialize_fields(&mut map)?;
        map.end()
    }
}
