//! Values as they stand in the exchanges' JSON: numbers that must stay exact, and text that is
//! borrowed from the message where it can be.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::marker::PhantomData;
use std::ops::Deref;

use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Malformed;
use super::plain_number::plain_decimal;
use crate::plain_text::{first_equal, first_special};

/// Reads JSON as a `T`.
///
/// # Errors
/// [`Malformed`] if it is not one.
pub fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(json).map_err(|error| Malformed::new(error.to_string()))
}

/// Reads the body of an answer as a `T`.
///
/// # Errors
/// [`Malformed`] if it is not UTF-8, or not JSON of that form.
pub fn parse_body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    let json = std::str::from_utf8(body);
    parse(json.map_err(|error| Malformed::new(error.to_string()))?)
}

/// Reads a JSON list and hands over each of its items, without a list of them in between.
///
/// # Errors
/// [`Malformed`] if it is no list of them, or `take` finds something wrong.
pub fn each<'a, T: Deserialize<'a>>(
    json: &'a str,
    take: impl FnMut(T) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    struct Items<T, F>(F, PhantomData<T>);

    impl<'de, T, F> Visitor<'de> for Items<T, F>
    where
        T: Deserialize<'de>,
        F: FnMut(T) -> Result<(), Malformed>,
    {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
            while let Some(item) = items.next_element()? {
                (self.0)(item).map_err(|malformed| de::Error::custom(malformed.reason()))?;
            }
            Ok(())
        }
    }

    let mut json = serde_json::Deserializer::from_str(json);
    let read = json.deserialize_seq(Items(take, PhantomData));
    let read = read.and_then(|()| json.end());
    read.map_err(|error| Malformed::new(error.to_string()))
}

/// The text that ends at the first quotation mark, and what follows that. `None` if it is another text than its
/// letters say.
#[inline]
pub(crate) fn verbatim(json: &str) -> Option<(&str, &str)> {
    let end = first_special(json.as_bytes())?;
    let (text, rest) = json.split_at_checked(end)?;
    Some((text, rest.strip_prefix('"')?))
}

/// The parts of `text` before and behind the first `separator`, which is ASCII.
// `split_once` is made for long texts.
#[inline]
pub(crate) fn split_at_first(text: &str, separator: u8) -> Option<(&str, &str)> {
    let end = first_equal(text.as_bytes(), separator)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

// serde does not borrow a `Cow` inside an `Option`; hence a type, of which it does.
/// Text, borrowed unless it holds an escape.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A price or size: a string of digits with at most one point and nothing else, no sign, no
/// exponent, taken over digit by digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact(pub Decimal);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;

        impl Visitor<'_> for Digits {
            type Value = Exact;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number as a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Exact, E> {
                let invalid = || E::invalid_value(de::Unexpected::Str(text), &self);
                exact(text).map(Exact).ok_or_else(invalid)
            }
        }

        deserializer.deserialize_str(Digits)
    }
}

/// A price or size as [`Exact`] reads it, or nothing: `""`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExactOrEmpty(pub Option<Decimal>);

impl<'de> Deserialize<'de> for ExactOrEmpty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        match exact(&text) {
            None if !text.is_empty() => Err(not_a_number(&text)),
            number => Ok(Self(number)),
        }
    }
}

/// A price or size as a JSON number, every digit of which is kept: `0.00005100`, `5.1e-05`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExactNumber(pub Decimal);

impl<'de> Deserialize<'de> for ExactNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As text: a float knows nothing of the zeros at the end.
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let number = match text.contains(['e', 'E']) {
            true => Decimal::from_scientific(text).ok(),
            false => exact(text),
        };
        number
            .filter(|number| !number.is_sign_negative())
            .map(Self)
            .ok_or_else(|| not_a_number(text))
    }
}

#[inline]
fn exact(text: &str) -> Option<Decimal> {
    // The short way, for nearly all of them. What it leaves, such as 20 digits and more, is checked
    // first: `from_str_exact` would also take a sign or an underscore.
    if let Some((number, [])) = plain_decimal(text.as_bytes()) {
        return Some(number);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

fn not_a_number<E: de::Error>(text: &str) -> E {
    E::invalid_value(
        de::Unexpected::Str(text),
        &"a decimal number that is not negative",
    )
}

/// An integer in a string: `"1790000000000"`.
#[must_use]
pub fn integer(text: &str) -> Option<u64> {
    // `parse` alone would take `+5`.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// An id: an integer, or a string that holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(pub u64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Integer;

        impl Visitor<'_> for Integer {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: an integer that is not negative")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<Id, E> {
                Ok(Id(id))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                let invalid = || E::invalid_value(de::Unexpected::Str(text), &self);
                integer(text).map(Id).ok_or_else(invalid)
            }
        }

        // Binance writes `"u":35346513501`, Backpack `"lastUpdateId":"4324522523"`, and its
        // documentation has text where the wire has an integer.
        deserializer.deserialize_any(Integer)
    }
}

/// The CRC-32 of ISO 3309, of what is written.
#[derive(Debug, Default)]
pub struct Crc32(crc32fast::Hasher);

impl Crc32 {
    /// The checksum of all that was written.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

impl Write for Crc32 {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(json: &str) -> Option<String> {
        let parsed: Result<Exact, _> = serde_json::from_str(json);
        parsed.ok().map(|Exact(number)| number.to_string())
    }

    #[test]
    fn decimals_keep_every_digit() {
        for text in [
            "61837.63000000",
            "0.00000",
            "86700",
            "0.1234567890123456789012345678",
        ] {
            assert_eq!(exact(&format!("\"{text}\"")).as_deref(), Some(text));
        }
        assert_eq!(exact(r#""\u0031.5""#).as_deref(), Some("1.5"));
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for json in [
            "\"\"",
            "\".\"",
            "\"1.\"",
            "\".5\"",
            "\"-1\"",
            "\"+1\"",
            "\"1e5\"",
            "\"1_000\"",
            "\"1,5\"",
            "\" 1\"",
            "\"0x1\"",
            "\"NaN\"",
            "\"1.2.3\"",
            "\"٣\"",
            "1.5",
            "15",
            "null",
            "\"79228162514264337593543950336\"",
            "\"0.12345678901234567890123456789\"",
        ] {
            assert_eq!(exact(json), None, "{json}");
        }
    }

    #[test]
    fn an_id_may_be_an_integer_or_a_string() {
        let id = |json| serde_json::from_str(json).ok().map(|Id(id)| id);
        assert_eq!(id("111063070525358080"), Some(111_063_070_525_358_080));
        assert_eq!(id("\"111063070525358080\""), Some(111_063_070_525_358_080));
        for json in [
            "-1",
            "1.0",
            "\"\"",
            "\"+5\"",
            "\"x\"",
            "null",
            "18446744073709551616",
        ] {
            assert_eq!(id(json), None, "{json}");
        }
    }

    fn number(json: &str) -> Option<String> {
        let parsed: Result<ExactNumber, _> = serde_json::from_str(json);
        parsed.ok().map(|ExactNumber(number)| number.to_string())
    }

    #[test]
    fn numbers_keep_their_zeros() {
        for text in ["0.00005100", "63000.0", "84000", "0.00000000", "1.0800"] {
            assert_eq!(number(text).as_deref(), Some(text));
        }
        assert_eq!(number("5.1e-05").as_deref(), Some("0.000051"));
        assert_eq!(
            number("12345678901234567890.12345678").as_deref(),
            Some("12345678901234567890.12345678")
        );
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for json in [
            "-1",
            "\"1\"",
            "null",
            "[]",
            "1e99",
            "0.12345678901234567890123456789",
        ] {
            assert_eq!(number(json), None, "{json}");
        }
        for text in ["+5", "-5", "5.0", "x", "99999999999999999999"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }
}
