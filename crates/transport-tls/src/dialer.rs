//! TLS on top of another dialer.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rustls::{AlertDescription, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncWriteExt, empty};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use transport::{
    Connection, ConnectionInfo, DialError, DialErrorKind, Dialer, Endpoint, Hop, Host, Io, Phase,
    Secrets, Target,
};

use crate::certificate_fault::CertificateFault;
use crate::stream::Stream;

const HTTP1: &[u8] = b"http/1.1";

/// Adds TLS to the connections of its inner dialer.
///
/// Its `ClientHello` is the [first flight](Target::with_first_flight) of the target that it passes
/// to the inner dialer.
///
/// The certificate must be valid for the host of the target: in the dialer to a proxy that is the
/// proxy, above a tunnel it is the exchange.
//
//     make the hello -> dial, with the hello as the first flight -> sent on the way?
//                                                                    yes: shake hands
//                                                                    no:  send it, shake hands
//
// A dialer below can send the hello before it has a tunnel, which saves a round trip. So the hello
// must exist before there is a connection.
#[derive(Clone)]
pub struct TlsDialer<D> {
    connector: TlsConnector,
    inner: D,
}

impl<D: Dialer> TlsDialer<D> {
    /// TLS by `config` over connections of `inner`. Dialers that share a `config` resume each
    /// other's sessions.
    pub fn new(inner: D, config: Arc<ClientConfig>) -> Self {
        Self {
            connector: TlsConnector::from(config),
            inner,
        }
    }
}

impl<D: std::fmt::Debug> std::fmt::Debug for TlsDialer<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsDialer")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<D: Dialer> Dialer for TlsDialer<D> {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let hop = || Hop::Target(target.endpoint().clone());
        let name = server_name(target.endpoint())?;
        let client = Client::hello(&self.connector, name);
        let connection = self.inner.dial(&client.target(target)).await?;
        // An error may quote a certificate, and a hostile proxy can put the login that it got into
        // one.
        let secrets = connection.info().secrets().and(target.secrets());
        let way = connection.info().clone();
        let start = Instant::now();
        let shaken = match target.phase(client.shake_hands(connection)).await {
            Ok(shaken) => shaken.map_err(|error| tls_error(hop(), error, &secrets)),
            Err(elapsed) => Err(DialError::timeout(hop(), Phase::TargetTls, elapsed)),
        };
        let (stream, mut info) = shaken.map_err(|error| error.with_through(way.hops()))?;
        info.record(hop(), Phase::TargetTls, start.elapsed());
        let stream = Stream::new(stream, target.endpoint().clone());
        Ok(Connection::new(stream).with_info(info))
    }
}

/// A client whose `ClientHello` is made before there is a connection.
struct Client {
    hello: Bytes,
    /// Over an empty stream, until there is a connection.
    handshake: tokio_rustls::Connect<Box<dyn Io>>,
}

impl Client {
    fn hello(connector: &TlsConnector, name: ServerName<'static>) -> Self {
        let mut hello = Vec::new();
        let nothing: Box<dyn Io> = Box::new(empty());
        let handshake = connector.connect_with(name, nothing, |session| {
            // A vector takes everything. If it did not, the rest would follow in the handshake.
            let _ = session.write_tls(&mut hello);
        });
        Self {
            hello: hello.into(),
            handshake,
        }
    }

    /// `target`, with the hello as its first flight.
    fn target(&self, target: &Target) -> Target {
        // It replaces a flight of the caller, which is to be encrypted and must not be sent below.
        target.clone().with_first_flight(self.hello.clone())
    }

    async fn shake_hands(
        mut self,
        connection: Connection,
    ) -> io::Result<(TlsStream<Box<dyn Io>>, ConnectionInfo)> {
        let (mut io, mut info) = connection.into_parts();
        if !info.is_first_flight_sent() {
            io.write_all(&self.hello).await?;
            io.flush().await?;
        }
        // For the caller, the first flight is its own, and that has not been sent.
        info.set_first_flight_sent(false);
        // rustls has the hello's state in the session, so the handshake continues over the real
        // stream.
        if let Some(nothing) = self.handshake.get_mut() {
            *nothing = io;
        }
        Ok((self.handshake.await?, info))
    }
}

/// `config` with only HTTP/1.1 in ALPN. A WebSocket upgrade fails if HTTP/2 was negotiated.
#[must_use]
pub fn http1_only(mut config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    // Not copied if nothing changes, so that callers keep sharing it.
    if config.alpn_protocols != [HTTP1] {
        Arc::make_mut(&mut config).alpn_protocols = vec![HTTP1.to_vec()];
    }
    config
}

/// The name that the certificate of `endpoint` must be valid for. A name is also sent in SNI, an
/// address is not (RFC 6066, section 3). No certificate can contain a name with a label of more
/// than 63 bytes.
fn server_name(endpoint: &Endpoint) -> Result<ServerName<'static>, DialError> {
    Ok(match endpoint.host() {
        Host::Ipv4(ip) => ServerName::from(std::net::IpAddr::V4(*ip)),
        Host::Ipv6(ip) => ServerName::from(std::net::IpAddr::V6(*ip)),
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|error| {
            let hop = Hop::Target(endpoint.clone());
            DialError::new(hop, Phase::TargetTls, DialErrorKind::Unsupported).with_source(error)
        })?,
    })
}

/// Whether an error of reading or writing over TLS means that the other side wants a certificate of
/// ours, or another one.
///
/// With TLS 1.3, the other side looks at it after the handshake has ended on this side (RFC 8446, section
/// 2), so this shows only with its first answer.
#[must_use]
pub fn is_certificate_wanted(error: &io::Error) -> bool {
    let mut innermost = error;
    while let Some(inner) = innermost.get_ref().and_then(|cause| cause.downcast_ref()) {
        innermost = inner;
    }
    let cause = innermost.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(
        cause,
        Some(rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
        ))
    )
}

/// A failed TLS handshake with `hop` as a [`DialError`], whose kind depends on the inner error. It
/// may quote the certificate of the other side, but none of `secrets`.
fn tls_error(hop: Hop, error: io::Error, secrets: &Secrets) -> DialError {
    let error = innermost(error);
    let kind = match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_)) => DialErrorKind::Certificate,
        Some(_) if is_certificate_wanted(&error) => DialErrorKind::Authentication,
        // The other side does not speak TLS: an HTTP port, for example.
        Some(rustls::Error::InvalidMessage(_)) => DialErrorKind::WrongProtocol,
        Some(_) => DialErrorKind::Tls,
        None => return DialError::io(hop, Phase::TargetTls, error),
    };
    let fault = CertificateFault::of(&error);
    let sealed = secrets.seal(error);
    let failure = DialError::new(hop, Phase::TargetTls, kind);
    match fault.filter(|_| CertificateFault::of(&*sealed).is_none()) {
        Some(fault) => failure.with_source(fault),
        None => failure.with_source(sealed),
    }
}

/// The innermost error. Layers of TLS and HTTP wrap the errors of the layer below.
fn innermost(error: io::Error) -> io::Error {
    match error.downcast::<io::Error>() {
        Ok(inner) => innermost(inner),
        Err(error) => error,
    }
}
