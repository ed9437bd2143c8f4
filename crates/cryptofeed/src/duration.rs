//! Time spans as people write them.

use std::time::Duration;

/// Parses a whole number with a unit: `500ms`, `10s`, `5m`, `2h`. Without a unit it is in seconds.
/// Zero is refused.
pub(crate) fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let millis_per_unit: u64 = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(InvalidDuration),
    };
    let number: u64 = number.parse().map_err(|_| InvalidDuration)?;
    match number.checked_mul(millis_per_unit) {
        None | Some(0) => Err(InvalidDuration),
        Some(millis) => Ok(Duration::from_millis(millis)),
    }
}

/// `duration` in seconds, rounded to tenths, for people.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

/// Text that is not a time span.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a whole number above zero with ms, s, m or h, such as 10s or 5m")]
pub(crate) struct InvalidDuration;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_unit_or_is_in_seconds() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("10", 10_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn seconds_are_rounded_to_tenths() {
        let shown = |nanos| seconds(Duration::from_nanos(nanos));
        assert_eq!(shown(1_003_446_414), 1.0);
        assert_eq!(shown(1_960_000_000), 2.0);
        assert_eq!(shown(31_250_000_000), 31.3);
    }

    #[test]
    fn nothing_zero_and_unknown_units_are_refused() {
        for text in [
            "",
            "s",
            "0",
            "0s",
            "-1s",
            "+1s",
            "1.5s",
            "1 s",
            "1d",
            "99999999999999999999h",
        ] {
            assert_eq!(parse(text), Err(InvalidDuration), "{text}");
        }
    }
}
