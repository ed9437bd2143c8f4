//! What the exchange says: quotes and changes of a book, in turns.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::error::Result;
use crate::wire::{TEXT, frame};

/// The list of instruments.
pub(super) const LISTED: &str = r#"{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[{"tickSize":"0.01000000"}]}]}"#;

/// Prices of each side that change in turns.
const PRICES: u64 = 100;

/// The lowest ask, and one more than the highest bid.
const MIDDLE: u64 = 60_000;

/// What tells a stamp from every other number of a message: so many digits before the point, and nine
/// behind it.
const WHOLE_DIGITS: usize = 8;
const FRACTION_DIGITS: usize = 9;

/// A number that every line shows, whoever writes it: the size of a best bid. Nanoseconds, or a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(pub(super) u64);

impl Stamp {
    const BILLION: u64 = 1_000_000_000;
    const FIRST: u64 = 10_000_000;

    /// The time by a clock that all processes share.
    pub(super) fn now() -> Result<Self> {
        let now = Duration::try_from(clock_gettime(ClockId::Monotonic))?;
        Ok(Self(u64::try_from(now.as_nanos())?))
    }

    /// As a number with a point.
    fn text(self) -> String {
        let (seconds, nanos) = (self.0 / Self::BILLION, self.0 % Self::BILLION);
        format!("{}.{nanos:09}", Self::FIRST + seconds)
    }

    /// The stamp that a line shows.
    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        let points = line.iter().enumerate().filter(|(_, byte)| **byte == b'.');
        let mut stamps = points.filter_map(|(point, _)| {
            let end = point + 1 + FRACTION_DIGITS;
            let text = line.get(point.checked_sub(WHOLE_DIGITS + 1)?..=end)?;
            let text = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
            let (seconds, nanos) = std::str::from_utf8(text).ok()?.split_once('.')?;
            let seconds: u64 = seconds.parse().ok()?;
            let nanos: u64 = nanos.parse().ok()?;
            Some(Self(
                seconds.checked_sub(Self::FIRST)? * Self::BILLION + nanos,
            ))
        });
        stamps.next()
    }
}

/// The message of this number, from 1 on, as a frame.
pub(super) fn message(number: u64, stamp: Stamp) -> Vec<u8> {
    let stamp = stamp.text();
    // The ids of the book's changes, without a hole.
    let id = number / 2 + 1;
    let text = if number.is_multiple_of(2) {
        let bid = MIDDLE - 1 - id % PRICES;
        let ask = MIDDLE + id % PRICES;
        let next = bid - 1;
        format!(
            r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1790000000000,"s":"BTCUSDT","U":{id},"u":{id},"b":[["{bid}.01000000","{stamp}"],["{next}.01000000","0.02500000"]],"a":[["{ask}.02000000","1.48200000"]]}}}}"#
        )
    } else {
        format!(
            r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{id},"s":"BTCUSDT","b":"{stamp}","B":"0.45280000","a":"{MIDDLE}.02000000","A":"7.01350000"}}}}"#
        )
    };
    frame(TEXT, text.as_bytes())
}

/// The book before the first change that [`message`] makes of it.
pub(super) fn snapshot() -> String {
    let levels = |first: u64, step: i64| {
        let price = |index: u64| {
            let price = first
                .checked_add_signed(step * index as i64)
                .unwrap_or(first);
            format!(r#"["{price}.01000000","3.00000000"]"#)
        };
        (0..PRICES).map(price).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (levels(MIDDLE - 1, -1), levels(MIDDLE, 1));
    format!(r#"{{"lastUpdateId":1,"bids":[{bids}],"asks":[{asks}]}}"#)
}

/// A change of the book that the snapshot holds already.
pub(super) fn first_change() -> Vec<u8> {
    frame(
        TEXT,
        br#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1790000000000,"s":"BTCUSDT","U":1,"u":1,"b":[],"a":[]}}"#,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_stamp_of_its_message() {
        let stamp = Stamp(123_456_000_000_789);
        for number in [1, 2] {
            let message = message(number, stamp);
            assert_eq!(Stamp::of_line(&message), Some(stamp));
        }
        assert_eq!(Stamp::of_line(&first_change()), None);
        assert_eq!(Stamp::of_line(snapshot().as_bytes()), None);
    }
}
