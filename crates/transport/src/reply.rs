//! What a proxy or an exchange answered, in a form that is safe to print.

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, Response, StatusCode};

use crate::printable::printable;
use crate::secrets::Secrets;

/// The answer that made a dial fail. As the cause of an error, it is the last of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// An HTTP answer: of a proxy to `CONNECT`, or of an exchange to a request or an upgrade.
    Http(Box<HttpReply>),
    /// The reply code of a SOCKS4 or SOCKS4a proxy (`CD`).
    Socks4(u8),
    /// The reply code of a SOCKS5 proxy (RFC 1928, section 6).
    Socks5(u8),
    /// The authentication methods that were offered to a SOCKS5 proxy that accepted none of them
    /// (RFC 1928, section 3).
    Socks5NoMethod {
        /// The method codes that were offered.
        offered: Vec<u8>,
    },
    /// The status of a failed SOCKS5 user name and password exchange (RFC 1929, section 2).
    Socks5Auth(u8),
}

impl Reply {
    /// The HTTP status, if the answer was an HTTP answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Http(reply) => Some(reply.status),
            _ => None,
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(reply) => reply.fmt(f),
            Self::Socks4(code) => write!(f, "socks4 reply {code:#04x}: {}", socks4_meaning(*code)),
            Self::Socks5(code) => write!(f, "socks5 reply {code:#04x}: {}", socks5_meaning(*code)),
            Self::Socks5NoMethod { offered } => {
                f.write_str("no acceptable method among those offered")?;
                for (index, method) in offered.iter().enumerate() {
                    let separator = if index == 0 { ": " } else { ", " };
                    write!(f, "{separator}{}", socks5_method(*method))?;
                }
                Ok(())
            }
            Self::Socks5Auth(status) => write!(f, "socks5 authentication status {status:#04x}"),
        }
    }
}

impl Error for Reply {}

impl From<HttpReply> for Reply {
    fn from(reply: HttpReply) -> Self {
        Self::Http(Box::new(reply))
    }
}

/// What of an HTTP answer explains a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: Excerpt,
    /// `Content-Type`: a page where JSON was asked for is somebody else's answer.
    pub content_type: Excerpt,
    /// `Content-Encoding`, if the body could not be decoded. Then there is no body to show.
    pub content_encoding: Excerpt,
    /// `Location`: where a redirect leads, such as to the login of a network.
    pub location: Excerpt,
    /// The beginning of the body.
    pub body: Excerpt,
}

impl HttpReply {
    /// A status with its reason phrase and the beginning of its body.
    #[must_use]
    pub fn new(status: u16, reason: Excerpt, body: Excerpt) -> Self {
        Self {
            status,
            reason,
            body,
            ..Self::default()
        }
    }

    /// Of `response`, without the [secrets of its way](Secrets::of_way).
    #[must_use]
    pub fn of(response: &Response<Bytes>) -> Self {
        let secrets = Secrets::of_way(response);
        Self::of_parts(
            response.status(),
            response.headers(),
            response.body(),
            &secrets,
        )
    }

    /// Of a status, headers and as much of the body as there is, without any of `secrets`.
    #[must_use]
    pub fn of_parts(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &Secrets,
    ) -> Self {
        let quoted = |name: HeaderName| {
            let value = headers.get(name);
            value.map_or_else(Excerpt::default, |value| secrets.quote(value.as_bytes()))
        };
        let content_encoding = quoted(CONTENT_ENCODING);
        let is_readable = matches!(content_encoding.as_str(), "" | "identity");
        Self {
            status: status.as_u16(),
            // The registered phrase: what was sent in its place is not a part of a response.
            reason: Excerpt::of(status.canonical_reason().unwrap_or_default().as_bytes()),
            content_type: quoted(CONTENT_TYPE),
            content_encoding,
            location: quoted(LOCATION),
            body: secrets.quote(if is_readable { body } else { &[] }),
        }
    }
}

impl fmt::Display for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        for (name, value) in [
            ("content type", &self.content_type),
            ("content encoding", &self.content_encoding),
            ("location", &self.location),
        ] {
            if !value.is_empty() {
                write!(f, ", {name} {value}")?;
            }
        }
        if !self.body.is_empty() {
            write!(f, ", body \"{}\"", self.body)?;
        }
        Ok(())
    }
}

/// Whether an answer with `status` is about the moment, and the next one may be another.
pub(crate) fn is_of_the_moment(status: u16) -> bool {
    // 4xx is about the request. But 408 is about a connection that was too slow, or idle (RFC 9110,
    // section 15.5.9), and 429 asks to come again.
    matches!(status, 408 | 429 | 500..)
}

fn socks4_meaning(code: u8) -> &'static str {
    // "SOCKS: A protocol for TCP proxy across firewalls" (Ying-Da Lee), as decimal 91 to 93.
    match code {
        0x5B => "request rejected or failed",
        0x5C => "the proxy cannot reach identd on the client",
        0x5D => "identd reports another user id",
        _ => "unassigned",
    }
}

fn socks5_meaning(code: u8) -> &'static str {
    // RFC 1928, section 6. 9 and up are unassigned, and sent all the same.
    match code {
        1 => "general server failure",
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "ttl expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unassigned",
    }
}

fn socks5_method(method: u8) -> &'static str {
    match method {
        0 => "anonymous",
        2 => "user name and password",
        _ => "unknown",
    }
}

/// The beginning of foreign text: cut to [`Excerpt::MAX`] bytes, invalid UTF-8 replaced. It displays as
/// [`printable`], so that it cannot break a log line.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// The most bytes of the original that are kept.
    pub const MAX: usize = 256;

    /// Takes the beginning of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let head = bytes.get(..Self::MAX).unwrap_or(bytes);
        // Cut first, then decoded: a character that the cut splits becomes U+FFFD, and a body of
        // megabytes costs no more than one of a line.
        let text = String::from_utf8_lossy(head);
        let mut excerpt = text.trim().to_owned();
        if bytes.len() > Self::MAX {
            excerpt.push('…');
        }
        Self(excerpt)
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, with nothing escaped.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        printable(&self.0).fmt(f)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_bounded_and_cannot_break_a_log_line() {
        let excerpt = Excerpt::of(b"<h1>\r\n\x1b[31m\"no\"\xff</h1>\n");
        assert_eq!(
            excerpt.to_string(),
            "<h1>\\r\\n\\u{1b}[31m\"no\"\u{fffd}</h1>"
        );
        assert_eq!(excerpt.as_str(), "<h1>\r\n\x1b[31m\"no\"\u{fffd}</h1>");
        assert_eq!(Excerpt::of(b"I'm a teapot").to_string(), "I'm a teapot");
        assert_eq!(Excerpt::of(&[b'x'; 300]).as_str().chars().count(), 257);
    }

    #[test]
    fn every_reply_reads_well() {
        let http = Reply::from(HttpReply::new(
            407,
            Excerpt::of(b"Proxy Authentication Required"),
            Excerpt::of(b"denied"),
        ));
        assert_eq!(
            http.to_string(),
            "status 407 Proxy Authentication Required, body \"denied\""
        );
        assert_eq!(
            Reply::Socks5(5).to_string(),
            "socks5 reply 0x05: connection refused"
        );
        assert_eq!(
            Reply::Socks5(9).to_string(),
            "socks5 reply 0x09: unassigned"
        );
        assert_eq!(
            Reply::Socks5NoMethod {
                offered: vec![0, 2]
            }
            .to_string(),
            "no acceptable method among those offered: anonymous, user name and password"
        );
    }
}
