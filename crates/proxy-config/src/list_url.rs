//! Where a list of proxies is fetched.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use url::{Host, Url};

/// The `http` or `https` URL of a list of proxies.
///
/// The lists of providers have a token in their path or query, so `Display` and `Debug` print `***` in
/// place of everything behind the host and port.
///
/// ```
/// use proxy_config::ListUrl;
///
/// let url: ListUrl = "https://lists.example/v1/s3cret?format=txt".parse()?;
/// assert_eq!(url.to_string(), "https://lists.example/***");
/// # Ok::<(), proxy_config::ListUrlError>(())
/// ```
// Not as a `url::Url`, which prints all of itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ListUrl {
    whole: Arc<str>,
    shown: Arc<str>,
}

impl ListUrl {
    /// Parses the URL of a list.
    ///
    /// # Errors
    /// [`ListUrlError`] names the first thing that is wrong, and repeats no part of the text.
    pub fn parse(input: &str) -> Result<Self, ListUrlError> {
        if input.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(ListUrlError::ForbiddenCharacter);
        }
        let url = Url::parse(input).map_err(|_| ListUrlError::Invalid)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ListUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ListUrlError::Login);
        }
        if url.fragment().is_some() {
            return Err(ListUrlError::Fragment);
        }
        let host = url.host().ok_or(ListUrlError::Invalid)?;
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

impl FromStr for ListUrl {
    type Err = ListUrlError;

    fn from_str(input: &str) -> Result<Self, ListUrlError> {
        Self::parse(input)
    }
}

impl fmt::Display for ListUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for ListUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not the URL of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListUrlError {
    /// It is no URL.
    #[error("expected a URL, such as https://lists.example/proxies.txt")]
    Invalid,
    /// The scheme is neither `http` nor `https`.
    #[error("the URL of a list must begin with https:// or http://")]
    Scheme,
    /// There is a user name or a password.
    #[error("the URL of a list must not have a login, which would not be sent")]
    Login,
    /// There is a `#`.
    #[error("the URL of a list must not have a fragment; write # as %23")]
    Fragment,
    /// There is whitespace or a control character.
    #[error("the URL of a list must not contain whitespace or control characters")]
    ForbiddenCharacter,
}
