//! One proxy.

use std::path::{Path, PathBuf};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::ca_file::{CaFile, UnreadableFile};
use crate::handshake_mode::HandshakeMode;
use crate::proxy_url::ProxyUrl;

/// One proxy: where it is, how to log in, whom to trust that it is the right one, and how to speak
/// with it.
///
/// ```
/// use proxy_config::{ProxyServer, ProxyUrl};
///
/// let url: ProxyUrl = "https://alice:secret@proxy.example:8443".parse()?;
/// let server = ProxyServer::new(url).with_quick_ack(true);
/// assert_eq!(server.to_string(), "https://***@proxy.example:8443");
/// # Ok::<(), proxy_config::ProxyUrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProxyServer {
    url: ProxyUrl,
    ca_file: Option<CaFile>,
    handshake: HandshakeMode,
    quick_ack: bool,
}

impl ProxyServer {
    /// A proxy that must prove itself, if its scheme is `https`, to whom the program trusts anyway.
    #[must_use]
    pub fn new(url: ProxyUrl) -> Self {
        Self {
            url,
            ca_file: None,
            handshake: HandshakeMode::default(),
            quick_ack: false,
        }
    }

    /// The same proxy, trusted as well if an authority in this PEM file vouches for it. Of no
    /// consequence to a scheme without TLS. The file is read now, and never again.
    ///
    /// # Errors
    /// [`UnreadableFile`] if the file cannot be read, within 10 seconds. What is in it is not looked
    /// at.
    pub fn with_ca_file(self, path: impl Into<PathBuf>) -> Result<Self, UnreadableFile> {
        Ok(self.with_authorities(CaFile::read(path.into())?))
    }

    pub(crate) fn with_authorities(mut self, file: CaFile) -> Self {
        self.ca_file = Some(file);
        self
    }

    /// The same proxy, asked for tunnels in another way.
    #[must_use]
    pub fn with_handshake(mut self, mode: HandshakeMode) -> Self {
        self.handshake = mode;
        self
    }

    /// The same proxy, with what it sends acknowledged at once or not. Of no consequence to one
    /// that is reached through another, or where the operating system has no such option (it is
    /// `TCP_QUICKACK` of Linux).
    #[must_use]
    pub fn with_quick_ack(mut self, quick_ack: bool) -> Self {
        self.quick_ack = quick_ack;
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
        self.ca_file.as_ref().map(CaFile::path)
    }

    /// What was in [`ca_file`](Self::ca_file) when it was read.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&[u8]> {
        self.ca_file.as_ref().map(CaFile::pem)
    }

    /// How the proxy is asked for tunnels.
    #[must_use]
    pub fn handshake(&self) -> HandshakeMode {
        self.handshake
    }

    /// Whether what the proxy sends is acknowledged at once.
    #[must_use]
    pub fn quick_ack(&self) -> bool {
        self.quick_ack
    }

    /// The fields, for a map that may have others.
    pub(crate) fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("url", &self.url)?;
        if let Some(path) = self.ca_file() {
            map.serialize_entry("tls", &Tls { ca_file: path })?;
        }
        if self.handshake != HandshakeMode::default() {
            map.serialize_entry("handshake", &self.handshake)?;
        }
        if self.quick_ack {
            map.serialize_entry("quick_ack", &self.quick_ack)?;
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
