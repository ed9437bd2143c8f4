//! A REST client for one route.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HeaderValue, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::timeout;
use transport::{BoxError, DialError, Dialer, HttpError, HttpErrorKind, HttpTransport, Target};

use crate::connector::DialerConnector;

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Binance's list of all symbols is about 16 MB.
const MAX_RESPONSE: usize = 64 * 1024 * 1024;
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("cryptofeed/", env!("CARGO_PKG_VERSION")));

/// A REST client over a [`Dialer`]: HTTP/1.1 with keep-alive, no redirects.
///
/// Connections are kept per scheme and authority, and never leave the client: two routes need two
/// clients, and then never share a connection.
pub struct HttpClient<D> {
    client: Client<DialerConnector<D>, Full<Bytes>>,
    request_timeout: Duration,
    max_response: usize,
}

impl<D: Dialer + 'static> HttpClient<D> {
    /// A client that connects by `dialer`, with TLS by `tls`, within `connect_timeout`; an answer
    /// may take 30 s more and have 64 MiB.
    pub fn new(dialer: D, tls: Arc<ClientConfig>, connect_timeout: Duration) -> Self {
        let connector = DialerConnector::new(dialer, tls, connect_timeout);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self {
            client,
            request_timeout: connect_timeout + RESPONSE_TIMEOUT,
            max_response: MAX_RESPONSE,
        }
    }

    /// Bounds a whole request: connecting, if that is needed, and the complete answer.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Bounds the body of an answer, in bytes.
    #[must_use]
    pub fn with_max_response(mut self, bytes: usize) -> Self {
        self.max_response = bytes;
        self
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        Target::from_uri(request.uri())?;
        let (mut parts, body) = request.into_parts();
        parts.headers.entry(USER_AGENT).or_insert(AGENT);
        let request = Request::from_parts(parts, Full::new(body));
        let response = self.client.request(request).await.map_err(request_error)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, self.max_response)
            .collect()
            .await
            .map_err(body_error)?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

impl<D> fmt::Debug for HttpClient<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("request_timeout", &self.request_timeout)
            .field("max_response", &self.max_response)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<D: Dialer + 'static> HttpTransport for HttpClient<D> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        timeout(self.request_timeout, self.exchange(request))
            .await
            .unwrap_or_else(|elapsed| Err(HttpError::new(HttpErrorKind::Timeout, elapsed)))
            .map_err(|error| error.with_request(&method, &uri))
    }
}

/// The pool wraps what the connector said; the dial's own failure is what counts.
fn request_error(error: hyper_util::client::legacy::Error) -> HttpError {
    match dial_error(&error) {
        Some(dial) => dial.clone().into(),
        None => HttpError::new(HttpErrorKind::Broken, error),
    }
}

fn dial_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a DialError> {
    std::iter::successors(Some(error), |error| (*error).source())
        .find_map(|error| error.downcast_ref())
}

fn body_error(error: BoxError) -> HttpError {
    let kind = if error.is::<LengthLimitError>() {
        HttpErrorKind::TooLarge
    } else {
        HttpErrorKind::Broken
    };
    HttpError::new(kind, error)
}
