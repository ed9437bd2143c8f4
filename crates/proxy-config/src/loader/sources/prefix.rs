//! The prefix of our environment variables.

use std::fmt;

use super::PROXY;
use crate::ambient::AmbientProxies;

/// The prefix if the program sets none.
const DEFAULT: &str = "CRYPTOFEED_";

/// The error for an invalid prefix.
const EXPECTED: &str = "the prefix of environment variables must be upper-case letters, digits and \
                        underscores, begin with a letter and end with an underscore, such as MYAPP_";

/// The error for a prefix like `HTTP_`.
const AMBIENT: &str = "the prefix of environment variables must not make HTTPS_PROXY, HTTP_PROXY, \
                       ALL_PROXY or NO_PROXY a variable of this program";

/// The prefix of our environment variables. It may be invalid until it is [checked](Self::check).
#[derive(Clone)]
pub(super) struct Prefix(String);

impl Prefix {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the error of an invalid prefix.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let is_of_prefix = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let is_prefix = self.0.starts_with(|first: char| first.is_ascii_uppercase())
            && self.0.ends_with('_')
            && self.0.bytes().all(is_of_prefix);
        if !is_prefix {
            return Err(EXPECTED);
        }
        let section = format!("{self}{}", PROXY.to_ascii_uppercase());
        if AmbientProxies::is_variable(&section) {
            return Err(AMBIENT);
        }
        Ok(())
    }

    /// Whether it is the default. Only the original in Python has the same.
    pub(super) fn is_default(&self) -> bool {
        self.0 == DEFAULT
    }

    /// Whether a name is one of ours, or is probably meant to be: its first letters and digits are
    /// those of the prefix, with any other characters before and between them.
    pub(super) fn is_meant_by(&self, name: &str) -> bool {
        let mut signs = name.chars();
        for expected in self.0.chars().filter(char::is_ascii_alphanumeric) {
            let found = signs.find(char::is_ascii_alphanumeric);
            if found.is_none_or(|found| !found.eq_ignore_ascii_case(&expected)) {
                return false;
            }
        }
        let rest = signs.as_str();
        // `CRYPTOFEEDS_` is a misspelt prefix, but `MYSQL_` is not a misspelt `MY_`.
        let has_ended = rest.starts_with(|next: char| !next.is_ascii_alphanumeric());
        (has_ended || self.is_default()) && rest.contains(|next: char| next.is_ascii_alphabetic())
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self::new(DEFAULT)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
