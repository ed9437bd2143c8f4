//! A REST client for one route.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING, USER_AGENT};
use http::uri::Scheme;
use http::{Method, Request, Response, Uri};
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::sleep;
use transport::{Dialer, Elapsed, HttpError, HttpTransport, Phase};

use crate::body::{Outgoing, RequestBody, collect};
use crate::connector::DialerConnector;
use crate::failure::Failure;

/// The resolution of timers of tokio. The timer is never set to less, so that a limit of zero does
/// not make a loop.
const TICK: Duration = Duration::from_millis(1);
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
            .set_host(false)
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
    /// As `send`; [`Timeout`](transport::HttpErrorKind::Timeout) if there is no connection in time.
    pub fn send_within(
        &self,
        mut request: Request<Bytes>,
        connect: Duration,
    ) -> impl Future<Output = Result<Response<Bytes>, HttpError>> + Send + use<'_, D> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        if let Some(host) = host(&uri) {
            request.headers_mut().entry(HOST).or_insert(host);
        }
        request.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        name_empty_body(&mut request);
        let (head, body) = request.into_parts();
        let outgoing = Arc::new(Outgoing::new(body));
        let request = Request::from_parts(head, RequestBody::of(&outgoing));
        // The future is moved about, so it gets no more than it needs.
        let head = self.client.request(request);
        async move {
            let answer = self.answer(head, &outgoing, connect).await;
            answer.map_err(|failure| {
                let error = failure.into_error(&uri, self.max_response);
                error.with_request(&method, &uri)
            })
        }
    }

    /// The answer with this head, to a request that says when a connection takes it.
    async fn answer(
        &self,
        head: ResponseFuture,
        outgoing: &Outgoing,
        connect: Duration,
    ) -> Result<Response<Bytes>, Failure> {
        let mut answer = pin!(async {
            let (head, body) = head.await?.into_parts();
            let body = collect(body, self.max_response).await?;
            Ok(Response::from_parts(head, body))
        });
        // One timer for both limits: it goes off when the first of them may be over, and is set
        // again for the one that applies then.
        let mut waited = Duration::ZERO;
        let mut period = connect.min(self.response_timeout.max(TICK));
        let mut alarm = pin!(sleep(period));
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                () = &mut alarm => waited += period,
            }
            let (left, phase, limit) = match outgoing.taken_at() {
                Some(taken_at) => {
                    let limit = self.response_timeout;
                    let left = limit.saturating_sub(taken_at.elapsed());
                    (left, Phase::Response, Elapsed::Phase(limit))
                }
                None => (
                    connect.saturating_sub(waited),
                    Phase::Tcp,
                    Elapsed::Whole(connect),
                ),
            };
            if left.is_zero() {
                return Err(Failure::Elapsed(phase, limit));
            }
            period = left.min(self.response_timeout.max(TICK));
            alarm.set(sleep(period));
        }
    }
}

/// Adds `Content-Length: 0` to a request without a body whose method usually has one (RFC 9110,
/// section 8.6). hyper leaves it out, and some servers then answer 411 Length Required.
fn name_empty_body(request: &mut Request<Bytes>) {
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(request.method());
    let headers = request.headers();
    if has_body && request.body().is_empty() && !headers.contains_key(TRANSFER_ENCODING) {
        let headers = request.headers_mut();
        headers
            .entry(CONTENT_LENGTH)
            .or_insert(HeaderValue::from_static("0"));
    }
}

/// The header `Host`: the authority without login and without a default port (RFC 9110, section
/// 7.2). hyper would do this through a formatter.
fn host(uri: &Uri) -> Option<HeaderValue> {
    let authority = uri.authority()?;
    let is_default = match authority.port_u16() {
        None => true,
        Some(80) => uri.scheme() == Some(&Scheme::HTTP),
        Some(443) => uri.scheme() == Some(&Scheme::HTTPS),
        Some(_) => false,
    };
    let host = if is_default {
        authority.host()
    } else {
        let authority = authority.as_str();
        authority
            .rsplit_once('@')
            .map_or(authority, |(_login, host)| host)
    };
    HeaderValue::from_str(host).ok()
}

impl<D: Dialer + 'static> Clone for HttpClient<D> {
    /// The same client: it shares its connections with this one.
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            response_timeout: self.response_timeout,
            max_response: self.max_response,
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
