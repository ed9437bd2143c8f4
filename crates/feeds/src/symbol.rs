//! The exchange-neutral name of what is traded.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use transport::is_printable;

use crate::pattern::WILDCARDS;

/// Values by symbol.
// Each event is looked up in several, by a hash that takes a tenth of the time of the standard library's, and
// has a seed as that has: exchanges choose the names.
pub(crate) type SymbolMap<V> = HashMap<Symbol, V, RandomState>;

/// An exchange-neutral symbol: `BTC-USDT` for spot, `SOL-USDC-PERP` for a perpetual future.
///
/// Cheap to clone. Case matters, because exchanges list names such as `kPEPE`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

impl Symbol {
    /// Parses a symbol: two or more parts, joined by `-`, without white space, characters that cannot be
    /// seen, and the `*` and `?` of a [`SymbolPattern`](crate::SymbolPattern).
    ///
    /// # Errors
    /// [`InvalidSymbol`] if `text` has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidSymbol> {
        let is_part = |part: &str| {
            let is_seen =
                |c: char| is_printable(c) && !c.is_whitespace() && !WILDCARDS.contains(&c);
            !part.is_empty() && part.chars().all(is_seen)
        };
        if text.contains('-') && text.split('-').all(is_part) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidSymbol(text.to_owned()))
        }
    }

    /// The symbol as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Symbol {
    type Err = InvalidSymbol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Borrow<str> for Symbol {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// Text that is not a [`Symbol`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid symbol {0:?}: expected a form like BTC-USDT or SOL-USDC-PERP")]
pub struct InvalidSymbol(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_has_two_or_more_parts() {
        for text in [
            "BTC-USDT",
            "SOL-USDC-PERP",
            "kPEPE-USDC-PERP",
            "AAPL.US-USDC-PERP",
        ] {
            let symbol = Symbol::parse(text).unwrap();
            assert_eq!(symbol.to_string(), text);
            let json = serde_json::to_string(&symbol).unwrap();
            assert_eq!(serde_json::from_str::<Symbol>(&json).unwrap(), symbol);
        }
        for text in [
            "",
            "BTCUSDT",
            "BTC/USDT",
            "BTC-",
            "-USDT",
            "BTC--USDT",
            "BTC -USDT",
            "*-USDT",
            "BTC-USD?",
            "BTC-\u{1}",
            "BTC-\u{202e}TDSU",
        ] {
            assert!(Symbol::parse(text).is_err(), "{text:?}");
            assert!(serde_json::from_value::<Symbol>(text.into()).is_err());
        }
    }
}
