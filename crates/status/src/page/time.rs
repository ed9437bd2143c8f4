//! Times, for people.

use std::fmt;

/// How long before `now_ns` something was, in its largest unit: `12 s`, `5 min`. What is to come was now.
pub(super) fn age(now_ns: i64, at_ns: i64) -> impl fmt::Display {
    Span(now_ns.saturating_sub(at_ns).max(0) / 1_000_000_000)
}

/// How long after `now_ns` something will be.
pub(super) fn left(now_ns: i64, at_ns: i64) -> impl fmt::Display {
    age(at_ns, now_ns)
}

struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds @ ..60 => write!(f, "{seconds} s"),
            seconds @ 60..3600 => write!(f, "{} min", seconds / 60),
            seconds @ 3600..172_800 => {
                write!(f, "{} h {} min", seconds / 3600, seconds / 60 % 60)
            }
            seconds => write!(f, "{} d", seconds / 86_400),
        }
    }
}

/// The time of the day, in UTC.
pub(super) fn clock(at_ns: i64) -> impl fmt::Display {
    Clock(at_ns)
}

struct Clock(i64);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1_000_000_000).rem_euclid(86_400);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        write!(f, "{:02}:{:02}:{seconds:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_in_its_largest_unit() {
        let of = |seconds: i64| age(seconds * 1_000_000_000, 0).to_string();
        let shown = [0, 59, 60, 3599, 3600, 90_000, 172_800].map(of);
        let expected = [
            "0 s",
            "59 s",
            "1 min",
            "59 min",
            "1 h 0 min",
            "25 h 0 min",
            "2 d",
        ];
        assert_eq!(shown, expected);
        assert_eq!(age(0, 5).to_string(), "0 s");
        assert_eq!(left(0, 61_000_000_000).to_string(), "1 min");
    }

    #[test]
    fn the_clock_is_that_of_utc() {
        assert_eq!(clock(1_723_161_254_024_619_568).to_string(), "23:54:14");
    }
}
