//! The name of an exchange in events.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;

/// The name of an exchange in events, such as `binance`.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ExchangeName(Cow<'static, str>);

impl ExchangeName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the very same text, as that of two events of one feed is.
    // Each event is counted by its exchange.
    fn is_same(&self, other: &Self) -> bool {
        ptr::eq(self.as_str(), other.as_str())
    }
}

impl PartialEq for ExchangeName {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.0 == other.0
    }
}

impl Eq for ExchangeName {}

impl PartialOrd for ExchangeName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ExchangeName {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.is_same(other) {
            true => Ordering::Equal,
            false => self.0.cmp(&other.0),
        }
    }
}

// As the text that it is borrowed as.
impl Hash for ExchangeName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl From<&'static str> for ExchangeName {
    fn from(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

impl PartialEq<str> for ExchangeName {
    fn eq(&self, name: &str) -> bool {
        self.0 == name
    }
}

impl Borrow<str> for ExchangeName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExchangeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_compared_by_their_text_wherever_it_is() {
        let read = |json: &str| serde_json::from_str::<ExchangeName>(json).unwrap();
        let (one, same) = (ExchangeName::from("kraken"), read("\"kraken\""));
        let (shorter, other) = (ExchangeName::from(&"kraken"[..3]), read("\"okx\""));
        assert_eq!((&one, &one), (&same, &one.clone()));
        assert!(one.cmp(&same).is_eq() && one.cmp(&one).is_eq());
        assert!(shorter < one && one < other && shorter != one && one != other);
        let known = HashSet::from([one]);
        assert!(known.contains(&same) && known.contains("kraken") && !known.contains(&other));
    }
}
