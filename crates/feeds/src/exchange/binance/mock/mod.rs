//! A mock of Binance spot.

mod rest;
mod stream;

use std::time::Duration;

use http::Uri;
use rust_decimal::Decimal;
use testkit::mock::{
    Answer, Conduct, ExchangeProtocol, Frame, Instrument, Meter, RestRequest, Source,
    StreamProtocol,
};
use testkit::{MockExchange, MockExchangeBuilder};

use self::stream::Stream;
use super::{Binance, LIMITS};
use crate::exchange::mock::enveloped;

/// Seconds.
const RETRY_AFTER: u64 = 1;

impl Binance {
    /// A mock, with BTCUSDT, ETHUSDT and SOLUSDT, and LUNABTC in status BREAK.
    ///
    /// REST: `/api/v3/` with `ping`, `time`, `exchangeInfo`, `depth`, `trades`. WebSocket:
    /// `@trade`, `@bookTicker`, `@depth`, `@depth@100ms`; book changes come once per tick at
    /// either speed.
    #[must_use]
    pub fn mock() -> MockExchangeBuilder {
        MockExchange::builder(BinanceMock::default())
    }
}

/// The exchange, with the request weight that each address has used.
#[derive(Debug, Default)]
struct BinanceMock {
    weights: Meter,
}

impl ExchangeProtocol for BinanceMock {
    fn instruments(&self) -> Vec<Instrument> {
        let pair = |base, quote, scales, start, largest| {
            let symbol = format!("{base}{quote}");
            Instrument::spot(symbol, [base, quote], scales, start, largest)
        };
        // Scales and first prices as in 2024, so that a book of the mock looks like a recorded one.
        // The last one does not trade, and is listed all the same.
        vec![
            pair("BTC", "USDT", [2, 5], 6_183_763, 500_000),
            pair("ETH", "USDT", [2, 4], 268_380, 400_000),
            pair("SOL", "USDT", [2, 3], 15_512, 900_000),
            Instrument {
                open: false,
                ..pair("LUNA", "BTC", [8, 2], 100_000, 1_000)
            },
        ]
    }

    fn conduct(&self) -> Conduct {
        Conduct {
            // As documented in 2026. The real `Retry-After` is seconds to minutes, which no test
            // waits for. A message that is too long is cut, not refused.
            ping_every: Some(Duration::from_secs(20)),
            pong_within: Duration::from_secs(60),
            message_size: None,
            retry_after: Some(RETRY_AFTER),
            ..LIMITS.conduct()
        }
    }

    fn open(&self, uri: &Uri) -> Result<Box<dyn StreamProtocol>, Answer> {
        Ok(Box::new(Stream::open(uri)?))
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        rest::answer(&self.weights, request, source)
    }

    fn recorded(&self, text: String) -> Frame {
        enveloped(text, "depthUpdate")
    }
}

/// Eight decimals, as everywhere at Binance.
fn padded(mut number: Decimal) -> Decimal {
    number.rescale(8);
    number
}

/// A time in the unit that the client asked for; milliseconds unless it did.
fn in_unit(micros: u64, wants_micros: bool) -> u64 {
    if wants_micros { micros } else { micros / 1000 }
}
