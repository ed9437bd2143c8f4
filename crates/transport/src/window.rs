//! How much of something is allowed in how long a time.

use std::time::Duration;

use http::HeaderMap;

/// So many units in so long a time. Its name is that of a budget at one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// What is counted: `weight`, `dials`.
    pub name: &'static str,
    /// How many units.
    pub units: u32,
    /// In how long a time.
    pub per: Duration,
    /// The header of an answer that says how many units the exchange has counted, in lower case,
    /// where there is one.
    pub used_header: Option<&'static str>,
}

impl Window {
    /// A window of which no answer says how much is used.
    #[must_use]
    pub const fn new(name: &'static str, units: u32, per: Duration) -> Self {
        Self {
            name,
            units,
            per,
            used_header: None,
        }
    }

    /// The same window, of which `header` of every answer says how many units are used.
    #[must_use]
    pub const fn with_used_header(mut self, header: &'static str) -> Self {
        self.used_header = Some(header);
        self
    }

    /// How many units the exchange has counted, if its answer says so; never more than there are.
    #[must_use]
    pub fn used(&self, answer: &HeaderMap) -> Option<u32> {
        let used = answer.get(self.used_header?)?.to_str().ok()?;
        let used: u32 = used.trim().parse().ok()?;
        // Anybody on the way can write any number into a header.
        Some(used.min(self.units))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const WEIGHT: Window = Window::new("weight", 6000, Duration::from_secs(60))
        .with_used_header("x-mbx-used-weight-1m");

    #[test]
    fn an_answer_says_how_much_is_used_by_its_header() {
        let used = |window: Window, name: &'static str, value: &'static [u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            window.used(&HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                value,
            )]))
        };
        let name = "x-mbx-used-weight-1m";
        for (value, expected) in [
            (&b"0"[..], Some(0)),
            (b"5999", Some(5999)),
            (b"6001", Some(6000)),
            (b"4294967295", Some(6000)),
            (b"4294967296", None),
            (b"", None),
            (b"-1", None),
            (b"1,2", None),
            (b"\xff", None),
        ] {
            assert_eq!(used(WEIGHT, name, value), expected, "{value:?}");
        }
        assert_eq!(used(WEIGHT, "x-mbx-used-weight", b"7"), None);
        let silent = Window {
            used_header: None,
            ..WEIGHT
        };
        assert_eq!(used(silent, name, b"7"), None);
    }
}
