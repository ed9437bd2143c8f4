//! A REST client for one route.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HeaderValue, USER_AGENT};
use http::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::{Instant, sleep};
use transport::{Dialer, Elapsed, HttpError, HttpTransport, Phase};

use crate::body::{RequestBody, TakenAt, collect};
use crate::connector::DialerConnector;
use crate::failure::Failure;

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
    client: Client<DialerConnector<D>, RequestBody>,
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
        let answer = self.exchange(request, connect).await;
        answer.map_err(|failure| {
            let error = failure.into_error(&uri, self.max_response);
            error.with_request(&method, &uri)
        })
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        connect: Duration,
    ) -> Result<Response<Bytes>, Failure> {
        let start = Instant::now();
        let taken_at = TakenAt::default();
        let mut answer = pin!(self.answer(request, &taken_at));
        // One timer for both limits: it goes off when the first of them may be over, and is set
        // again for the one that applies then.
        let mut alarm = pin!(sleep(connect.min(self.response_timeout)));
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                () = &mut alarm => {}
            }
            let (limit, phase, overdue) = match taken_at.get() {
                Some(taken_at) => {
                    let overdue = Elapsed::Phase(self.response_timeout);
                    (
                        remaining(*taken_at, self.response_timeout),
                        Phase::Response,
                        overdue,
                    )
                }
                None => (
                    remaining(start, connect),
                    Phase::Tcp,
                    Elapsed::Whole(connect),
                ),
            };
            if limit.is_zero() {
                return Err(Failure::Overdue(phase, overdue));
            }
            alarm.set(sleep(limit.min(self.response_timeout)));
        }
    }

    async fn answer(
        &self,
        request: Request<Bytes>,
        taken_at: &TakenAt,
    ) -> Result<Response<Bytes>, Failure> {
        let mut request = request.map(|bytes| RequestBody::new(bytes, taken_at));
        request.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = collect(body, self.max_response).await?;
        Ok(Response::from_parts(head, body))
    }
}

/// What is left of `limit`, which began at `start`.
fn remaining(start: Instant, limit: Duration) -> Duration {
    limit.saturating_sub(start.elapsed())
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
