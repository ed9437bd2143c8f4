//! The way from hyper to a dialer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use rustls::ClientConfig;
use tower_service::Service;
use transport::{BoxError, Dialer, Target};
use transport_tls::{TlsDialer, http1_only};

use crate::io::HyperConnection;

/// A connector for hyper clients over any [`Dialer`]: `https` URIs get TLS inside whatever the
/// dialer makes, `http` URIs do not. Its error is a [`DialError`](transport::DialError), or an
/// [`InvalidTarget`](transport::InvalidTarget) for any other URI.
///
/// Cheap to clone: a client of hyper does so for every request.
#[derive(Debug)]
pub struct DialerConnector<D>(Arc<Parts<D>>);

#[derive(Debug)]
struct Parts<D> {
    dialer: Arc<D>,
    tls: Option<TlsDialer<Arc<D>>>,
    timeout: Duration,
}

impl<D: Dialer> DialerConnector<D> {
    /// Connects by `dialer`, with TLS by `tls`, within `timeout` for both together. In ALPN, it
    /// offers HTTP/1.1 alone.
    pub fn new(dialer: D, tls: Arc<ClientConfig>, timeout: Duration) -> Self {
        let dialer = Arc::new(dialer);
        let tls = TlsDialer::new(Arc::clone(&dialer), http1_only(tls));
        Self(Arc::new(Parts {
            dialer,
            tls: Some(tls),
            timeout,
        }))
    }

    /// Connects by `dialer` alone, within `timeout`, for whoever adds TLS on top: the
    /// `HttpsConnector` of hyper-rustls, for example.
    pub fn without_tls(dialer: D, timeout: Duration) -> Self {
        Self(Arc::new(Parts {
            dialer: Arc::new(dialer),
            tls: None,
            timeout,
        }))
    }
}

impl<D: Dialer + 'static> Service<Uri> for DialerConnector<D> {
    type Response = HyperConnection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<HyperConnection, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let parts = Arc::clone(&self.0);
        Box::pin(async move {
            let target = Target::from_http_uri(&uri)?.within(parts.timeout);
            let connection = match &parts.tls {
                Some(tls) if uri.scheme() == Some(&Scheme::HTTPS) => tls.dial(&target).await?,
                _ => parts.dialer.dial(&target).await?,
            };
            Ok(HyperConnection::new(connection))
        })
    }
}

impl<D> Clone for DialerConnector<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
