//! A REST client for one route.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HeaderValue, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::{sleep, timeout};
use transport::{
    DialError, Dialer, Elapsed, Hop, HttpError, HttpErrorKind, HttpTransport, Phase, Target,
};

use crate::connector::DialerConnector;
use crate::failure::{no_body, no_response};

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
    response_timeout: Duration,
    max_response: usize,
}

impl<D: Dialer + 'static> HttpClient<D> {
    /// A client that connects by `dialer`, with TLS by `tls`, within `connect_timeout`; from then
    /// on, an answer may take 30 s and have 64 MiB. In ALPN, it offers HTTP/1.1 alone.
    pub fn new(dialer: D, tls: Arc<ClientConfig>, connect_timeout: Duration) -> Self {
        Self::over(DialerConnector::new(dialer, tls, connect_timeout))
    }

    /// A client that connects by `connector`, with the same limits.
    pub fn over(connector: DialerConnector<D>) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self {
            client,
            response_timeout: RESPONSE_TIMEOUT,
            max_response: MAX_RESPONSE,
        }
    }

    /// Bounds the time from the connection, new or kept, to the end of the answer.
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// Bounds the body of an answer, in bytes.
    #[must_use]
    pub fn with_max_response(mut self, bytes: usize) -> Self {
        self.max_response = bytes;
        self
    }

    /// As [`send`](HttpTransport::send), with no more than `connect` to get a connection.
    ///
    /// # Errors
    /// As `send`; [`Timeout`](HttpErrorKind::Timeout) if there is no connection in time.
    pub async fn send_within(
        &self,
        request: Request<Bytes>,
        connect: Duration,
    ) -> Result<Response<Bytes>, HttpError> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        self.exchange(request, connect)
            .await
            .map_err(|error| error.with_request(&method, &uri))
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        connect: Duration,
    ) -> Result<Response<Bytes>, HttpError> {
        let target = Target::from_http_uri(request.uri())?;
        let exchange = || Hop::Target(target.endpoint().clone());
        let mut request = request.map(Full::new);
        request.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        let mut connection = capture_connection(&mut request);
        let answer = async {
            let response = self.client.request(request).await;
            let (parts, body) = response
                .map_err(|error| no_response(exchange(), &error))?
                .into_parts();
            let body = Limited::new(body, self.max_response).collect().await;
            let body = body.map_err(|error| no_body(exchange(), self.max_response, &error))?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        let overdue = async {
            let connected = connection.wait_for_connection_metadata();
            if timeout(connect, connected).await.is_err() {
                return DialError::timeout(exchange(), Phase::Tcp, Elapsed::Whole(connect));
            }
            sleep(self.response_timeout).await;
            let overdue = Elapsed::Phase(self.response_timeout);
            DialError::timeout(exchange(), Phase::Response, overdue)
        };
        tokio::select! {
            biased;
            answer = answer => answer,
            overdue = overdue => Err(HttpError::new(HttpErrorKind::Timeout, overdue)),
        }
    }
}

impl<D> fmt::Debug for HttpClient<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("response_timeout", &self.response_timeout)
            .field("max_response", &self.max_response)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<D: Dialer + 'static> HttpTransport for HttpClient<D> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // The connector has a limit of its own.
        self.send_within(request, Duration::MAX).await
    }
}
