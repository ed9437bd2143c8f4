//! The root of an exchange's addresses.

use std::fmt;

use bytes::Bytes;
use http::{Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use transport::{Target, WsRequest};

/// Everything but the unreserved characters of a URI (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Escapes a symbol for the path or query of a URI.
pub(super) fn escaped(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

/// What a base URL is for, and so which schemes it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Rest,
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
pub(super) struct BaseUrl {
    purpose: Purpose,
    text: String,
}

impl BaseUrl {
    pub(super) fn parse(purpose: Purpose, text: &str) -> Result<Self, InvalidUrl> {
        let invalid = |reason| InvalidUrl { purpose, reason };
        let uri: Uri = text.parse().map_err(|_| invalid(Reason::Syntax))?;
        let is_expected = |scheme| purpose.schemes().contains(&scheme);
        if !uri.scheme_str().is_some_and(is_expected) {
            return Err(invalid(Reason::Scheme));
        }
        // A login in a URL would be sent to nobody, and printed by whoever prints the URL.
        if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err(invalid(Reason::Credentials));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(invalid(Reason::Query));
        }
        // What cannot be dialed later is refused now.
        Target::from_uri(&uri).map_err(|_| invalid(Reason::Host))?;
        let text = text.trim_end_matches('/').to_owned();
        Ok(Self { purpose, text })
    }

    /// A base URL that is known to be one.
    pub(super) fn known(purpose: Purpose, text: &'static str) -> Self {
        let text = text.to_owned();
        Self { purpose, text }
    }

    /// A GET of something below this base; `path` begins with a slash.
    pub(super) fn get(&self, path: &str) -> Result<Request<Bytes>, InvalidUrl> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.join(path)?;
        Ok(request)
    }

    /// A WebSocket to this base or, with a `path` that begins with a slash, to something below it.
    pub(super) fn ws_request(&self, path: &str) -> Result<WsRequest, InvalidUrl> {
        WsRequest::new(self.join(path)?).map_err(|_| self.invalid(Reason::Host))
    }

    fn join(&self, path: &str) -> Result<Uri, InvalidUrl> {
        let uri = format!("{}{path}", self.text).parse();
        // Base and path are made of what a URI may hold, so what is left is its length: `http`
        // takes 65,534 bytes.
        uri.map_err(|_| self.invalid(Reason::Length))
    }

    fn invalid(&self, reason: Reason) -> InvalidUrl {
        InvalidUrl {
            purpose: self.purpose,
            reason,
        }
    }
}

/// A base URL that cannot be used. The message does not repeat the URL, which may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {purpose}: {}", self.explanation())]
pub struct InvalidUrl {
    purpose: Purpose,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Syntax,
    Scheme,
    Credentials,
    Query,
    Host,
    Length,
}

impl InvalidUrl {
    fn explanation(&self) -> String {
        let [secure, plain] = self.purpose.schemes();
        match self.reason {
            Reason::Syntax => "not a url".to_owned(),
            Reason::Scheme => format!("must begin with {secure}:// or {plain}://"),
            Reason::Credentials => "must not include a user name or password".to_owned(),
            Reason::Query => "must not include a query or fragment".to_owned(),
            Reason::Host => "must include a host and, if any, a valid port".to_owned(),
            Reason::Length => "too long together with the symbols asked for".to_owned(),
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
