//! What a name that nobody knows was probably meant to be.

use crate::keys::expected_word;
use crate::loader::node::is_plain;

/// How alike two names must be for one to be a misspelling of the other. Two letters of three in the
/// wrong order are enough.
const LIKENESS: f64 = 0.66;

/// No name of anything has more bytes.
const LONGEST: usize = 256;

/// What to say about a key that is not among those `known`.
pub(crate) fn unknown_key(key: &str, known: &[&str]) -> String {
    let known_keys = known.join(", ");
    match nearest(key, known.iter().copied()).filter(|_| is_plain(key)) {
        Some(nearest) => {
            format!("unknown key; did you mean `{nearest}`? (known keys: {known_keys})")
        }
        None => format!("unknown key (known keys: {known_keys})"),
    }
}

/// What to say about a text that is none of the words `known`.
pub(crate) fn unknown_word(text: &str, known: &[&str]) -> String {
    let expected = expected_word(known);
    match nearest(text, known.iter().copied()) {
        Some(nearest) => format!("{expected}; did you mean `{nearest}`?"),
        None => expected,
    }
}

/// The known name most like `name`, if one is so much like it that it was probably meant.
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

/// From 0 to 1, by the better of two measures: one forgives what is missing at the end, the other
/// letters in the wrong order.
fn likeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b).max(strsim::normalized_damerau_levenshtein(a, b))
}
