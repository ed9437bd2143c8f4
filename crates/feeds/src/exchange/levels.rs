//! Lists of `[price, size]`, the bulk of what an exchange sends.
//!
//! An exchange writes them without any space: `[["61737.63","0.5"],["61730.17","0"]]`. That form is
//! read by hand, at half the cost of a general reader; whatever differs from it in the slightest is
//! left to serde, so both understand the same lists.
//!
//! A level may have further elements behind price and size, of which nothing is kept: OKX writes
//! `["8476.98","415","0","13"]`, with the number of orders at the end. Their number is `MORE`.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::plain_number::plain_decimal;
use super::wire::Exact;
use crate::level::Level;

/// The fewest bytes of a level, with what separates it from the next: `["1","2"],`.
const SHORTEST: usize = 10;

/// A list of so many levels or fewer is short.
const FEW: usize = 8;

/// Reads a list of levels.
///
/// # Errors
/// If it has another form.
pub fn levels<'de, const MORE: usize, D>(deserializer: D) -> Result<Vec<Level>, D::Error>
where
    D: Deserializer<'de>,
{
    // serde finds where the list ends; the list itself is then read a second time, by hand.
    let json = <&RawValue>::deserialize(deserializer)?.get();
    match compact_levels::<MORE>(json) {
        Some(levels) => Ok(levels),
        None => any_levels::<MORE>(json).map_err(de::Error::custom),
    }
}

/// Reads the first of a list of levels, and only checks the form of the others.
///
/// # Errors
/// If it has another form.
pub fn first_level<'de, const MORE: usize, D>(deserializer: D) -> Result<Option<Level>, D::Error>
where
    D: Deserializer<'de>,
{
    let mut first = None;
    deserializer.deserialize_seq(Levels::<MORE, _>(|level| {
        first.get_or_insert(level);
    }))?;
    Ok(first)
}

/// Reads a list without spaces and escapes; `None` if it is not one.
pub fn compact_levels<const MORE: usize>(json: &str) -> Option<Vec<Level>> {
    let [b'[', inner @ .., b']'] = json.as_bytes() else {
        return None;
    };
    let mut levels = Vec::with_capacity(most_levels(inner));
    let mut rest = inner;
    while !rest.is_empty() {
        if !levels.is_empty() {
            rest = rest.strip_prefix(b",")?;
        }
        let (level, after) = compact_level::<MORE>(rest)?;
        levels.push(level);
        rest = after;
    }
    Some(levels)
}

/// Reads the list without spaces and escapes that `json` begins with, and tells what follows it; `None` if it
/// begins with something else.
pub(crate) fn leading_levels<const MORE: usize>(json: &[u8]) -> Option<(Vec<Level>, &[u8])> {
    // Most changes are of few levels. These need not be counted before there is memory for them.
    let mut few = [Level {
        price: Decimal::ZERO,
        size: Decimal::ZERO,
    }; FEW];
    let mut rest = json.strip_prefix(b"[")?;
    for (count, next) in few.iter_mut().enumerate() {
        if let Some(after) = rest.strip_prefix(b"]") {
            return Some((few.get(..count)?.to_vec(), after));
        }
        if count > 0 {
            rest = rest.strip_prefix(b",")?;
        }
        (*next, rest) = compact_level::<MORE>(rest)?;
    }
    let length = json.windows(2).position(|pair| pair == b"]]")? + 2;
    let (list, rest) = json.split_at_checked(length)?;
    let list = std::str::from_utf8(list).ok()?;
    Some((compact_levels::<MORE>(list)?, rest))
}

/// Reads the level that `json` begins with, and tells what follows it.
#[inline(always)]
fn compact_level<const MORE: usize>(json: &[u8]) -> Option<(Level, &[u8])> {
    // `["61737.63","0.5"]`: the price behind two characters, the size behind three more.
    let (price, after) = plain_decimal(json.strip_prefix(b"[\"")?)?;
    let (size, mut after) = plain_decimal(after.strip_prefix(b"\",\"")?)?;
    for _ in 0..MORE {
        after = behind_digits(after.strip_prefix(b"\",\"")?)?;
    }
    Some((Level { price, size }, after.strip_prefix(b"\"]")?))
}

/// What follows the digits that `text` begins with.
fn behind_digits(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    text.get(end..)
}

/// How many levels there can be.
fn most_levels(text: &[u8]) -> usize {
    // What has more brackets than would fit is no list of levels, and shall not reserve memory for it.
    brackets(text).min(text.len() / SHORTEST + 1)
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

fn any_levels<const MORE: usize>(json: &str) -> serde_json::Result<Vec<Level>> {
    let mut levels = Vec::new();
    serde_json::Deserializer::from_str(json)
        .deserialize_seq(Levels::<MORE, _>(|level| levels.push(level)))?;
    Ok(levels)
}

/// Hands over each level of a list.
struct Levels<const MORE: usize, F>(F);

impl<'de, const MORE: usize, F: FnMut(Level)> Visitor<'de> for Levels<MORE, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of [price, size]")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut rows: A) -> Result<(), A::Error> {
        while let Some(Row { price, size }) = rows.next_element::<Row<MORE>>()? {
            (self.0)(Level { price, size });
        }
        Ok(())
    }
}

struct Row<const MORE: usize> {
    price: Decimal,
    size: Decimal,
}

impl<'de, const MORE: usize> Deserialize<'de> for Row<MORE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<const MORE: usize>;

        impl<'de, const MORE: usize> Visitor<'de> for Elements<MORE> {
            type Value = Row<MORE>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of {} elements, price and size first", 2 + MORE)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<Self::Value, A::Error> {
                let few = |found| de::Error::invalid_length(found, &self);
                let Exact(price) = row.next_element()?.ok_or_else(|| few(0))?;
                let Exact(size) = row.next_element()?.ok_or_else(|| few(1))?;
                for index in 0..MORE {
                    let IgnoredAny = row.next_element()?.ok_or_else(|| few(2 + index))?;
                }
                // serde_json itself refuses what is left of a list.
                Ok(Row { price, size })
            }
        }

        deserializer.deserialize_seq(Elements)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every digit of `text` but zeros in front.
    fn exactly(text: &str) -> String {
        Decimal::from_str_exact(text).unwrap().to_string()
    }

    fn parse<const MORE: usize>(json: &str) -> serde_json::Result<Vec<Level>> {
        levels::<MORE, _>(&mut serde_json::Deserializer::from_str(json))
    }

    fn first(json: &str) -> serde_json::Result<Option<Level>> {
        first_level::<2, _>(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn a_level_is_a_pair() {
        assert_eq!(parse::<0>(r#"[["1.0","2"],["3","0"]]"#).unwrap().len(), 2);
        assert_eq!(parse::<0>("[]").unwrap(), []);
        for json in [
            r#"[["1"]]"#,
            r#"[["1","2","3"]]"#,
            r#"[[1,2]]"#,
            r#"[["1","2"]["3","4"]]"#,
            r#"[["1","2"],]"#,
            r#"[["1","-2"]]"#,
            r#"{"1":"2"}"#,
        ] {
            assert!(parse::<0>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_level_has_as_many_further_elements_as_the_exchange_writes() {
        let usual = r#"[["8476.98","415","0","13"],["8477","0","0","0"]]"#;
        let levels = parse::<2>(usual).unwrap();
        assert_eq!(compact_levels::<2>(usual), Some(levels.clone()));
        assert_eq!(first(usual).unwrap(), levels.first().copied());
        for other in [
            r#"[["8476.98","415","0",13],["8477","0",null,"0"]]"#,
            r#"[["8476.98", "415","","13"], ["8477","0","0","x"]]"#,
        ] {
            assert_eq!(parse::<2>(other).unwrap(), levels, "{other}");
            assert_eq!(first(other).unwrap(), levels.first().copied());
        }
        assert_eq!(first("[]").unwrap(), None);
        for json in [
            r#"[["1","2"]]"#,
            r#"[["1","2","0"]]"#,
            r#"[["1","2","0","3","4"]]"#,
            r#"[["1","2","0","3"],["1"]]"#,
            r#"[["1","2","0","3"]"#,
            r#"[["1","","0","3"]]"#,
        ] {
            assert!(parse::<2>(json).is_err(), "{json}");
            assert!(first(json).is_err(), "{json}");
        }
    }

    #[test]
    fn the_usual_form_is_read_without_serde_and_takes_one_allocation() {
        let pairs = r#"[["61737.63000000","0.00000000"],["3","0.1"]]"#;
        let levels = compact_levels::<0>(pairs).unwrap();
        assert_eq!((levels.len(), levels.capacity()), (2, 2));
        assert_eq!(compact_levels::<0>("[]").unwrap().capacity(), 0);
        assert_eq!(compact_levels::<0>(r#"[ ["1","2"] ]"#), None);
        assert_eq!(compact_levels::<0>(r#"[["\u0031","2"]]"#), None);
        let four = r#"[["61737.63","0.5","0","12"],["3","0.1","0","1"]]"#;
        let levels = compact_levels::<2>(four).unwrap();
        assert_eq!((levels.len(), levels.capacity()), (2, 2));
        assert_eq!(compact_levels::<0>(four), None);
        assert_eq!(compact_levels::<2>(pairs), None);
    }

    #[test]
    fn brackets_alone_reserve_no_memory_for_levels() {
        assert_eq!(most_levels(&[b'['; 1000]), 101);
        let shortest = r#"["1","2"],["1","2"],["1","2"]"#;
        assert_eq!(most_levels(shortest.as_bytes()), 3);
    }

    proptest! {
        #[test]
        fn both_readers_understand_the_same_lists(
            pairs in proptest::collection::vec(("[0-9]{0,12}[.]?[0-9]{0,20}", "[0-9.]{1,30}"), 0..12)
        ) {
            let json = serde_json::to_string(&pairs).unwrap();
            let followed = format!("{json},\"a\":[[]]");
            let leading = leading_levels::<0>(followed.as_bytes());
            let leading = leading.map(|(levels, rest)| {
                assert_eq!(rest, b",\"a\":[[]]");
                levels
            });
            prop_assert_eq!(&leading, &compact_levels::<0>(&json));
            prop_assert!(leading.is_none_or(|levels| levels.len() == levels.capacity()));
            if let Some(levels) = compact_levels::<0>(&json) {
                prop_assert_eq!(any_levels::<0>(&json).unwrap(), levels.clone());
                for (level, (price, size)) in levels.iter().zip(pairs) {
                    prop_assert_eq!(level.price.to_string(), exactly(&price));
                    prop_assert_eq!(level.size.to_string(), exactly(&size));
                }
            }
        }

        #[test]
        fn both_readers_skip_the_same_further_elements(
            rows in proptest::collection::vec(("[0-9]{1,9}", "[0-9]{1,9}", "[0-9x]{0,3}", "[0-9]{1,4}"), 0..5)
        ) {
            let json = serde_json::to_string(&rows).unwrap();
            let all = any_levels::<2>(&json).unwrap();
            prop_assert_eq!(all.len(), rows.len());
            if let Some(levels) = compact_levels::<2>(&json) {
                prop_assert_eq!(all, levels);
            }
        }
    }
}
