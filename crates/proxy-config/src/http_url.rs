//! Where something is fetched.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use url::{Host, Url};

/// An `http` or `https` URL that is asked for something: a list of proxies, or the address of who asks.
///
/// Those of providers have a token in their path or query, so `Display` and `Debug` print `***` in
/// place of everything behind the host and port.
///
/// ```
/// use proxy_config::HttpUrl;
///
/// let url: HttpUrl = "https://lists.example/v1/s3cret?format=txt".parse()?;
/// assert_eq!(url.to_string(), "https://lists.example/***");
/// # Ok::<(), proxy_config::HttpUrlError>(())
/// ```
// Not as a `url::Url`, which prints all of itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    whole: Arc<str>,
    shown: Arc<str>,
}

impl HttpUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// [`HttpUrlError`] names the first thing that is wrong, and repeats no part of the text.
    pub fn parse(input: &str) -> Result<Self, HttpUrlError> {
        if input.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(HttpUrlError::ForbiddenCharacter);
        }
        let url = Url::parse(input).map_err(|_| HttpUrlError::Invalid)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HttpUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HttpUrlError::Login);
        }
        if url.fragment().is_some() {
            return Err(HttpUrlError::Fragment);
        }
        let host = url.host().ok_or(HttpUrlError::Invalid)?;
        Ok(Self {
            shown: shown(&url, &host).into(),
            whole: url.as_str().into(),
        })
    }

    /// The whole URL, with whatever is secret in it. It must not be printed.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.whole
    }
}

fn shown(url: &Url, host: &Host<&str>) -> String {
    let port = url.port().map(|port| format!(":{port}"));
    let has_more = url.path() != "/" || url.query().is_some();
    format!(
        "{}://{host}{}/{}",
        url.scheme(),
        port.unwrap_or_default(),
        if has_more { "***" } else { "" },
    )
}

impl FromStr for HttpUrl {
    type Err = HttpUrlError;

    fn from_str(input: &str) -> Result<Self, HttpUrlError> {
        Self::parse(input)
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not such a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpUrlError {
    /// It is no URL.
    #[error("expected a URL, such as https://server.example/path")]
    Invalid,
    /// The scheme is neither `http` nor `https`.
    #[error("the URL must begin with https:// or http://")]
    Scheme,
    /// There is a user name or a password.
    #[error("the URL must not have a login, which would not be sent")]
    Login,
    /// There is a `#`.
    #[error("the URL must not have a fragment; write # as %23")]
    Fragment,
    /// There is whitespace or a control character.
    #[error("the URL must not contain whitespace or control characters")]
    ForbiddenCharacter,
}
