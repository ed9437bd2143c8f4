//! Which symbols are meant: one, or all that look alike.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use transport::is_printable;

use crate::symbol::Symbol;

/// The characters that stand for others.
pub(crate) const WILDCARDS: [char; 2] = ['*', '?'];

/// One symbol, or all symbols of a form: `BTC-USDT`, `*-USDT`, `BTC-*`, `*`.
///
/// `*` stands for any characters, `-` among them, and for none; `?` for exactly one. So `SOL-*` has
/// `SOL-USDC` and `SOL-USDC-PERP`, and `*-USDC` has the first one only. Case matters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolPattern(Form);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    Exact(Symbol),
    Glob(Arc<str>),
}

impl SymbolPattern {
    /// Parses a symbol, or a pattern with `*` or `?` in it, whose parts are joined by `-`.
    ///
    /// # Errors
    /// [`InvalidPattern`] if `text` is neither: no symbol could match it.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let invalid = || InvalidPattern(text.to_owned());
        if !text.contains(WILDCARDS) {
            let symbol = Symbol::parse(text).map_err(|_| invalid())?;
            return Ok(Self(Form::Exact(symbol)));
        }
        let is_part = |part: &str| {
            let is_seen = |c: char| is_printable(c) && !c.is_whitespace();
            !part.is_empty() && part.chars().all(is_seen)
        };
        match text.split('-').all(is_part) {
            true => Ok(Self(Form::Glob(text.into()))),
            false => Err(invalid()),
        }
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Exact(symbol) => symbol.as_str(),
            Form::Glob(text) => text,
        }
    }

    /// The symbol, if only one is meant.
    #[must_use]
    pub fn symbol(&self) -> Option<&Symbol> {
        match &self.0 {
            Form::Exact(symbol) => Some(symbol),
            Form::Glob(_) => None,
        }
    }

    /// Whether `symbol` is meant.
    #[must_use]
    pub fn matches(&self, symbol: &Symbol) -> bool {
        match &self.0 {
            Form::Exact(exact) => exact == symbol,
            Form::Glob(pattern) => is_match(pattern, symbol.as_str()),
        }
    }
}

/// Takes no more than the product of both lengths: a `*` is extended, and never one before it again.
fn is_match(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What follows the last `*`, and the text that it has not taken.
    let mut last = None;
    loop {
        let rest = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                last = Some((pattern.clone(), rest.clone()));
                text = rest;
            }
            (None, None) => return true,
            (Some(wanted), Some(c)) if wanted == '?' || wanted == c => {}
            _ => {
                let Some((behind, untaken)) = &mut last else {
                    return false;
                };
                if untaken.next().is_none() {
                    return false;
                }
                (pattern, text) = (behind.clone(), untaken.clone());
            }
        }
    }
}

impl From<Symbol> for SymbolPattern {
    fn from(symbol: Symbol) -> Self {
        Self(Form::Exact(symbol))
    }
}

impl FromStr for SymbolPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for SymbolPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for SymbolPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for SymbolPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SymbolPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// Text that is no [`SymbolPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid symbol {0:?}: expected a form like BTC-USDT or SOL-USDC-PERP, or a pattern like *-USDT"
)]
pub struct InvalidPattern(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, symbol: &str) -> bool {
        let pattern = SymbolPattern::parse(pattern).unwrap();
        pattern.matches(&symbol.parse().unwrap())
    }

    #[test]
    fn a_pattern_has_the_symbols_of_its_form() {
        for (pattern, symbol) in [
            ("*", "BTC-USDT"),
            ("*-USDT", "BTC-USDT"),
            ("BTC-*", "BTC-USDT"),
            ("SOL-*", "SOL-USDC-PERP"),
            ("*USD*", "BTC-USDT"),
            ("B?C-USD?", "BTC-USDT"),
            ("*-*-*", "SOL-USDC-PERP"),
            ("*-U*-P*P", "SOL-USDUSDC-PERPP"),
            ("???", "A-B"),
            ("*试*-456", "这是测试币-456"),
            ("BTC-USDT", "BTC-USDT"),
        ] {
            assert!(matches(pattern, symbol), "{pattern} {symbol}");
        }
        for (pattern, symbol) in [
            ("*-USDT", "BTC-USDC"),
            ("*-USDC", "SOL-USDC-PERP"),
            ("BTC-*", "WBTC-USDT"),
            ("btc-*", "BTC-USDT"),
            ("?-USDT", "BTC-USDT"),
            ("*-*-*", "BTC-USDT"),
            ("BTC-USDT", "BTC-USDTX"),
        ] {
            assert!(!matches(pattern, symbol), "{pattern} {symbol}");
        }
    }

    #[test]
    fn what_no_symbol_can_match_is_no_pattern() {
        for text in [
            "",
            "BTC",
            "-*",
            "*-",
            "*--USDT",
            "* -USDT",
            "*-\u{202e}TDSU",
        ] {
            let error = SymbolPattern::parse(text).unwrap_err();
            assert!(error.to_string().contains("a pattern like *-USDT"));
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = format!("{}b-x", "a*".repeat(200));
        assert!(!matches(&pattern, &format!("{}-x", "a".repeat(2000))));
    }

    #[test]
    fn only_a_pattern_without_wildcards_is_a_symbol() {
        let symbol: Symbol = "BTC-USDT".parse().unwrap();
        let exact = SymbolPattern::parse("BTC-USDT").unwrap();
        assert_eq!(exact.symbol(), Some(&symbol));
        assert_eq!(SymbolPattern::from(symbol), exact);
        assert_eq!(SymbolPattern::parse("*").unwrap().symbol(), None);
    }
}
