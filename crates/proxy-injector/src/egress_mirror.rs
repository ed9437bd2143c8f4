//! A server that answers with the address of who asks.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Method, Request, Uri};
use proxy_config::HttpUrl;
use transport::{
    HttpError, HttpErrorKind, HttpTransport, ResponseLimits, require_success, unreadable,
};

/// The longest answer in bytes: many times an address.
const MOST_BYTES: usize = 1024;

/// The longest time for an answer.
const MOST_TIME: Duration = Duration::from_secs(30);

/// A server that answers with the address of who asks, as plain text.
///
/// What it says is believed, so it should be one of your own, asked by `https`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressMirror(HttpUrl);

impl EgressMirror {
    /// The one at `url`.
    #[must_use]
    pub fn new(url: HttpUrl) -> Self {
        Self(url)
    }

    /// `limits` as far as they are no wider than those of such an answer: 1 KiB within 30 seconds.
    #[must_use]
    pub fn limits(limits: ResponseLimits) -> ResponseLimits {
        let total = limits.total.map_or(MOST_TIME, |total| total.min(MOST_TIME));
        ResponseLimits {
            size: MOST_BYTES,
            total: Some(total),
            ..limits
        }
    }

    /// Asks once, by `session`, which should have the [limits](Self::limits).
    ///
    /// # Errors
    /// That of the request, or [`Unreadable`](HttpErrorKind::Unreadable) if the answer is not an address. It
    /// shows the path of the URL and the beginning of the answer.
    pub async fn ask(&self, session: &impl HttpTransport) -> Result<IpAddr, HttpError> {
        let uri: Uri = self
            .0
            .reveal()
            .parse()
            .map_err(|error| HttpError::new(HttpErrorKind::Request, error))?;
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri.clone();
        let text = HeaderValue::from_static("text/plain");
        request.headers_mut().insert(ACCEPT, text);
        let response = session.send(request).await?;
        require_success(response)
            .and_then(|response| {
                let address = read_egress(response.body());
                address.ok_or_else(|| unreadable(&response, "it is not an IP address"))
            })
            .map_err(|error| error.with_request(&Method::GET, &uri))
    }
}

/// The address that an answer consists of; none if it is anything else, or no address of one machine.
#[must_use]
pub fn read_egress(answer: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(answer).ok()?;
    let address: IpAddr = text.trim().parse().ok()?;
    let address = address.to_canonical();
    (!address.is_unspecified() && !address.is_multicast()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_an_address_and_nothing_else() {
        for (body, expected) in [
            (&b"203.0.113.7"[..], Some("203.0.113.7")),
            (b" 2001:db8::7\r\n", Some("2001:db8::7")),
            (b"::ffff:203.0.113.7\n", Some("203.0.113.7")),
            (b"", None),
            (b"0.0.0.0", None),
            (b"ff02::1", None),
            (b"203.0.113.7:443", None),
            (b"203.0.113.7, 203.0.113.8", None),
            (b"{\"ip\": \"203.0.113.7\"}", None),
            (b"203.0.113.7\xFF", None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(read_egress(body), expected, "{body:?}");
        }
    }
}
