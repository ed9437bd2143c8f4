//! Lists of `[price, size]`, the bulk of what an exchange sends.
//!
//! An exchange writes them without any space: `[["61737.63","0.5"],["61730.17","0"]]`. That form is
//! read by hand, at half the cost of a general reader; whatever differs from it in the slightest is
//! left to serde, so both understand the same lists.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::plain_number::plain_decimal;
use super::wire::Exact;
use crate::level::Level;

/// Reads a list of `[price, size]`, for serde's `deserialize_with`.
///
/// # Errors
/// That of the deserializer, if it is no such list.
pub fn levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Level>, D::Error> {
    // serde finds where the list ends; the list itself is then read a second time, by hand.
    let json = <&RawValue>::deserialize(deserializer)?.get();
    match compact_levels(json) {
        Some(levels) => Ok(levels),
        None => any_levels(json).map_err(de::Error::custom),
    }
}

/// Reads a list without spaces and escapes; `None` if it is not one.
#[must_use]
pub fn compact_levels(json: &str) -> Option<Vec<Level>> {
    let [b'[', inner @ .., b']'] = json.as_bytes() else {
        return None;
    };
    let mut levels = Vec::with_capacity(brackets(inner));
    let mut rest = inner;
    while !rest.is_empty() {
        if !levels.is_empty() {
            rest = rest.strip_prefix(b",")?;
        }
        // `["61737.63","0.5"]`: the price behind two characters, the size behind three more.
        let (price, after) = plain_decimal(rest.strip_prefix(b"[\"")?)?;
        let (size, after) = plain_decimal(after.strip_prefix(b"\",\"")?)?;
        rest = after.strip_prefix(b"\"]")?;
        levels.push(Level { price, size });
    }
    Some(levels)
}

/// How many opening brackets there are: one per level, so that one allocation is enough.
fn brackets(text: &[u8]) -> usize {
    // A chunk has 255 bytes, so that a count fits into the byte that it is kept in.
    let count = |chunk: &[u8]| chunk.iter().map(|byte| u8::from(*byte == b'[')).sum::<u8>();
    // Counted by the byte, which the compiler makes sixteen at a time.
    text.chunks(u8::MAX.into())
        .map(|chunk| usize::from(count(chunk)))
        .sum()
}

fn any_levels(json: &str) -> serde_json::Result<Vec<Level>> {
    struct Levels;

    impl<'de> Visitor<'de> for Levels {
        type Value = Vec<Level>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of [price, size]")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
            let mut levels = Vec::new();
            while let Some((Exact(price), Exact(size))) = pairs.next_element()? {
                levels.push(Level { price, size });
            }
            Ok(levels)
        }
    }

    serde_json::Deserializer::from_str(json).deserialize_seq(Levels)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    /// Every digit of `text` but zeros in front.
    fn exactly(text: &str) -> String {
        Decimal::from_str_exact(text).unwrap().to_string()
    }

    fn parse(json: &str) -> serde_json::Result<Vec<Level>> {
        levels(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn a_level_is_a_pair() {
        assert_eq!(parse(r#"[["1.0","2"],["3","0"]]"#).unwrap().len(), 2);
        assert_eq!(parse("[]").unwrap(), []);
        for json in [
            r#"[["1"]]"#,
            r#"[["1","2","3"]]"#,
            r#"[[1,2]]"#,
            r#"[["1","2"]["3","4"]]"#,
            r#"[["1","2"],]"#,
            r#"[["1","-2"]]"#,
            r#"{"1":"2"}"#,
        ] {
            assert!(parse(json).is_err(), "{json}");
        }
    }

    #[test]
    fn the_usual_form_is_read_without_serde_and_takes_one_allocation() {
        let levels = compact_levels(r#"[["61737.63000000","0.00000000"],["3","0.1"]]"#).unwrap();
        assert_eq!((levels.len(), levels.capacity()), (2, 2));
        assert_eq!(compact_levels("[]").unwrap().capacity(), 0);
        assert_eq!(compact_levels(r#"[ ["1","2"] ]"#), None);
        assert_eq!(compact_levels(r#"[["\u0031","2"]]"#), None);
    }

    proptest! {
        #[test]
        fn both_readers_understand_the_same_lists(
            pairs in proptest::collection::vec(("[0-9]{0,12}[.]?[0-9]{0,20}", "[0-9.]{1,30}"), 0..5)
        ) {
            let json = serde_json::to_string(&pairs).unwrap();
            if let Some(levels) = compact_levels(&json) {
                prop_assert_eq!(any_levels(&json).unwrap(), levels.clone());
                for (level, (price, size)) in levels.iter().zip(pairs) {
                    prop_assert_eq!(level.price.to_string(), exactly(&price));
                    prop_assert_eq!(level.size.to_string(), exactly(&size));
                }
            }
        }
    }
}
