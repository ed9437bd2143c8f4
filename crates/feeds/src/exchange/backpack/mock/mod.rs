//! A mock of Backpack.

mod rest;
mod stream;

use std::time::Duration;

use http::Uri;
use testkit::mock::{
    Answer, Conduct, ExchangeProtocol, Frame, Instrument, MarketKind, RestRequest, Source,
    StreamProtocol,
};
use testkit::{MockExchange, MockExchangeBuilder};

use self::stream::Stream;
use super::{Backpack, LIMITS};
use crate::exchange::mock::enveloped;

impl Backpack {
    /// A mock, with SOL_USDC, BTC_USDC, ETH_USDC and SOL_USDC_PERP, and HNT_USDC closed.
    ///
    /// REST: `/api/v1/` with `status`, `ping`, `time`, `markets`, `market`, `depth`, `trades`,
    /// `trades/history`, `ticker`, `tickers`.
    /// WebSocket: `trade`, `bookTicker`, `depth`, and `depth` of 200, 600 and 1000 ms, which come
    /// once per tick.
    #[must_use]
    pub fn mock() -> MockExchangeBuilder {
        MockExchange::builder(BackpackMock)
    }
}

/// The exchange.
#[derive(Debug)]
struct BackpackMock;

impl ExchangeProtocol for BackpackMock {
    fn instruments(&self) -> Vec<Instrument> {
        let pair = |base, scales, start, largest| {
            let symbol = format!("{base}_USDC");
            Instrument::spot(symbol, [base, "USDC"], scales, start, largest)
        };
        vec![
            pair("SOL", [2, 2], 10_064, 50_000),
            pair("BTC", [1, 5], 866_452, 300_000),
            pair("ETH", [2, 4], 242_207, 500_000),
            Instrument {
                open: false,
                ..pair("HNT", [3, 1], 5_000, 1_000)
            },
            Instrument {
                symbol: "SOL_USDC_PERP".to_owned(),
                kind: MarketKind::Perpetual,
                ..pair("SOL", [2, 2], 10_061, 90_000)
            },
        ]
    }

    fn further(&self, base: &str) -> Option<(String, String)> {
        Some((format!("{base}_USDC"), "USDC".to_owned()))
    }

    fn conduct(&self) -> Conduct {
        Conduct {
            // Pings as documented. No limit of streams is, and no recorded refusal has a
            // `Retry-After`.
            ping_every: Some(Duration::from_secs(60)),
            pong_within: Duration::from_secs(120),
            ..LIMITS.conduct()
        }
    }

    fn open(&self, uri: &Uri, _: Source<'_>) -> Result<Box<dyn StreamProtocol>, Answer> {
        match uri.path() {
            "/" => Ok(Box::<Stream>::default()),
            _ => Err(Answer::not_found()),
        }
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        rest::answer(request, source)
    }

    fn recorded(&self, text: String) -> Frame {
        enveloped(text, "depth")
    }
}
