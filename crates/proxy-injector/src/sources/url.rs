//! A list of proxies at a URL.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, StatusCode};
use parking_lot::Mutex;
use proxy_config::{HttpUrl, ProxyList};
use transport::{
    BoxError, DialError, Dialer, HttpError, HttpErrorKind, HttpTransport, ResponseLimits,
};
use transport_http::HttpClient;

use super::MOST_BYTES;
use crate::proxy_source::ProxySource;

/// The limits of an answer.
const LIMITS: ResponseLimits = ResponseLimits {
    head: Duration::from_secs(10),
    silence: Duration::from_secs(10),
    total: Some(Duration::from_secs(30)),
    size: MOST_BYTES,
};

/// A URL, which is asked whether its list is still the one in use (RFC 9110, section 13.1.2).
pub(crate) struct UrlSource {
    url: HttpUrl,
    client: HttpClient<Arc<dyn Dialer>>,
    /// The entity tag of the list in use.
    used: Mutex<Option<HeaderValue>>,
}

impl UrlSource {
    /// The list at `url`, asked for by `client`, which is its way.
    pub(crate) fn new(url: &HttpUrl, client: HttpClient<Arc<dyn Dialer>>) -> Self {
        Self {
            url: url.clone(),
            client: client.with_limits(LIMITS),
            used: Mutex::default(),
        }
    }
}

#[async_trait]
impl ProxySource for UrlSource {
    async fn list(&self) -> Result<Option<ProxyList>, BoxError> {
        let mut request = Request::get(self.url.reveal()).body(Bytes::new())?;
        let used = self.used.lock().clone();
        let is_conditional = used.is_some();
        if let Some(tag) = used {
            request.headers_mut().insert(IF_NONE_MATCH, tag);
        }
        let response = self.client.send(request).await.map_err(Unfetched::from)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if is_conditional => return Ok(None),
            // A redirect as well: it would lead to a place that nobody has configured.
            status => return Err(Box::new(Unfetched::of(HttpErrorKind::Status(status)))),
        }
        let list = ProxyList::parse(response.body());
        let tag = response.headers().get(ETAG).cloned();
        // An empty one is fetched again, and told of again if that has another reason.
        *self.used.lock() = tag.filter(|_| !list.is_empty());
        Ok(Some(list))
    }
}

/// Why a list was not fetched. Shows neither the path, which may have a token, nor what was answered.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
struct Unfetched {
    kind: HttpErrorKind,
    #[source]
    dial: Option<DialError>,
}

impl Unfetched {
    fn of(kind: HttpErrorKind) -> Self {
        Self { kind, dial: None }
    }
}

impl From<HttpError> for Unfetched {
    fn from(error: HttpError) -> Self {
        Self {
            kind: error.kind(),
            dial: error.dial_error().cloned(),
        }
    }
}
