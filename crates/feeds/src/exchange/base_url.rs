//! The root of an exchange's addresses.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::{Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use transport::{Draw, Draws, Target, WsRequest};

/// Everything but the unreserved characters of a URI (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const NO_HOST: &str = "must include a host and, if any, a valid port";

/// Escapes a symbol for the path or query of a URI.
#[must_use]
pub fn escaped(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, RESERVED)
}

/// What a base URL is for, and so which schemes it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Requests: `https` or `http`.
    Rest,
    /// Streams: `wss` or `ws`.
    WebSocket,
}

impl Purpose {
    fn schemes(self) -> [&'static str; 2] {
        match self {
            Self::Rest => ["https", "http"],
            Self::WebSocket => ["wss", "ws"],
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rest => "rest url",
            Self::WebSocket => "websocket url",
        })
    }
}

/// Scheme, host, port and perhaps the beginning of the path, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    purpose: Purpose,
    text: String,
}

impl BaseUrl {
    /// Parses a base URL.
    ///
    /// # Errors
    /// [`InvalidUrl`] if `text` has another scheme than `purpose` allows, or more than host, port
    /// and path.
    pub fn parse(purpose: Purpose, text: &str) -> Result<Self, InvalidUrl> {
        let invalid = |reason| InvalidUrl::new(purpose, reason);
        let uri: Uri = text.parse().map_err(|_| invalid("not a url"))?;
        let [secure, plain] = purpose.schemes();
        if !uri
            .scheme_str()
            .is_some_and(|it| it == secure || it == plain)
        {
            let reason = format!("must begin with {secure}:// or {plain}://");
            return Err(InvalidUrl::new(purpose, reason));
        }
        // A login in a URL would be sent to nobody, and printed by whoever prints the URL.
        if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err(invalid("must not include a user name or password"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(invalid("must not include a query or fragment"));
        }
        // What cannot be dialed later is refused now.
        Target::from_uri(&uri).map_err(|_| invalid(NO_HOST))?;
        let text = text.trim_end_matches('/').to_owned();
        Ok(Self { purpose, text })
    }

    /// A base URL that is known to be one.
    #[must_use]
    pub fn known(purpose: Purpose, text: &'static str) -> Self {
        let text = text.to_owned();
        Self { purpose, text }
    }

    /// A GET of something below this base; `path` begins with a slash.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    pub fn get(&self, path: &str) -> Result<Request<Bytes>, InvalidUrl> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.join(path)?;
        Ok(request)
    }

    /// As [`get`](Self::get), with what the request uses of a budget.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    pub fn get_by(&self, path: &str, draw: Draw) -> Result<Request<Bytes>, InvalidUrl> {
        let mut request = self.get(path)?;
        request.extensions_mut().insert(Draws::from(draw));
        Ok(request)
    }

    /// A WebSocket to this base or, with a `path` that begins with a slash, to something below it.
    ///
    /// # Errors
    /// [`InvalidUrl`] if it makes no URI.
    pub fn ws_request(&self, path: &str) -> Result<WsRequest, InvalidUrl> {
        let uri = self.join(path)?;
        WsRequest::new(uri).map_err(|_| InvalidUrl::new(self.purpose, NO_HOST))
    }

    fn join(&self, path: &str) -> Result<Uri, InvalidUrl> {
        let uri = format!("{}{path}", self.text).parse();
        // Base and path are made of what a URI may hold, so what is left is its length: `http`
        // takes 65,534 bytes.
        let too_long = "too long together with the symbols asked for";
        uri.map_err(|_| InvalidUrl::new(self.purpose, too_long))
    }
}

/// Where REST and WebSocket of an exchange are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// That of requests.
    pub rest: BaseUrl,
    /// That of streams.
    pub ws: BaseUrl,
}

impl Addresses {
    /// Parses both.
    ///
    /// # Errors
    /// [`InvalidUrl`] if one of them is not a URL of the right scheme, or has more than host, port
    /// and path.
    pub fn parse(rest_url: &str, ws_url: &str) -> Result<Self, InvalidUrl> {
        Ok(Self {
            rest: BaseUrl::parse(Purpose::Rest, rest_url)?,
            ws: BaseUrl::parse(Purpose::WebSocket, ws_url)?,
        })
    }

    /// Two that are known to be base URLs.
    #[must_use]
    pub fn known(rest_url: &'static str, ws_url: &'static str) -> Self {
        Self {
            rest: BaseUrl::known(Purpose::Rest, rest_url),
            ws: BaseUrl::known(Purpose::WebSocket, ws_url),
        }
    }
}

/// A URL that cannot be used. The message does not repeat the URL, which may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {purpose}: {reason}")]
pub struct InvalidUrl {
    purpose: Purpose,
    reason: Cow<'static, str>,
}

impl InvalidUrl {
    /// A URL for `purpose` that cannot be used, and why. The reason must not repeat the URL.
    #[must_use]
    pub fn new(purpose: Purpose, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            purpose,
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(purpose: Purpose, text: &str) -> String {
        BaseUrl::parse(purpose, text).unwrap_err().to_string()
    }

    #[test]
    fn a_path_of_the_base_is_kept_and_its_last_slash_is_not() {
        for text in [
            "https://mirror.example:8443/binance",
            "https://mirror.example:8443/binance/",
        ] {
            let base = BaseUrl::parse(Purpose::Rest, text).unwrap();
            let uri = base
                .join(&format!("/api?symbol={}", escaped("这A&B")))
                .unwrap();
            assert_eq!(
                uri.to_string(),
                "https://mirror.example:8443/binance/api?symbol=%E8%BF%99A%26B"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_the_url() {
        assert_eq!(
            error(Purpose::Rest, "wss://h"),
            "invalid rest url: must begin with https:// or http://"
        );
        assert_eq!(
            error(Purpose::WebSocket, "stream.example:9443"),
            "invalid websocket url: must begin with wss:// or ws://"
        );
        assert_eq!(
            error(Purpose::WebSocket, "wss://alice:s3cret@h"),
            "invalid websocket url: must not include a user name or password"
        );
        assert_eq!(
            error(Purpose::Rest, "http://h/?key=s3cret"),
            "invalid rest url: must not include a query or fragment"
        );
        assert_eq!(
            error(Purpose::Rest, "http://h h"),
            "invalid rest url: not a url"
        );
        assert_eq!(
            error(Purpose::Rest, "http://h:0"),
            "invalid rest url: must include a host and, if any, a valid port"
        );
    }

    #[test]
    fn a_uri_may_become_too_long() {
        let base = BaseUrl::known(Purpose::WebSocket, "wss://h");
        let long = "x".repeat(70_000);
        assert_eq!(
            base.join(&format!("/{long}")).unwrap_err().to_string(),
            "invalid websocket url: too long together with the symbols asked for"
        );
    }
}
