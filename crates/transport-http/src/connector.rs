//! The way from hyper to a dialer.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, MaybeHttpsStream};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use tower_service::Service;
use transport::{BoxError, Connection, DialError, Dialer, Hop, Phase, Target};
use transport_tunnel::{http1_only, server_name, tls_error};

use crate::io::HyperConnection;

/// A connector for hyper clients over any [`Dialer`]: `https` URIs get TLS inside whatever the
/// dialer makes, `http` URIs do not. Its error is a [`DialError`], or an
/// [`InvalidTarget`](transport::InvalidTarget) for any other URI.
#[derive(Debug)]
pub struct DialerConnector<D> {
    dialer: Arc<D>,
    tls: Arc<ClientConfig>,
    timeout: Duration,
}

impl<D: Dialer> DialerConnector<D> {
    /// Connects by `dialer`, with TLS by `tls`, within `timeout` for both together. In ALPN, it
    /// offers HTTP/1.1 alone.
    pub fn new(dialer: D, tls: Arc<ClientConfig>, timeout: Duration) -> Self {
        Self {
            dialer: Arc::new(dialer),
            tls: http1_only(tls),
            timeout,
        }
    }
}

impl<D: Dialer + 'static> Service<Uri> for DialerConnector<D> {
    type Response = MaybeHttpsStream<HyperConnection>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self {
            dialer,
            tls,
            timeout,
        } = self.clone();
        Box::pin(async move {
            let target = Target::from_http_uri(&uri)?.within(timeout);
            if uri.scheme() == Some(&Scheme::HTTP) {
                let connection = target.dial(&dialer).await?;
                return Ok(MaybeHttpsStream::Http(HyperConnection::new(connection)));
            }
            let name = server_name(target.endpoint())?;
            let connection = target.dial(&dialer).await?;
            Ok(secure(connection, tls, name, uri, &target).await?)
        })
    }
}

impl<D> Clone for DialerConnector<D> {
    fn clone(&self) -> Self {
        Self {
            dialer: Arc::clone(&self.dialer),
            tls: Arc::clone(&self.tls),
            timeout: self.timeout,
        }
    }
}

/// TLS on a connection that is already open.
async fn secure(
    connection: Connection,
    tls: Arc<ClientConfig>,
    name: ServerName<'static>,
    uri: Uri,
    target: &Target,
) -> Result<MaybeHttpsStream<HyperConnection>, DialError> {
    let hop = || Hop::Target(target.endpoint().clone());
    let name = FixedServerNameResolver::new(name);
    let mut https = HttpsConnector::new(Opened(Some(connection)), tls, true, Arc::new(name));
    let start = Instant::now();
    let mut stream = target
        .phase(https.call(uri))
        .await
        .map_err(|overdue| DialError::timeout(hop(), Phase::TargetTls, overdue))?
        .map_err(|error| tls_error(hop(), io::Error::other(error)))?;
    if let MaybeHttpsStream::Https(tls) = &mut stream {
        let (connection, _session) = tls.inner_mut().get_mut();
        let info = connection.inner_mut().info_mut();
        info.record(hop(), Phase::TargetTls, start.elapsed());
    }
    Ok(stream)
}

/// A connector for one use: hands out the connection that it was given.
struct Opened(Option<Connection>);

impl Service<Uri> for Opened {
    type Response = HyperConnection;
    type Error = io::Error;
    type Future = Ready<io::Result<HyperConnection>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        ready(
            self.0
                .take()
                .map(HyperConnection::new)
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)),
        )
    }
}
