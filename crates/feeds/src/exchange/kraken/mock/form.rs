//! How Kraken writes things.

use testkit::mock::{Instrument, Level};

/// A time as RFC 3339 writes it, in microseconds: `2026-08-01T02:53:53.646219Z`.
pub(super) fn time(micros: u64) -> String {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Years that begin with March have the leap day at their end, and 400 of them have as many days
    // as any other 400. Day 0 is the first of March of the year 0.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = match month {
        0..10 => (month + 3, 0),
        _ => (month - 9, 1),
    };
    let year = era * 400 + year + later;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Levels as JSON: `[{"price":63004.9,"qty":0.01876947},…]`, with all decimals of the instrument.
pub(super) fn levels(levels: &[Level], instrument: &Instrument) -> String {
    let level = |level: &Level| {
        let price = instrument.price(level.price);
        let quantity = instrument.quantity(level.quantity);
        format!(r#"{{"price":{price},"qty":{quantity}}}"#)
    };
    let levels: Vec<_> = levels.iter().map(level).collect();
    format!("[{}]", levels.join(","))
}

//     wsname     version 2    altname    key of AssetPairs
//     XBT/USD    BTC/USD      XBTUSD     XXBTZUSD
//     XDG/USD    DOGE/USD     XDGUSD     XDGUSD
//     SOL/USD    SOL/USD      SOLUSD     SOLUSD
/// The names of an instrument, which is called by that of version 2 here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) wsname: String,
    pub(super) altname: String,
    pub(super) key: String,
}

impl Names {
    pub(super) fn of(instrument: &Instrument) -> Self {
        let (base, quote) = (old_name(&instrument.base), old_name(&instrument.quote));
        // The oldest pairs have assets of four letters in their key, most of the time.
        let key = match (base, quote) {
            ("XBT" | "ETH", "USD" | "EUR") => format!("X{base}Z{quote}"),
            _ => format!("{base}{quote}"),
        };
        Self {
            wsname: format!("{base}/{quote}"),
            altname: format!("{base}{quote}"),
            key,
        }
    }
}

fn old_name(asset: &str) -> &str {
    match asset {
        "BTC" => "XBT",
        "DOGE" => "XDG",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (1_704_067_199_999_999, "2023-12-31T23:59:59.999999Z"),
            (1_709_164_800_000_000, "2024-02-29T00:00:00.000000Z"),
            (1_785_552_833_646_219, "2026-08-01T02:53:53.646219Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(time(micros), expected);
        }
    }
}
