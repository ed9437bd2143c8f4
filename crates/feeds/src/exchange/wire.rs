//! Values as they stand in the exchanges' JSON: numbers that must stay exact, and text that is
//! borrowed from the message where it can be.

use std::borrow::Cow;
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::plain_number::plain_decimal;

// serde does not borrow a `Cow` inside an `Option`; hence a type, of which it does.
/// Text, borrowed unless it holds an escape.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A price or size: a string of digits with at most one point and nothing else, no sign, no
/// exponent, taken over digit by digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exact(pub(super) Decimal);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;

        impl Visitor<'_> for Digits {
            type Value = Exact;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number as a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Exact, E> {
                // The short way, for nearly all of them. What it leaves, such as 20 digits and
                // more, is checked first: `from_str_exact` would also take a sign or an underscore.
                if let Some((number, [])) = plain_decimal(text.as_bytes()) {
                    return Ok(Exact(number));
                }
                let invalid = || E::invalid_value(de::Unexpected::Str(text), &self);
                let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
                let is_number =
                    |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
                if !is_number(whole) || !is_number(fraction) {
                    return Err(invalid());
                }
                Decimal::from_str_exact(text)
                    .map(Exact)
                    .map_err(|_| invalid())
            }
        }

        deserializer.deserialize_str(Digits)
    }
}

/// An id: an integer, or a string that holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub(super) u64);

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
                text.parse()
                    .map(Id)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        // Binance writes `"u":35346513501`, Backpack `"lastUpdateId":"4324522523"`, and its
        // documentation has text where the wire has an integer.
        deserializer.deserialize_any(Integer)
    }
}

/// A time, sent as a whole number of units of `UNIT` nanoseconds since 1970; holds nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time<const UNIT: i64>(pub(super) i64);

/// The `UNIT` of a [`Time`] in milliseconds.
pub(super) const MILLIS: i64 = 1_000_000;
/// The `UNIT` of a [`Time`] in microseconds.
pub(super) const MICROS: i64 = 1_000;

impl<const UNIT: i64> Time<UNIT> {
    /// `None` for a time that is out of range.
    pub(super) fn of_units(units: impl TryInto<i64>) -> Option<Self> {
        // Nanoseconds in an `i64` reach to the year 2262.
        units.try_into().ok()?.checked_mul(UNIT).map(Self)
    }
}

impl<'de, const UNIT: i64> Deserialize<'de> for Time<UNIT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = i64::deserialize(deserializer)?;
        Self::of_units(units)
            .ok_or_else(|| de::Error::custom(format_args!("time {units} out of range")))
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
        for json in ["-1", "1.0", "\"\"", "\"x\"", "null", "18446744073709551616"] {
            assert_eq!(id(json), None, "{json}");
        }
    }

    #[test]
    fn times_become_nanoseconds_and_may_not_overflow() {
        let parsed: Time<MILLIS> = serde_json::from_str("1723161255208").unwrap();
        assert_eq!(parsed, Time(1_723_161_255_208_000_000));
        let parsed: Time<MICROS> = serde_json::from_str("1790915525102951").unwrap();
        assert_eq!(parsed, Time(1_790_915_525_102_951_000));
        let error = serde_json::from_str::<Time<MILLIS>>("9223372036855").unwrap_err();
        assert!(error.to_string().contains("out of range"), "{error}");
    }
}
