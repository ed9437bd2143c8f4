//! What OKX allows, and how it behaves.

use std::time::Duration;

use super::checksum::CHECKSUM;
use crate::exchange::{
    Acknowledgement, BookRules, KeepAlive, Limits, Renewal, Rules, TradeIds, Window, by_previous,
};

pub(super) const INSTRUMENTS: Window = of_two_seconds("instruments", 20);
pub(super) const TIME: Window = of_two_seconds("time", 10);
pub(super) const TICKERS: Window = of_two_seconds("tickers", 20);
pub(super) const HISTORY_TRADES: Window = of_two_seconds("history-trades", 20);

/// What OKX allows.
pub(super) static LIMITS: Limits = Limits {
    // No number is documented. This is what half of the operations of an hour are enough for; the
    // other half renews 120 books.
    streams: Some(240),
    symbols: None,
    url: None,
    request: Some(64 << 10),
    streams_per_request: None,
    // Not documented; the largest that was recorded has 40 KB.
    frame: 4 << 20,
    messages: None,
    operations: Some(Window::new("operations", 480, Duration::from_secs(3600))),
    dials: Some(Window::new("dials", 3, Duration::from_secs(1))),
    rest: &[INSTRUMENTS, TIME, HISTORY_TRADES, TICKERS],
    rollover: None,
    // OKX closes what has been silent for 30 seconds, and sends no ping of its own.
    silence: Duration::from_secs(30),
    ping_interval: None,
    keep_alive: Some(KeepAlive {
        every: Duration::from_secs(15),
        text: "ping",
    }),
};

/// How OKX behaves.
pub(super) static RULES: Rules = Rules {
    acknowledgement: Acknowledgement::PerStream,
    books: BookRules {
        follows: by_previous,
        renewal: Renewal::Resubscribe {
            within: Duration::from_secs(5),
        },
        checksum: Some(CHECKSUM),
        // OKX removes what falls out of them, and adds what comes to be among them.
        cut: Some(400),
        // An empty change comes after about 60 seconds; half as much again is for the network.
        quiet: Some(Duration::from_secs(90)),
    },
    trades: TradeIds::Contiguous,
};

/// Of one address; that of the instruments also of one kind of them.
const fn of_two_seconds(name: &'static str, units: u32) -> Window {
    Window::new(name, units, Duration::from_secs(2))
}
