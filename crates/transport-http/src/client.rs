//! A REST client for one route.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING, USER_AGENT,
};
use http::uri::{PathAndQuery, Scheme};
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use rustls::ClientConfig;
use tokio::time::timeout;
use tower_service::Service;
use transport::{Dialer, HttpError, HttpTransport, ResponseLimits};

use crate::clock::Clock;
use crate::connector::DialerConnector;
use crate::failure::{Failed, Failure, Late};
use crate::pool::{Line, Pool, place};
use crate::request::answer;

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("cryptofeed/", env!("CARGO_PKG_VERSION")));
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// How long a connection that was open before may yield nothing. A path that has died while it was idle
/// does so for ever, and the exchange is not to blame.
const PATIENCE: Duration = Duration::from_secs(5);

/// A REST client over a [`Dialer`]: HTTP/1.1 with keep-alive, no redirects. It offers gzip, unless a
/// request has its own `Accept-Encoding`, and decodes it.
///
/// Connections are kept per scheme and authority, and never leave the client: two routes need two
/// clients, and then never share a connection. One that was open before and yields nothing within 5
/// seconds has died: it is dropped, and an idempotent request (RFC 9110, section 9.2.2) is made again
/// on a new one, within the same limits.
pub struct HttpClient<D> {
    connector: DialerConnector<D>,
    pool: Arc<Pool>,
    limits: ResponseLimits,
}

impl<D: Dialer + 'static> HttpClient<D> {
    /// A client that connects by `dialer`, with TLS by `tls`, within `connect_timeout`; from then
    /// on, the default of [`ResponseLimits`] applies. In ALPN, it offers HTTP/1.1 alone.
    pub fn new(dialer: D, tls: Arc<ClientConfig>, connect_timeout: Duration) -> Self {
        Self::over(DialerConnector::new(dialer, tls, connect_timeout))
    }

    /// A client that connects by `connector`, with the same limits.
    pub fn over(connector: DialerConnector<D>) -> Self {
        Self {
            connector,
            pool: Arc::default(),
            limits: ResponseLimits::default(),
        }
    }

    /// Bounds answers by `limits`.
    #[must_use]
    pub fn with_limits(mut self, limits: ResponseLimits) -> Self {
        self.limits = limits;
        self
    }

    /// As [`send`](HttpTransport::send), with no more than `connect` to get a connection.
    ///
    /// # Errors
    /// As `send`; [`Timeout`](transport::HttpErrorKind::Timeout) if there is no connection in time.
    pub async fn send_within(
        &self,
        request: Request<Bytes>,
        connect: Duration,
    ) -> Result<Response<Bytes>, HttpError> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let answer = self.answer(&uri, prepared(request), connect).await;
        answer.map_err(|failed| failed.into_error(&uri).with_request(&method, &uri))
    }

    async fn answer(
        &self,
        uri: &Uri,
        mut request: Request<Full<Bytes>>,
        connect: Duration,
    ) -> Result<Response<Bytes>, Failed> {
        let place = place(uri).ok_or(Failure::NoPlace)?;
        // An authority may hold a login.
        let host = uri.host().unwrap_or_default();
        let mut line = match self.pool.take(&place) {
            Some(line) => {
                tracing::trace!(host, "a kept connection takes the request");
                line
            }
            None => self.connect(uri, connect).await?,
        };
        let clock = Clock::start(self.limits);
        let is_repeatable = line.is_reused && request.method().is_idempotent();
        let mut again = is_repeatable.then(|| request.clone());
        loop {
            let patience = again.is_some().then_some(PATIENCE);
            let failure = match answer(&mut line, request, &clock, patience).await {
                Ok(response) => {
                    self.pool.keep(place, line);
                    return Ok(response);
                }
                Err(failure) => failure,
            };
            //     what became of the request     is made again on a new connection
            //     none of it was sent            whatever it is
            //     sent, and nothing came back    if it is idempotent
            //     an answer has begun            never
            let next = match failure {
                Failure::Unsent(ref unsent, _) if line.is_reused => Some((**unsent).clone()),
                _ if line.watch.is_silent() && failure.is_of_the_connection() => again.take(),
                _ => None,
            };
            let Some(next) = next else {
                return Err(failure.on(&line));
            };
            tracing::debug!(
                host,
                "a kept connection has died; the request takes a new one"
            );
            request = next;
            self.pool.forget(&place);
            // Whatever else it waits for would hold up the exchange as well.
            drop(line);
            line = self.connect(uri, connect.min(clock.left_to_head())).await?;
        }
    }

    async fn connect(&self, uri: &Uri, limit: Duration) -> Result<Line, Failure> {
        let host = uri.host().unwrap_or_default();
        tracing::trace!(host, "the request waits for a connection");
        let connect = async {
            let connection = self.connector.clone().call(uri.clone()).await;
            Line::over(connection.map_err(Failure::NoConnection)?)
                .await
                .map_err(Failure::Broken)
        };
        match timeout(limit, connect).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Late(Late::Connection(limit))),
        }
    }
}

/// The request as it is sent.
fn prepared(request: Request<Bytes>) -> Request<Full<Bytes>> {
    let (mut head, body) = request.into_parts();
    if let Some(host) = host(&head.uri) {
        head.headers.entry(HOST).or_insert(host);
    }
    head.headers.entry(USER_AGENT).or_insert(AGENT);
    head.headers.entry(ACCEPT_ENCODING).or_insert(GZIP);
    // RFC 9110, section 8.6: a method that usually has a body says if there is none. hyper leaves that
    // out, and some servers then answer 411 Length Required.
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&head.method);
    if has_body && body.is_empty() && !head.headers.contains_key(TRANSFER_ENCODING) {
        let length = head.headers.entry(CONTENT_LENGTH);
        length.or_insert(HeaderValue::from_static("0"));
    }
    // The origin-form (RFC 9112, section 3.2.1).
    let path = head.uri.path_and_query().cloned();
    head.uri = path
        .unwrap_or_else(|| PathAndQuery::from_static("/"))
        .into();
    Request::from_parts(head, Full::new(body))
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

impl<D> Clone for HttpClient<D> {
    /// The same client: it shares its connections with this one.
    fn clone(&self) -> Self {
        Self {
            connector: self.connector.clone(),
            pool: Arc::clone(&self.pool),
            limits: self.limits,
        }
    }
}

impl<D> fmt::Debug for HttpClient<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("limits", &self.limits)
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
