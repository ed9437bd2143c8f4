//! A certificate authority for tests.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use transport::BoxError;

use crate::error::SetupError;

/// Names that every certificate is valid for, beside those asked for.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The name of the authority.
const NAME: &str = "cryptofeed test CA";

/// A certificate chain, the leaf first, and the leaf's private key.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certificate authority that exists for one test or one demo.
///
/// The certificate goes to the client under test, as PEM or DER; servers get their configuration
/// from [`server_config`](Self::server_config). The key stays in memory, unless
/// [`key_pem`](Self::key_pem) is asked for, so that several processes can be one authority.
///
/// Three more configurations are for servers that a client must turn away, and
/// [`mutual_config`](Self::mutual_config) is for one that turns clients away.
pub struct TestCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl TestCa {
    /// Makes a new authority.
    ///
    /// # Errors
    /// [`SetupError::Certificate`] if no key can be made.
    pub fn new() -> Result<Self, SetupError> {
        Self::named(NAME)
    }

    /// The authority that [`key_pem`](Self::key_pem) is of. It has another certificate, but who
    /// trusts one of them trusts the other: they have the name and the key in common.
    ///
    /// # Errors
    /// [`SetupError::Certificate`] if `pem` is no private key in PKCS #8.
    pub fn from_key_pem(pem: &str) -> Result<Self, SetupError> {
        Self::with_key(NAME, KeyPair::from_pem(pem).map_err(certificate)?)
    }

    fn named(name: &str) -> Result<Self, SetupError> {
        Self::with_key(name, KeyPair::generate().map_err(certificate)?)
    }

    fn with_key(name: &str, key: KeyPair) -> Result<Self, SetupError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        // It signs the certificates of servers and clients, and no other authority.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(certificate)?;
        Ok(Self { issuer })
    }

    /// The authority's certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The authority's private key as PEM, for [`from_key_pem`](Self::from_key_pem).
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// The authority's certificate as DER.
    #[must_use]
    pub fn certificate_der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// Writes the authority's certificate to a file, as PEM.
    ///
    /// # Errors
    /// [`SetupError::Write`] if the file cannot be written.
    pub fn write_pem(&self, path: impl AsRef<Path>) -> Result<(), SetupError> {
        let path = path.as_ref();
        std::fs::write(path, self.pem()).map_err(|source| SetupError::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// A server with a certificate for `localhost`, `127.0.0.1`, `::1` and `names`, which may be
    /// host names and addresses. It speaks HTTP/1.1 in ALPN.
    ///
    /// # Errors
    /// [`SetupError::Certificate`] if a name is neither a host name nor an address.
    pub fn server_config(&self, names: &[&str]) -> Result<Arc<ServerConfig>, SetupError> {
        self.server(LOOPBACK.iter().chain(names).copied(), None)
    }

    /// A server whose certificate is for `wrong-name.test` alone.
    ///
    /// # Errors
    /// [`SetupError::Certificate`] if the certificate cannot be made.
    pub fn wrong_name_config(&self) -> Result<Arc<ServerConfig>, SetupError> {
        self.server(["wrong-name.test"].into_iter(), None)
    }

    /// A server whose certificate expired at the end of the year 2000.
    ///
    /// # Errors
    /// [`SetupError::Certificate`] if the certificate cannot be made.
    pub fn expired_config(&self) -> Result<Arc<ServerConfig>, SetupError> {
        self.server(LOOPBACK.into_iter(), Some(2001))
    }

    /// A server whose certificate comes from an authority that nobody knows.
    ///
    /// # Errors
    /// [`SetupError::Certificate`] if the certificate cannot be made.
    pub fn untrusted_config(&self) -> Result<Arc<ServerConfig>, SetupError> {
        Self::named("cryptofeed unknown CA")?.server_config(&[])
    }

    /// As [`server_config`](Self::server_config), for a server that turns away every client without
    /// a [certificate](Self::client_certificate) of this authority.
    ///
    /// # Errors
    /// [`SetupError::Certificate`] if a name is neither a host name nor an address.
    pub fn mutual_config(&self, names: &[&str]) -> Result<Arc<ServerConfig>, SetupError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate_der()).map_err(certificate)?;
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .build()
            .map_err(certificate)?;
        let names = LOOPBACK.iter().chain(names).copied();
        let (chain, key) = self.issue(names, ExtendedKeyUsagePurpose::ServerAuth, None)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(certificate)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(certificate)?;
        Ok(http1(config))
    }

    /// A certificate for a client, and its key.
    ///
    /// # Errors
    /// [`SetupError::Certificate`] if the certificate cannot be made.
    pub fn client_certificate(&self) -> Result<Identity, SetupError> {
        let names = ["client.test"].into_iter();
        self.issue(names, ExtendedKeyUsagePurpose::ClientAuth, None)
    }

    fn server<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        expired_in: Option<i32>,
    ) -> Result<Arc<ServerConfig>, SetupError> {
        let (chain, key) = self.issue(names, ExtendedKeyUsagePurpose::ServerAuth, expired_in)?;
        // The provider by name: a process-wide default is not for a library to set.
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(certificate)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(certificate)?;
        Ok(http1(config))
    }

    fn issue<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        usage: ExtendedKeyUsagePurpose,
        expired_in: Option<i32>,
    ) -> Result<Identity, SetupError> {
        let names: Vec<String> = names.map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).map_err(certificate)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "cryptofeed test");
        // Strict verifiers, such as OpenSSL with X509_V_FLAG_X509_STRICT, want it.
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        if let Some(year) = expired_in {
            params.not_after = date_time_ymd(year, 1, 1);
        }
        let key = KeyPair::generate().map_err(certificate)?;
        let leaf = params.signed_by(&key, &self.issuer).map_err(certificate)?;
        Ok((vec![leaf.der().clone()], key.into()))
    }
}

impl fmt::Debug for TestCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCa").finish_non_exhaustive()
    }
}

fn http1(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

fn certificate(error: impl Into<BoxError>) -> SetupError {
    SetupError::Certificate(error.into())
}
