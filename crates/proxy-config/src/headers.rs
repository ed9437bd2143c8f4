//! Headers for one proxy.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::proxy_url::ProxyUrl;
use crate::scheme::Scheme;

/// The most bytes that the headers for a proxy may have together.
// Common proxies refuse a request whose head is larger than 8 or 16 KiB.
const MOST_BYTES: usize = 8 * 1024;

/// What stands for a value where it is not shown.
pub(crate) const REDACTED: &str = "***";

/// The header that holds a login (RFC 9110, section 11.7.2).
const LOGIN: &str = "proxy-authorization";

/// Headers that describe the connection or the message (RFC 9110, section 7.6.1), which `CONNECT` has
/// its own of, or none.
const RESERVED: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers for one `http` or `https` proxy, which it gets with each request for a tunnel, and nobody
/// else: what providers use for a country, a session, or a Bearer login. Names are in lower case.
///
/// `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ProxyHeaders(Arc<BTreeMap<String, String>>);

impl ProxyHeaders {
    /// The names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.iter();
        all.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The part of each value that must not be printed: all of it, but of a login no scheme, which
    /// proxies name when they ask for one.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, value)| match name {
            LOGIN => value.split_once(' ').map_or(value, |(_, login)| login),
            _ => value,
        })
    }

    /// Whether a header holds a login.
    #[must_use]
    pub fn has_login(&self) -> bool {
        self.0.contains_key(LOGIN)
    }

    /// # Errors
    /// [`InvalidHeader`] if the name or the value cannot be sent.
    pub(crate) fn insert(&mut self, name: &str, value: &str) -> Result<(), InvalidHeader> {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(InvalidHeader::Name);
        }
        let name = name.to_ascii_lowercase();
        if RESERVED.contains(&name.as_str()) {
            return Err(InvalidHeader::Reserved);
        }
        if value == REDACTED {
            return Err(InvalidHeader::Redacted);
        }
        let is_control = |c: char| c.is_ascii_control() && c != '\t';
        if value.is_empty() || value.trim_ascii() != value || value.contains(is_control) {
            return Err(InvalidHeader::Value);
        }
        let scheme = value.split([' ', '\t']).next().unwrap_or_default();
        if name == LOGIN && scheme.eq_ignore_ascii_case("basic") {
            return Err(InvalidHeader::Basic);
        }
        if self.0.contains_key(&name) {
            return Err(InvalidHeader::Twice);
        }
        let length = |name: &str, value: &str| name.len() + value.len() + ": \r\n".len();
        let all: usize = self.iter().map(|(name, value)| length(name, value)).sum();
        if all + length(&name, value) > MOST_BYTES {
            return Err(InvalidHeader::TooLong);
        }
        Arc::make_mut(&mut self.0).insert(name, value.to_owned());
        Ok(())
    }

    /// Checks that the proxy at `url` can be sent them.
    pub(crate) fn check(&self, url: &ProxyUrl) -> Result<(), InvalidHeader> {
        match url.scheme() {
            _ if self.is_empty() => Ok(()),
            Scheme::Http | Scheme::Https if self.has_login() && url.credentials().is_some() => {
                Err(InvalidHeader::TwoLogins)
            }
            Scheme::Http | Scheme::Https => Ok(()),
            scheme => Err(InvalidHeader::Socks(scheme)),
        }
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl fmt::Debug for ProxyHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, _)| (name, REDACTED));
        f.debug_map().entries(shown).finish()
    }
}

/// A header that a proxy cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// RFC 9110, section 5.6.2.
    #[error("the name of a header consists of letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    /// RFC 9110, section 7.6.1.
    #[error("the header describes the connection itself and cannot be set")]
    Reserved,
    /// RFC 9110, section 5.5.
    #[error(
        "the value of a header must not be empty, contain control characters, or begin or end with \
         white space"
    )]
    Value,
    /// `***` stands for a value where it is not shown.
    #[error("the header must have its real value; *** is what stands for it where it is not shown")]
    Redacted,
    /// Names are case-insensitive.
    #[error("the header is given twice; names are case-insensitive")]
    Twice,
    /// They would not fit into what proxies read of a request.
    #[error("the headers for a proxy have more than 8 KiB together")]
    TooLong,
    /// Basic encodes a user name and a password, which have keys of their own.
    #[error("a Basic login cannot be a header; use `username` and `password`")]
    Basic,
    /// The user name and the password would be sent in a second header of that name.
    #[error("there is a user name as well; a login can only be in one place")]
    TwoLogins,
    /// SOCKS has no headers.
    #[error("headers apply to http and https proxies only; the scheme of this one is {0}")]
    Socks(Scheme),
}
