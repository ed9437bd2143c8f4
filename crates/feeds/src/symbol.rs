//! The exchange-neutral name of what is traded.

mod map;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use foldhash::fast::RandomState;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use transport::is_printable;

pub(crate) use self::map::SymbolMap;
use crate::pattern::WILDCARDS;

/// Hashes names, with a seed of the process: exchanges choose them.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// An exchange-neutral symbol: `BTC-USDT` for spot, `SOL-USDC-PERP` for a perpetual future.
///
/// Cheap to clone. Case matters, because exchanges list names such as `kPEPE`.
#[derive(Clone)]
pub struct Symbol(Arc<Name>);

/// A name and its hash.
// Each event is looked up by its symbol in several maps: the hash is made once, with the symbol.
struct Name {
    hash: u64,
    text: Box<str>,
}

/// The hash of a name, the same for as long as the process lives.
pub(crate) fn hash_of(name: &str) -> u64 {
    let mut hasher = HASHER.build_hasher();
    hasher.write(name.as_bytes());
    hasher.finish()
}

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
            Ok(Self(Arc::new(Name {
                hash: hash_of(text),
                text: text.into(),
            })))
        } else {
            Err(InvalidSymbol(text.to_owned()))
        }
    }

    /// The symbol as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    // Not inlined: most that are compared are clones of one that an exchange has listed, and a call in the loop
    // of a lookup has all that it knows put aside.
    #[cold]
    #[inline(never)]
    fn has_text_of(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash && self.0.text == other.0.text
    }
}

impl PartialEq for Symbol {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.has_text_of(other)
    }
}

impl Eq for Symbol {}

impl PartialOrd for Symbol {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Symbol {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

// As the text that it is borrowed as.
impl Hash for Symbol {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
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
        self.as_str()
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
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
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn symbols_of_one_text_are_one_wherever_they_come_from() {
        let symbol = |text: &str| Symbol::parse(text).unwrap();
        let (one, same, other) = (symbol("A-B"), symbol("A-B"), symbol("A-C"));
        assert_eq!((&one, &one), (&same, &one.clone()));
        assert_ne!(one, other);
        assert!(one < other && one.cmp(&same).is_eq());
        let hasher = RandomState::default();
        assert_eq!(hasher.hash_one(&one), hasher.hash_one("A-B"));
        let known = HashSet::from([one]);
        assert!(known.contains(&same) && known.contains("A-B") && !known.contains("A-C"));
    }

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
