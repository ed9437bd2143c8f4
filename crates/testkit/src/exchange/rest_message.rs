//! REST requests, and their answers.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;

/// A REST request, taken apart.
#[derive(Debug)]
pub struct RestRequest {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    query: Vec<(String, String)>,
    /// All headers.
    pub headers: HeaderMap,
    /// Who asks: behind a proxy, its egress address.
    pub peer: SocketAddr,
}

impl RestRequest {
    pub(super) fn new<B>(request: &http::Request<B>, peer: SocketAddr) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: parse_query(request.uri()),
            headers: request.headers().clone(),
            peer,
        }
    }

    /// The value of a parameter that is there and not empty.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| &**value)
    }
}

// `symbol=BTCUSDT&limit=1000`, or `symbols=%5B%22BTCUSDT%22%5D`.
/// The parameters of a query, percent-decoded.
#[must_use]
pub fn parse_query(uri: &Uri) -> Vec<(String, String)> {
    let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    uri.query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

/// What a REST request, or a handshake that is refused, is answered with.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
    headers: Vec<(&'static str, HeaderValue)>,
}

impl Answer {
    /// An answer with a body of this content type.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type,
            body: body.into(),
            headers: Vec::new(),
        }
    }

    /// 404, with the text `not found`.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "text/plain", "not found")
    }

    /// The same with one more header, whose name is in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: u64) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn into_response(self) -> http::Response<Bytes> {
        let mut response = http::Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static(self.content_type);
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.extend(
            self.headers
                .into_iter()
                .map(|(name, value)| (HeaderName::from_static(name), value)),
        );
        response
    }
}
