//! The address of a proxy, parsed once.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use url::Host;

use crate::credentials::{Credentials, CredentialsError};
use crate::scheme::Scheme;

/// What `Display` puts in place of credentials.
const REDACTED: &str = "***";

/// The longest text that counts as a scheme. Errors repeat an unknown scheme, so a long one may be
/// a secret.
const LONGEST_SCHEME: usize = 16;

/// The address of a proxy: `scheme://[user[:password]@]host:port`.
///
/// A value needs no further checks: the scheme is known, the host is a name in its ASCII form or an
/// address, the port is not 0, and the scheme's protocol can carry the credentials.
///
/// `Display`, `Debug` and `Serialize` print `***` in place of credentials.
///
/// ```
/// use proxy_config::{ProxyUrl, Scheme};
///
/// let url: ProxyUrl = "socks5h://alice:s%40crit@proxy.example:1080".parse()?;
/// assert_eq!(url.scheme(), Scheme::Socks5h);
/// assert_eq!(url.to_string(), "socks5h://***@proxy.example:1080");
/// assert_eq!(url.endpoint().to_string(), "proxy.example:1080");
/// # Ok::<(), proxy_config::ProxyUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ProxyUrl {
    scheme: Scheme,
    host: Host,
    port: u16,
    credentials: Option<Credentials>,
}

impl ProxyUrl {
    /// Parses a proxy URL.
    ///
    /// The user information ends at the last `@` and is percent-decoded once, to bytes. Its raw
    /// `/`, `?` and `#` must be percent-encoded, since a URL ends its authority there (RFC 3986,
    /// section 3.2). The port is required; a path other than `/`, a query and a fragment are
    /// errors.
    ///
    /// # Errors
    /// [`ProxyUrlError`] names the first thing that is wrong, and never repeats any part of the
    /// user information.
    pub fn parse(input: &str) -> Result<Self, ProxyUrlError> {
        if input.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(ProxyUrlError::ForbiddenCharacter);
        }
        let (scheme, rest) = split_scheme(input)?;
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        };
        // A raw delimiter in a password has cut the user information in two. Checked first, because
        // the host or the port is then wrong as well, which would be misleading.
        if path.contains('@') {
            return Err(ProxyUrlError::UnencodedDelimiter);
        }
        // At the last one: a raw `@` may be a part of the user name or the password.
        let (userinfo, endpoint) = match authority.rsplit_once('@') {
            Some((userinfo, endpoint)) => (userinfo, endpoint),
            None => ("", authority),
        };
        let (host, port) = parse_endpoint(endpoint)?;
        if !matches!(path, "" | "/") {
            return Err(ProxyUrlError::Path);
        }
        let url = Self {
            scheme,
            host,
            port,
            credentials: None,
        };
        match parse_userinfo(userinfo)? {
            Some(credentials) => url.with_credentials(credentials),
            None => Ok(url),
        }
    }

    /// The same URL with other credentials.
    ///
    /// # Errors
    /// [`ProxyUrlError::Credentials`] if the scheme's protocol cannot carry them.
    pub fn with_credentials(mut self, credentials: Credentials) -> Result<Self, ProxyUrlError> {
        credentials.check(self.scheme)?;
        self.credentials = Some(credentials);
        Ok(self)
    }

    /// The protocol that the proxy speaks.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The proxy's host: a name in its ASCII form, or an address.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The proxy's port, never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The credentials for the proxy.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Displays as `host:port`, an IPv6 address in brackets.
    pub fn endpoint(&self) -> impl fmt::Display + '_ {
        format!("{}:{}", self.host, self.port)
    }
}

fn split_scheme(input: &str) -> Result<(Scheme, &str), ProxyUrlError> {
    let (scheme, rest) = input
        .split_once("://")
        .ok_or(ProxyUrlError::MissingScheme)?;
    // RFC 3986, section 3.1. Anything else may be credentials whose scheme was forgotten.
    let is_scheme = scheme.len() <= LONGEST_SCHEME
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !is_scheme {
        return Err(ProxyUrlError::MissingScheme);
    }
    let scheme = scheme.to_ascii_lowercase();
    match Scheme::ALL
        .into_iter()
        .find(|known| known.as_str() == scheme)
    {
        Some(scheme) => Ok((scheme, rest)),
        None => Err(ProxyUrlError::UnsupportedScheme(scheme)),
    }
}

fn parse_endpoint(endpoint: &str) -> Result<(Host, u16), ProxyUrlError> {
    let (host, port) = match endpoint.strip_prefix('[') {
        Some(bracketed) => {
            let (address, port) = bracketed
                .split_once(']')
                .ok_or(ProxyUrlError::InvalidHost)?;
            let address: Ipv6Addr = address.parse().map_err(|_| ProxyUrlError::InvalidHost)?;
            let port = match port.strip_prefix(':') {
                None if port.is_empty() => None,
                None => return Err(ProxyUrlError::InvalidHost),
                port => port,
            };
            (Host::Ipv6(address), port)
        }
        None => {
            let (host, port) = match endpoint.split_once(':') {
                Some((_, port)) if port.contains(':') => return Err(ProxyUrlError::InvalidHost),
                Some((host, port)) => (host, Some(port)),
                None => (endpoint, None),
            };
            if host.is_empty() {
                return Err(ProxyUrlError::MissingHost);
            }
            let host = Host::parse(host).map_err(|_| ProxyUrlError::InvalidHost)?;
            (host, port)
        }
    };
    let port = port.filter(|port| !port.is_empty());
    Ok((host, parse_port(port.ok_or(ProxyUrlError::MissingPort)?)?))
}

fn parse_port(port: &str) -> Result<u16, ProxyUrlError> {
    // `u16::from_str` takes a leading plus.
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ProxyUrlError::InvalidPort);
    }
    match port.parse() {
        Ok(0) | Err(_) => Err(ProxyUrlError::InvalidPort),
        Ok(port) => Ok(port),
    }
}

fn parse_userinfo(userinfo: &str) -> Result<Option<Credentials>, ProxyUrlError> {
    match userinfo {
        "" => return Ok(None),
        REDACTED => return Err(ProxyUrlError::Redacted),
        _ => {}
    }
    let (username, password) = match userinfo.split_once(':') {
        Some((username, password)) => (username, Some(password)),
        None => (userinfo, None),
    };
    Ok(Some(Credentials::new(
        percent_decode(username)?,
        password.map(percent_decode).transpose()?,
    )))
}

/// Decodes strictly: a percent sign without two hexadecimal digits is an error. Either the percent
/// sign was not encoded, or a digit is missing.
fn percent_decode(encoded: &str) -> Result<Vec<u8>, ProxyUrlError> {
    for (at, _) in encoded.match_indices('%') {
        let digits = encoded.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(ProxyUrlError::PercentEncoding);
        }
    }
    Ok(percent_encoding::percent_decode_str(encoded).collect())
}

impl FromStr for ProxyUrl {
    type Err = ProxyUrlError;

    fn from_str(input: &str) -> Result<Self, ProxyUrlError> {
        Self::parse(input)
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if self.credentials.is_some() {
            write!(f, "{REDACTED}@")?;
        }
        self.endpoint().fmt(f)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ProxyUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is not a proxy URL.
///
/// No variant and no message holds any part of the user information.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// There is no scheme followed by `://`.
    #[error(
        "Proxy URL must include scheme (http://, https://, socks4://, socks4a://, socks5:// or socks5h://)"
    )]
    MissingScheme,
    /// The scheme, in lower case, is none of those that a proxy may have.
    #[error(
        "Unsupported proxy scheme: {0}; expected http, https, socks4, socks4a, socks5 or socks5h"
    )]
    UnsupportedScheme(String),
    /// There is no host before the port.
    #[error("Proxy URL must include hostname")]
    MissingHost,
    /// The host is neither a name nor an address.
    #[error(
        "Proxy URL must include hostname that is a valid name or address; IPv6 addresses go in brackets and have no zone"
    )]
    InvalidHost,
    /// There is no port after the host.
    #[error("Proxy URL must include port; no scheme has a default")]
    MissingPort,
    /// The port is not a number from 1 to 65535.
    #[error("Proxy URL must include port that is a number from 1 to 65535")]
    InvalidPort,
    /// There is whitespace or a control character, perhaps at the end.
    #[error(
        "Proxy URL must not contain whitespace or control characters; percent-encode them in a user name or password"
    )]
    ForbiddenCharacter,
    /// There is a `/`, `?` or `#` before an `@`.
    #[error(
        "Proxy URL must percent-encode / as %2F, ? as %3F and # as %23 in a user name or password"
    )]
    UnencodedDelimiter,
    /// There is a path other than `/`, a query or a fragment.
    #[error("Proxy URL must end after the port; a path, query or fragment has no meaning")]
    Path,
    /// A `%` in the user information is not followed by two hexadecimal digits.
    #[error(
        "Proxy URL must have two hexadecimal digits after each % in a user name or password; % itself is %25"
    )]
    PercentEncoding,
    /// The user information is the `***` that stands for credentials in printed URLs.
    #[error(
        "Proxy URL must have real credentials; *** is what stands for them where they are not shown"
    )]
    Redacted,
    /// The scheme's protocol cannot carry the credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}
