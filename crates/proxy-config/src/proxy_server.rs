//! One proxy.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::ca_file::{CaFile, UnreadableFile};
use crate::handshake_mode::HandshakeMode;
use crate::keys::{SERVER, Said, URL_KEY, said};
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
    pub(crate) url: ProxyUrl,
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

    pub(crate) fn authorities(&self) -> Option<&CaFile> {
        self.ca_file.as_ref()
    }

    /// What a configuration has for the proxy.
    pub(crate) fn said(&self) -> Said<'_> {
        Said::Table(self.said_fields().collect())
    }

    pub(crate) fn said_fields(&self) -> impl Iterator<Item = (&str, Said<'_>)> {
        said(&URL_KEY, self).chain(said(&SERVER, self))
    }
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
        self.said().serialize(serializer)
    }
}
