//! The clocks of exchanges.

use std::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::message::Time;
use super::wire::integer;

/// The `UNIT` of a [`Clock`] in milliseconds.
pub const MILLIS: i64 = 1_000_000;
/// The `UNIT` of a [`Clock`] in microseconds.
pub const MICROS: i64 = 1_000;

/// A time, sent as a whole number of units of `UNIT` nanoseconds since 1970, or as text that holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock<const UNIT: i64>(pub Time);

impl<const UNIT: i64> Clock<UNIT> {
    /// So many units.
    #[must_use]
    pub fn of_units(units: impl TryInto<i64>) -> Self {
        // Nanoseconds in an `i64` reach to the year 2262.
        let ns = units.try_into().ok();
        Self(possible(ns.and_then(|units| units.checked_mul(UNIT))))
    }
}

impl<'de, const UNIT: i64> Deserialize<'de> for Clock<UNIT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Units<const UNIT: i64>;

        impl<const UNIT: i64> Visitor<'_> for Units<UNIT> {
            type Value = Clock<UNIT>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time: an integer")
            }

            fn visit_u64<E: de::Error>(self, units: u64) -> Result<Clock<UNIT>, E> {
                Ok(Clock::of_units(units))
            }

            fn visit_i64<E: de::Error>(self, units: i64) -> Result<Clock<UNIT>, E> {
                Ok(Clock::of_units(units))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Clock<UNIT>, E> {
                let invalid = || E::invalid_value(de::Unexpected::Str(text), &self);
                integer(text).map(Clock::of_units).ok_or_else(invalid)
            }
        }

        // Backpack was seen to write `"E":"1754903057555305"`, and at other times no quotes.
        deserializer.deserialize_any(Units)
    }
}

/// A time in milliseconds.
#[must_use]
pub fn millis(units: Option<u64>) -> Time {
    units.map_or(Time::Impossible, |units| Clock::<MILLIS>::of_units(units).0)
}

/// A time in seconds, with as many decimals as there are: `1790359840.9392912`.
#[must_use]
pub fn seconds(units: Decimal) -> Time {
    let ns = units.checked_mul(Decimal::from(1_000_000_000));
    possible(ns.and_then(|ns| ns.trunc().to_i64()))
}

/// A time as RFC 3339 writes it: `2026-08-01T02:53:53.185123Z`.
#[must_use]
pub fn rfc3339(text: &str) -> Time {
    let ns = |time: OffsetDateTime| i64::try_from(time.unix_timestamp_nanos()).ok();
    possible(OffsetDateTime::parse(text, &Rfc3339).ok().and_then(ns))
}

/// The ninth of September 2001. A time in a unit that is too small by a thousand is in 1970.
const EARLIEST_NS: i64 = 1_000_000_000_000_000_000;

fn possible(ns: Option<i64>) -> Time {
    ns.filter(|ns| *ns >= EARLIEST_NS)
        .map_or(Time::Impossible, Time::At)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_nanoseconds_and_those_that_cannot_be_are_told_apart() {
        let parsed: Clock<MILLIS> = serde_json::from_str("1723161255208").unwrap();
        assert_eq!(parsed, Clock(Time::At(1_723_161_255_208_000_000)));
        let parsed: Clock<MICROS> = serde_json::from_str("1790915525102951").unwrap();
        assert_eq!(parsed, Clock(Time::At(1_790_915_525_102_951_000)));
        let text: Clock<MICROS> = serde_json::from_str("\"1790915525102951\"").unwrap();
        assert_eq!(text, parsed);
        for other_unit in ["1790915525", "1790915525102951", "9223372036855", "0", "-1"] {
            let parsed: Clock<MILLIS> = serde_json::from_str(other_unit).unwrap();
            assert_eq!(parsed, Clock(Time::Impossible), "{other_unit}");
        }
        for malformed in ["\"\"", "\"+5\"", "\"now\"", "1.5", "null", "[]"] {
            let parsed = serde_json::from_str::<Clock<MILLIS>>(malformed);
            assert!(parsed.is_err(), "{malformed}");
        }
    }

    #[test]
    fn seconds_keep_their_decimals() {
        let written = "1790359840.9392912".parse().unwrap();
        assert_eq!(seconds(written), Time::At(1_790_359_840_939_291_200));
        for other_unit in [1_790_359_840_939_u64, 1_790_359, u64::MAX] {
            assert_eq!(seconds(other_unit.into()), Time::Impossible);
        }
    }

    #[test]
    fn text_is_read_as_rfc_3339() {
        let written = "2026-08-01T02:53:53.185123Z";
        assert_eq!(rfc3339(written), Time::At(1_785_552_833_185_123_000));
        let whole = "2026-08-01T02:53:53Z";
        assert_eq!(rfc3339(whole), Time::At(1_785_552_833_000_000_000));
        assert_eq!(rfc3339("yesterday"), Time::Impossible);
        let read = millis(Some(1_790_000_000_000));
        assert_eq!(read, Time::At(1_790_000_000_000_000_000));
        for other_unit in [1_790_000_000, 1_790_000_000_000_000] {
            assert_eq!(millis(Some(other_unit)), Time::Impossible);
        }
        assert_eq!(millis(None), Time::Impossible);
    }
}
