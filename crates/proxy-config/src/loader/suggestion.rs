//! Suggestions for unknown names.

use std::fmt;

use crate::error::Lazy;
use crate::keys::expected_word;
use crate::loader::node::is_plain;

/// How similar two names must be for one to count as a misspelling of the other.
// Low enough for a name of three letters with two of them exchanged.
const LIKENESS: f64 = 0.66;

/// Longer names are not compared, in bytes.
// No known name is that long, and the effort grows with the product of the lengths.
const LONGEST: usize = 256;

/// The error for a key that is not among the `known` ones.
pub(crate) fn unknown_key(key: &str, known: &[&str]) -> impl fmt::Display {
    Lazy(move || {
        let known_keys = known.join(", ");
        // Any other text may be a secret, and a suggestion would tell something about it.
        match nearest(key, known.iter().copied()).filter(|_| is_plain(key)) {
            Some(nearest) => {
                format!("unknown key; did you mean `{nearest}`? (known keys: {known_keys})")
            }
            None => format!("unknown key (known keys: {known_keys})"),
        }
    })
}

/// The error for a text that is not one of the `known` words.
pub(crate) fn unknown_word(text: &str, known: &[&str]) -> String {
    let expected = expected_word(known);
    match nearest(text, known.iter().copied()) {
        Some(nearest) => format!("{expected}; did you mean `{nearest}`?"),
        None => expected,
    }
}

/// The known name that is most similar to `name`, if one is similar enough to be meant.
///
/// ```
/// use proxy_config::nearest;
///
/// assert_eq!(nearest("binnance", ["backpack", "binance"]), Some("binance"));
/// assert_eq!(nearest("kraken", ["backpack", "binance"]), None);
/// ```
pub fn nearest<T: AsRef<str>>(name: &str, known: impl IntoIterator<Item = T>) -> Option<T> {
    if name.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .map(|known| (likeness(name, known.as_ref()), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

/// From 0 to 1, by the better of two measures: one tolerates a missing end, the other exchanged
/// letters.
fn likeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b).max(strsim::normalized_damerau_levenshtein(a, b))
}
