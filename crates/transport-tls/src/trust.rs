//! The certificate authorities to trust, and the cryptography.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{Resumption, WantsClientCert};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use transport::BoxError;

/// The number of servers whose TLS sessions a route remembers.
// A route has few servers: an exchange's REST and its streams. rustls would keep 256.
const SESSIONS_PER_ROUTE: usize = 32;

/// The certificate authorities to trust, and the cryptography to check them with.
///
/// For example, only the authorities of a company:
///
/// ```
/// # #[cfg(feature = "ring")]
/// # fn trust(pem: &[u8]) -> Result<(), transport_tls::TrustError> {
/// use transport_tls::TlsTrust;
///
/// let trust = TlsTrust::none().with_ca_pem(pem)?;
/// # let _ = trust;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsTrust {
    // At the step of rustls' builder where only the authorities are missing.
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    roots: Arc<RootCertStore>,
}

impl TlsTrust {
    /// No authorities; `provider` is the cryptography. The process-wide default of rustls is
    /// neither read nor set.
    ///
    /// # Errors
    /// [`TrustError`] if `provider` can speak neither TLS 1.2 nor TLS 1.3.
    pub fn new(provider: Arc<CryptoProvider>) -> Result<Self, TrustError> {
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TrustError::new)?;
        Ok(Self {
            builder,
            roots: Arc::new(RootCertStore::empty()),
        })
    }

    /// No authorities, to which others are added; ring is the cryptography.
    #[cfg(feature = "ring")]
    #[must_use]
    pub fn none() -> Self {
        let Ok(none) = Self::new(Arc::new(rustls::crypto::ring::default_provider())) else {
            unreachable!("ring speaks TLS 1.2 and 1.3");
        };
        none
    }

    /// [The platform's authorities](Self::with_platform); ring is the cryptography.
    #[cfg(feature = "ring")]
    #[must_use]
    pub fn platform() -> Self {
        Self::none().with_platform()
    }

    /// These authorities and the platform's, which `SSL_CERT_FILE` and `SSL_CERT_DIR` can replace.
    /// If the platform has none, Mozilla's, which are compiled in.
    #[must_use]
    pub fn with_platform(mut self) -> Self {
        let found = rustls_native_certs::load_native_certs();
        // One line: if this machine has run out of descriptors, every file fails.
        if let Some(error) = found.errors.first() {
            let files = found.errors.len();
            tracing::warn!(%error, files, "certificate authorities of the platform could not be loaded");
        }
        let roots = Arc::make_mut(&mut self.roots);
        // A platform may have a few authorities that cannot be parsed. The others are good all the
        // same.
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            // A minimal container has none. Without any, every connection would fail.
            tracing::warn!("no certificate authority on this platform; using the bundled ones");
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        self
    }

    /// These authorities and those of a PEM file.
    ///
    /// # Errors
    /// [`TrustError`] if the file cannot be read, holds no certificate, or one that is not usable as
    /// an authority.
    pub fn with_ca_file(self, path: impl AsRef<Path>) -> Result<Self, TrustError> {
        let path = path.as_ref();
        std::fs::read(path)
            .map_err(TrustError::new)
            .and_then(|pem| self.with_ca_pem(&pem))
            .map_err(|error| error.in_file(path))
    }

    /// These authorities and those of a PEM text.
    ///
    /// # Errors
    /// [`TrustError`] if the text holds no certificate, or one that is not usable as an authority.
    pub fn with_ca_pem(mut self, pem: &[u8]) -> Result<Self, TrustError> {
        let roots = Arc::make_mut(&mut self.roots);
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(TrustError::new)?;
            roots.add(certificate).map_err(TrustError::new)?;
        }
        // A PEM parser skips other text, so a wrong file looks like an empty one.
        if roots.len() == before {
            return Err(TrustError::new("no certificate in it"));
        }
        Ok(self)
    }

    /// A TLS configuration that trusts these authorities and offers the protocols `alpn`.
    ///
    /// Its session cache is [its own](with_own_sessions).
    #[must_use]
    pub fn client_config(&self, alpn: &[&[u8]]) -> Arc<ClientConfig> {
        let mut config = self.builder().with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        with_own_sessions(config)
    }

    /// The builder of a TLS configuration that trusts these authorities, to add a client
    /// certificate, for example.
    #[must_use]
    pub fn builder(&self) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        self.builder
            .clone()
            .with_root_certificates(Arc::clone(&self.roots))
    }
}

/// `config` with its own session cache: a ticket from one route is never sent on another, where it
/// would link the exits of two proxies.
#[must_use]
pub fn with_own_sessions(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.resumption = Resumption::in_memory_sessions(SESSIONS_PER_ROUTE);
    Arc::new(config)
}

impl fmt::Debug for TlsTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTrust")
            .field("authorities", &self.roots.len())
            .finish()
    }
}

/// Certificate authorities that cannot be used. The message is to follow "failed to"; the reason is
/// only in [`source`](Error::source).
#[derive(Debug)]
pub struct TrustError {
    path: Option<PathBuf>,
    source: BoxError,
}

impl TrustError {
    fn new(source: impl Into<BoxError>) -> Self {
        Self {
            path: None,
            source: source.into(),
        }
    }

    /// The same error, for authorities from the file at `path`.
    #[must_use]
    pub fn in_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("load certificate authorities")?;
        match &self.path {
            Some(path) => write!(f, " from {}", path.display()),
            None => Ok(()),
        }
    }
}

impl Error for TrustError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_named_with_the_reason() {
        for (path, reason) in [
            ("Cargo.toml", "no certificate in it"),
            ("no-such.pem", "No such file"),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            let error = TlsTrust::platform().with_ca_file(&path).unwrap_err();
            let shown = format!("load certificate authorities from {}", path.display());
            assert_eq!(error.to_string(), shown);
            assert!(error.source().unwrap().to_string().contains(reason));
        }
    }

    #[test]
    fn a_certificate_that_is_none_is_refused() {
        let pem = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(TlsTrust::platform().with_ca_pem(pem).is_err());
        let cut = b"-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n";
        assert!(TlsTrust::platform().with_ca_pem(cut).is_err());
    }

    #[test]
    fn debug_counts_the_authorities() {
        let shown = format!("{:?}", TlsTrust::platform());
        assert!(shown.starts_with("TlsTrust { authorities: "), "{shown}");
    }
}
