//! TLS on top of another dialer.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncWriteExt, empty};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use transport::{
    Connection, ConnectionInfo, DialError, DialErrorKind, Dialer, Endpoint, Hop, Host, Io, Phase,
    Secrets, Target,
};

const HTTP1: &[u8] = b"http/1.1";

/// Puts TLS on the connections of the dialer inside it.
///
/// Its `ClientHello` is the [first flight](Target::with_first_flight) of what the dialer inside is
/// asked for.
///
/// The certificate must be valid for the host of the target: for a proxy's dialer that is the
/// proxy, for a tunnel's user the exchange.
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
        let secrets = connection.info().secrets().and(target.secrets());
        let start = Instant::now();
        let (stream, mut info) = target
            .phase(client.shake_hands(connection))
            .await
            .map_err(|overdue| DialError::timeout(hop(), Phase::TargetTls, overdue))?
            .map_err(|error| tls_error(hop(), error, &secrets))?;
        info.record(hop(), Phase::TargetTls, start.elapsed());
        Ok(Connection::new(stream).with_info(info))
    }
}

/// A client that has said hello before there is anybody to hear it.
struct Client {
    hello: Bytes,
    /// Over nothing yet.
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

    /// `target`, with the hello as its first flight and not with what is to be encrypted.
    fn target(&self, target: &Target) -> Target {
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
        info.set_first_flight_sent(false);
        if let Some(nothing) = self.handshake.get_mut() {
            *nothing = io;
        }
        Ok((self.handshake.await?, info))
    }
}

/// `config`, offering HTTP/1.1 alone in ALPN. A WebSocket upgrade fails where HTTP/2 was agreed on.
#[must_use]
pub fn http1_only(mut config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    if config.alpn_protocols != [HTTP1] {
        Arc::make_mut(&mut config).alpn_protocols = vec![HTTP1.to_vec()];
    }
    config
}

/// What the certificate of `endpoint` must be valid for. RFC 6066, section 3: a name goes into SNI
/// as well, an address does not. No certificate can hold a name with a label of more than 63 bytes.
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

/// A failed TLS handshake with `hop` as a [`DialError`]: the kind follows from what `error` wraps. It
/// may quote the certificate of whoever has answered, but none of `secrets`.
fn tls_error(hop: Hop, error: io::Error, secrets: &Secrets) -> DialError {
    let error = innermost(error);
    let kind = match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_)) => DialErrorKind::Certificate,
        Some(rustls::Error::InvalidMessage(_)) => DialErrorKind::WrongProtocol,
        Some(_) => DialErrorKind::Tls,
        None => return DialError::io(hop, Phase::TargetTls, error),
    };
    DialError::new(hop, Phase::TargetTls, kind).with_source(secrets.seal(error))
}

/// Layers of TLS and HTTP wrap an error of the one below into one of their own.
fn innermost(error: io::Error) -> io::Error {
    match error.downcast::<io::Error>() {
        Ok(inner) => innermost(inner),
        Err(error) => error,
    }
}
