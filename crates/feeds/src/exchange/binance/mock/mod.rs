//! A mock of Binance spot.

mod rest;
mod stream;
mod tickers;

use std::time::Duration;

use http::Uri;
use rust_decimal::Decimal;
use testkit::mock::{
    Answer, Ban, Bans, Conduct, ExchangeProtocol, Frame, Instrument, RestRequest, Source,
    StreamProtocol,
};
use testkit::{MockExchange, MockExchangeBuilder};

use self::stream::Stream;
use super::{Binance, LIMITS};
use crate::exchange::mock::enveloped;

/// The shortest and the longest ban, as documented: two minutes, and three days.
const BANS: [Duration; 2] = [
    Duration::from_secs(2 * 60),
    Duration::from_secs(3 * 24 * 60 * 60),
];

impl Binance {
    /// A mock, with BTCUSDT, ETHUSDT and SOLUSDT, and LUNABTC in status BREAK.
    ///
    /// REST: `/api/v3/` with `ping`, `time`, `exchangeInfo`, `depth`, `trades`, `historicalTrades`,
    /// `ticker/bookTicker`, `ticker/price`, `ticker/24hr`. WebSocket: `@trade`, `@bookTicker`, `@depth`, `@depth@100ms`; book changes come once per tick at
    /// either speed.
    #[must_use]
    pub fn mock() -> MockExchangeBuilder {
        MockExchange::builder(BinanceMock)
    }
}

/// The exchange.
#[derive(Debug)]
struct BinanceMock;

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

    fn further(&self, base: &str) -> Option<(String, String)> {
        Some((format!("{base}USDT"), "USDT".to_owned()))
    }

    fn conduct(&self) -> Conduct {
        Conduct {
            // As documented in 2026. The `Retry-After` of a fault is shorter than any real one, since no
            // test waits for that. A message that is too long is cut, not refused.
            ping_every: Some(Duration::from_secs(20)),
            pong_within: Duration::from_secs(60),
            message_size: None,
            retry_after: Some(1),
            // How many refusals lead to a ban is not documented, only that repeated ones do. Requests
            // that were on the way when the first was refused must not be enough.
            bans: Some(Bans {
                refusals: 20,
                closes: 3,
                first: BANS[0],
                longest: BANS[1],
            }),
            ..LIMITS.conduct()
        }
    }

    fn open(&self, uri: &Uri, source: Source<'_>) -> Result<Box<dyn StreamProtocol>, Answer> {
        Ok(Box::new(Stream::open(uri, source.client)?))
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        rest::answer(request, source)
    }

    fn banned(&self, ban: Ban) -> Answer {
        rest::banned(ban)
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
