//! REST transports as services of tower.

use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower_service::Service;
use transport::{HttpError, HttpTransport};

/// A [`tower_service::Service`] over any [`HttpTransport`], for the middleware of tower: limits of
/// concurrency and rate, retries. It is always ready.
///
/// ```
/// use std::sync::Arc;
///
/// use transport::HttpTransport;
/// use transport_http::HttpService;
///
/// fn service(http: Arc<dyn HttpTransport>) -> HttpService<Arc<dyn HttpTransport>> {
///     HttpService::new(http)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct HttpService<T>(T);

impl<T: HttpTransport + Clone + 'static> HttpService<T> {
    /// A service that sends requests by `transport`.
    pub fn new(transport: T) -> Self {
        Self(transport)
    }
}

impl<T: HttpTransport + Clone + 'static> Service<Request<Bytes>> for HttpService<T> {
    type Response = Response<Bytes>;
    type Error = HttpError;
    type Future = BoxFuture<'static, Result<Response<Bytes>, HttpError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let transport = self.0.clone();
        Box::pin(async move { transport.send(request).await })
    }
}
