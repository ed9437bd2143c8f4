//! The REST seam.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::pending;
use http::{Method, Request, Response, StatusCode, Uri};

use crate::connection::ConnectionInfo;
use crate::egress::Egress;
use crate::error::{BoxError, DialError, through};
use crate::reload::Reloads;
use crate::reply::{HttpReply, Reply, is_of_the_moment};
use crate::retry_after::retry_after;
use crate::target::{Endpoint, InvalidTarget};

/// Sends REST requests.
#[async_trait]
pub trait HttpTransport: Send + Sync {
    /// Sends `request`, whose URI is absolute, and returns the whole response, of whatever status.
    ///
    /// # Cancellation
    /// Dropping the future closes the connection that it uses. The request may have had its effect.
    ///
    /// # Errors
    /// [`HttpError`] if there was no connection, no complete answer or too large an answer. A
    /// status of 400 and more is not an error here; [`require_success`] makes it one. It is the error,
    /// with the wait that its headers ask for, of an answer whose body does not arrive.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError>;

    /// Every reload of what the route of a request depends on, from this call on. Never, unless
    /// routes can change.
    fn reloads(&self) -> Reloads {
        Box::pin(pending())
    }
}

impl<T: HttpTransport + ?Sized> HttpTransport for Arc<T> {
    // What `async_trait` makes of it has a box of its own around that of `T`.
    fn send<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> BoxFuture<'b, Result<Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).send(request)
    }

    fn reloads(&self) -> Reloads {
        (**self).reloads()
    }
}

#[async_trait]
impl<T: HttpTransport + ?Sized> HttpTransport for Box<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        (**self).send(request).await
    }

    fn reloads(&self) -> Reloads {
        (**self).reloads()
    }
}

/// Turns every status but 2xx into an error that carries [what explains it](HttpReply::of) and the wait
/// that the answer asks for.
///
/// # Errors
/// [`HttpErrorKind::Status`] for every other status.
pub fn require_success(response: Response<Bytes>) -> Result<Response<Bytes>, HttpError> {
    match HttpError::of_status(&response) {
        Some(error) => Err(error),
        None => Ok(response),
    }
}

/// The error for a `response` of which no use can be made, because of `cause`: it is a page instead of
/// JSON, for example. It carries [what explains it](HttpReply::of) and the wait that the answer asks for.
/// For every status but 2xx, this is the error of [`require_success`].
#[must_use]
pub fn unreadable(response: &Response<Bytes>, cause: impl Into<BoxError>) -> HttpError {
    HttpError::of_status(response).unwrap_or_else(|| {
        let reply = HttpReply::of(response);
        let source = UnreadableReply {
            reply: reply.clone(),
            cause: cause.into(),
        };
        HttpError {
            reply: Some(reply.into()),
            retry_after: retry_after(response.headers()),
            ..HttpError::new(HttpErrorKind::Unreadable, source).over_way_of(response)
        }
    })
}

/// An answer, and why it is of no use.
#[derive(Debug)]
struct UnreadableReply {
    reply: HttpReply,
    cause: BoxError,
}

impl fmt::Display for UnreadableReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reply.fmt(f)
    }
}

impl Error for UnreadableReply {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

/// What kind of failure a REST request met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// The request cannot be sent: its URI is not absolute, or its scheme is not HTTP's.
    Request,
    /// There was no connection; [`HttpError::dial_error`] says where and why.
    Dial,
    /// The answer did not arrive in time.
    Timeout,
    /// The connection broke before the answer was complete, or what arrived is no answer.
    Broken,
    /// The answer is larger than allowed.
    TooLarge,
    /// The answer has another status than 2xx. Its body may not have arrived.
    Status(StatusCode),
    /// The answer is not what was asked for: a page, nothing, or in an encoding that is not understood.
    Unreadable,
}

impl fmt::Display for HttpErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("invalid request"),
            Self::Dial => f.write_str("no connection"),
            Self::Timeout => f.write_str("timed out"),
            Self::Broken => f.write_str("connection broken"),
            Self::TooLarge => f.write_str("answer too large"),
            Self::Status(status) => write!(f, "status {}", status.as_u16()),
            Self::Unreadable => f.write_str("answer not understood"),
        }
    }
}

/// A failed REST request. The message fits behind "failed to"; the cause, or what the exchange
/// answered, is in [`source`](Error::source) only. [`chain`](crate::chain) prints all of it.
#[derive(Debug)]
pub struct HttpError {
    kind: HttpErrorKind,
    request: Option<String>,
    way: Option<ConnectionInfo>,
    reply: Option<Reply>,
    retry_after: Option<Duration>,
    source: Option<BoxError>,
}

impl HttpError {
    /// A failure of `kind` with its cause.
    #[must_use]
    pub fn new(kind: HttpErrorKind, source: impl Into<BoxError>) -> Self {
        Self {
            kind,
            request: None,
            way: None,
            reply: None,
            retry_after: None,
            source: Some(source.into()),
        }
    }

    /// The error for a response with another status than 2xx.
    fn of_status(response: &Response<Bytes>) -> Option<Self> {
        let status = response.status();
        let error = || Self {
            kind: HttpErrorKind::Status(status),
            request: None,
            way: None,
            reply: Some(HttpReply::of(response).into()),
            retry_after: retry_after(response.headers()),
            source: None,
        };
        (!status.is_success()).then(|| error().over_way_of(response))
    }

    fn over_way_of(self, response: &Response<Bytes>) -> Self {
        match response.extensions().get::<ConnectionInfo>() {
            Some(info) => self.with_way(info.clone()),
            None => self,
        }
    }

    /// Adds which request it was: method, host, port and path. A query may hold a key and is left
    /// out.
    #[must_use]
    pub fn with_request(mut self, method: &Method, uri: &Uri) -> Self {
        // `GET api.binance.com/api/v3/depth`, whatever stood before an `@` or behind a `?`.
        let host = uri.host().unwrap_or_default();
        let port = uri
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        self.request = Some(format!("{method} {host}{port}{}", uri.path()));
        self
    }

    /// Adds the connection that it went over.
    #[must_use]
    pub fn with_way(mut self, way: ConnectionInfo) -> Self {
        self.way = Some(way);
        self
    }

    /// The proxies that the connection passed, nearest first, as far as that was [told](Self::with_way). The
    /// member of a pool is among them.
    #[must_use]
    pub fn through(&self) -> &[Endpoint] {
        self.way.as_ref().map_or(&[], ConnectionInfo::hops)
    }

    /// By which address the request left, as far as that was [told](Self::with_way).
    #[must_use]
    pub fn egress(&self) -> Egress {
        let way = self.way.as_ref();
        way.map_or(Egress::Direct, ConnectionInfo::egress)
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> HttpErrorKind {
        self.kind
    }

    /// The status, if the exchange answered with one that is an error.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.kind {
            HttpErrorKind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// What the exchange answered, if it did.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        self.reply.as_ref()
    }

    /// How long the other side, the exchange or a proxy, asked to wait before the next request.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
            .or_else(|| self.dial_error()?.retry_after())
    }

    /// With whom, in which phase and why there was no connection or no complete answer, if that
    /// was the failure.
    #[must_use]
    pub fn dial_error(&self) -> Option<&DialError> {
        self.source.as_deref()?.downcast_ref()
    }

    /// Whether the same request may succeed later without anybody changing something.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            HttpErrorKind::Dial | HttpErrorKind::Timeout | HttpErrorKind::Broken => {
                // A certificate that is not trusted is a dial that will fail again; a cut is not.
                self.dial_error().is_none_or(DialError::is_retryable)
            }
            HttpErrorKind::Status(status) => is_of_the_moment(status.as_u16()),
            // The next answer may come from whom it was asked for.
            HttpErrorKind::Unreadable => true,
            HttpErrorKind::Request | HttpErrorKind::TooLarge => false,
        }
    }
}

impl From<DialError> for HttpError {
    fn from(error: DialError) -> Self {
        Self::new(HttpErrorKind::Dial, error)
    }
}

impl From<InvalidTarget> for HttpError {
    fn from(error: InvalidTarget) -> Self {
        Self::new(HttpErrorKind::Request, error)
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.kind {
            HttpErrorKind::Request => "build",
            HttpErrorKind::Dial | HttpErrorKind::Timeout | HttpErrorKind::Broken => "complete",
            HttpErrorKind::TooLarge => "accept the answer to",
            HttpErrorKind::Status(_) => "succeed with",
            HttpErrorKind::Unreadable => "understand the answer to",
        };
        let request = self.request.as_deref().unwrap_or("the request");
        write!(f, "{verb} {request}{}", through(self.through()))
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.source {
            Some(source) => Some(&**source),
            None => self.reply.as_ref().map(|reply| reply as _),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secrets, Target};

    #[test]
    fn an_error_status_carries_the_beginning_of_its_body() {
        let response = Response::builder()
            .status(451)
            .body(Bytes::from_static(b"{\n \"code\": 0 }"))
            .unwrap();
        let error = require_success(response).unwrap_err();
        assert_eq!(
            error.status(),
            Some(StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS)
        );
        assert!(!error.is_retryable());
        assert_eq!(
            crate::chain(&error).to_string(),
            "succeed with the request: status 451 Unavailable For Legal Reasons, body \"{\\n \"code\": 0 }\""
        );
    }

    #[test]
    fn a_status_about_the_moment_is_worth_another_try() {
        for (code, is_retryable) in [
            (400, false),
            (403, false),
            (408, true),
            (418, false),
            (429, true),
            (451, false),
            (503, true),
        ] {
            let response = Response::builder().status(code).body(Bytes::new()).unwrap();
            let error = require_success(response).unwrap_err();
            assert_eq!(error.is_retryable(), is_retryable, "{code}");
        }
    }

    #[test]
    fn an_answer_that_is_an_error_names_the_proxy_that_it_came_through() {
        let proxy = Target::parse("p", 1080).unwrap();
        let mut info = ConnectionInfo::default();
        info.pass_through(proxy.endpoint());
        let response = Response::builder()
            .status(503)
            .extension(info)
            .body(Bytes::new())
            .unwrap();
        let uri = Uri::from_static("https://h/api/v3/depth?symbol=X");
        let error = require_success(response.clone()).unwrap_err();
        assert_eq!(
            error.with_request(&Method::GET, &uri).to_string(),
            "succeed with GET h/api/v3/depth through proxy p:1080"
        );
        let (mut head, body) = response.into_parts();
        head.status = StatusCode::OK;
        let error = unreadable(&Response::from_parts(head, body), "its body is empty");
        assert_eq!(
            error.with_request(&Method::GET, &uri).to_string(),
            "understand the answer to GET h/api/v3/depth through proxy p:1080"
        );
    }

    #[test]
    fn a_body_is_quoted_without_the_secrets_of_its_way() {
        let mut info = ConnectionInfo::default();
        info.add_secrets(&Secrets::of_login(b"alice", b"s3cret"));
        let response = Response::builder()
            .status(403)
            .extension(info)
            .body(Bytes::from_static(b"not with S3CRET"))
            .unwrap();
        let error = require_success(response).unwrap_err();
        assert_eq!(
            error.reply().unwrap().to_string(),
            "status 403 Forbidden, body \"***\""
        );
    }

    #[test]
    fn an_answer_that_is_none_is_described() {
        let page = Response::builder()
            .header("content-type", "text/html; charset=utf-8")
            .header("retry-after", "7")
            .body(Bytes::from_static(b"<!DOCTYPE html>\n<title>Login</title>"))
            .unwrap();
        let error = unreadable(&page, "expected value at line 1 column 1").with_request(
            &Method::GET,
            &Uri::from_static("https://h/api/v3/depth?symbol=X"),
        );
        assert_eq!(
            crate::chain(&error).to_string(),
            "understand the answer to GET h/api/v3/depth: status 200 OK, content type text/html; \
             charset=utf-8, body \"<!DOCTYPE html>\\n<title>Login</title>\": expected value at \
             line 1 column 1"
        );
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert!(error.is_retryable());
    }

    #[test]
    fn a_redirect_says_where_it_leads_and_an_encoded_body_is_not_shown() {
        let redirect = Response::builder()
            .status(302)
            .header("location", "https://login.example/?from=h")
            .header("content-encoding", "br")
            .body(Bytes::from_static(b"\x0b\x02\x80"))
            .unwrap();
        let error = unreadable(&redirect, "it is no JSON");
        assert_eq!(error.status(), Some(StatusCode::FOUND));
        assert_eq!(
            crate::chain(&error).to_string(),
            "succeed with the request: status 302 Found, content encoding br, \
             location https://login.example/?from=h"
        );
    }

    #[test]
    fn a_failed_request_is_named_without_its_query() {
        let uri = Uri::from_static("https://h:8443/api?key=secret");
        let error =
            HttpError::new(HttpErrorKind::Timeout, "elapsed").with_request(&Method::GET, &uri);
        assert_eq!(
            crate::chain(&error).to_string(),
            "complete GET h:8443/api: elapsed"
        );
    }
}
