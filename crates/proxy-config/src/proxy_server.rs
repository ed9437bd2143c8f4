//! One proxy.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::bind::Bind;
use crate::ca_file::{CaFile, UnreadableFile};
use crate::handshake_mode::HandshakeMode;
use crate::headers::{InvalidHeader, ProxyHeaders};
use crate::keys::{EGRESS_KEY, SERVER, Said, URL_KEY, said};
use crate::proxy_url::ProxyUrl;

/// One proxy: its address, login, certificate authorities and handshake.
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
    headers: ProxyHeaders,
    bind: Option<Bind>,
    egress: Option<IpAddr>,
}

impl ProxyServer {
    /// A proxy without options. If its scheme is `https`, its certificate must be valid for the
    /// authorities that the program trusts.
    #[must_use]
    pub fn new(url: ProxyUrl) -> Self {
        Self {
            url,
            ca_file: None,
            handshake: HandshakeMode::default(),
            quick_ack: false,
            headers: ProxyHeaders::default(),
            bind: None,
            egress: None,
        }
    }

    /// The same proxy; its certificate may also come from an authority in this PEM file. Has no
    /// effect on a scheme without TLS. The file is read now, and never again.
    ///
    /// # Errors
    /// [`UnreadableFile`] if the file cannot be read within 10 seconds. Its content is not checked.
    pub fn with_ca_file(self, path: impl Into<PathBuf>) -> Result<Self, UnreadableFile> {
        Ok(self.with_authorities(CaFile::read(path.into())?))
    }

    pub(crate) fn with_authorities(mut self, file: CaFile) -> Self {
        self.ca_file = Some(file);
        self
    }

    /// The same proxy with another handshake mode.
    #[must_use]
    pub fn with_handshake(mut self, mode: HandshakeMode) -> Self {
        self.handshake = mode;
        self
    }

    /// The same proxy, with its data acknowledged at once or not. Has no effect on a proxy that is
    /// reached through another, or on an operating system without the option (`TCP_QUICKACK` of
    /// Linux).
    #[must_use]
    pub fn with_quick_ack(mut self, quick_ack: bool) -> Self {
        self.quick_ack = quick_ack;
        self
    }

    /// The same proxy, which also gets this header with each request for a tunnel, and nobody else.
    ///
    /// ```
    /// use proxy_config::{ProxyServer, ProxyUrl};
    ///
    /// let url: ProxyUrl = "https://proxy.example:8443".parse()?;
    /// let server = ProxyServer::new(url)
    ///     .with_header("X-Country", "de")?
    ///     .with_header("Proxy-Authorization", "Bearer secret")?;
    /// assert!(!format!("{server:?}").contains("secret"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidHeader`] if the name or the value cannot be sent in a header, the name is of one that
    /// describes the connection or that the proxy has already, or it is a second login; with a SOCKS
    /// proxy always.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        self.headers.insert(name, value)?;
        self.headers.check(&self.url)?;
        Ok(self)
    }

    pub(crate) fn with_headers(mut self, headers: ProxyHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// The same proxy, reached from this place of this machine. Has no effect on a proxy that is
    /// reached through another.
    #[must_use]
    pub fn with_bind(mut self, bind: Bind) -> Self {
        self.bind = Some(bind);
        self
    }

    /// The same proxy, seen by exchanges as this address, which their limits are counted by. Has no effect
    /// on where connections go.
    #[must_use]
    pub fn with_egress(mut self, egress: IpAddr) -> Self {
        self.egress = Some(egress.to_canonical());
        self
    }

    /// Where the proxy is and how to log in.
    #[must_use]
    pub fn url(&self) -> &ProxyUrl {
        &self.url
    }

    /// The PEM file of certificate authorities for this proxy, in addition to those that the
    /// program trusts.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_ref().map(CaFile::path)
    }

    /// The content of [`ca_file`](Self::ca_file) when it was read.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&[u8]> {
        self.ca_file.as_ref().map(CaFile::pem)
    }

    /// How the proxy is asked for tunnels.
    #[must_use]
    pub fn handshake(&self) -> HandshakeMode {
        self.handshake
    }

    /// Whether data from the proxy is acknowledged at once.
    #[must_use]
    pub fn quick_ack(&self) -> bool {
        self.quick_ack
    }

    /// What the proxy gets with each request for a tunnel.
    #[must_use]
    pub fn headers(&self) -> &ProxyHeaders {
        &self.headers
    }

    /// Where on this machine the connections to the proxy begin; anywhere, if there is none.
    #[must_use]
    pub fn bind(&self) -> Option<&Bind> {
        self.bind.as_ref()
    }

    /// The address that exchanges see of its connections, if it is known.
    #[must_use]
    pub fn egress(&self) -> Option<IpAddr> {
        self.egress
    }

    pub(crate) fn authorities(&self) -> Option<&CaFile> {
        self.ca_file.as_ref()
    }

    /// The proxy as in a configuration.
    pub(crate) fn said(&self) -> Said<'_> {
        Said::Table(self.said_fields().collect())
    }

    pub(crate) fn said_fields(&self) -> impl Iterator<Item = (&str, Said<'_>)> {
        said(&URL_KEY, self).chain(said(&SERVER, self))
    }

    /// The fields of a proxy that is an exit, as in a configuration.
    pub(crate) fn said_exit_fields(&self) -> impl Iterator<Item = (&str, Said<'_>)> {
        self.said_fields().chain(said(&EGRESS_KEY, self))
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
