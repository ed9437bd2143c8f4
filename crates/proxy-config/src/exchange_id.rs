//! Names of exchanges.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The name of an exchange, such as `binance`: ASCII letters, digits, `_`, `-` and `.`, at most 64.
///
/// Any name is valid; the exchanges that can be configured are not limited to those that another
/// crate knows. Names are case-insensitive, and cloning is cheap.
///
/// ```
/// use proxy_config::ExchangeId;
///
/// assert_eq!(ExchangeId::new("BINANCE")?, ExchangeId::new("binance")?);
/// # Ok::<(), proxy_config::InvalidExchangeId>(())
/// ```
// In lower case from the start, so that the derived comparisons are case-insensitive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(Arc<str>);

impl ExchangeId {
    /// Parses the name of an exchange.
    ///
    /// # Errors
    /// [`InvalidExchangeId`] if `id` is empty, longer than 64 characters, or contains other
    /// characters.
    pub fn new(id: &str) -> Result<Self, InvalidExchangeId> {
        let is_valid = (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if is_valid {
            Ok(Self(id.to_ascii_lowercase().into()))
        } else {
            Err(InvalidExchangeId)
        }
    }

    /// The name in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExchangeId {
    type Err = InvalidExchangeId;

    fn from_str(id: &str) -> Result<Self, InvalidExchangeId> {
        Self::new(id)
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ExchangeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A text that is not the name of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an exchange id consists of 1 to 64 letters, digits, underscores, hyphens and dots")]
#[non_exhaustive]
pub struct InvalidExchangeId;
