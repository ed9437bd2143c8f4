//! A mock of Kraken spot.

mod checksum;
mod depth;
mod form;
mod reply;
mod rest;
mod stream;
mod view;

use std::time::Duration;

use http::{StatusCode, Uri};
use testkit::mock::{
    Answer, Ban, Bans, Conduct, ExchangeProtocol, Instrument, RestRequest, Source, StreamProtocol,
};
use testkit::{MockExchange, MockExchangeBuilder};

use self::stream::Stream;
use super::{Kraken, LIMITS};

impl Kraken {
    /// A mock, with BTC/USD, ETH/USD, SOL/USD and DOGE/USD, and ACA/EUR in status cancel_only.
    ///
    /// REST: `/0/public/` with `Time`, `SystemStatus`, `AssetPairs`, `Trades`, `Ticker`. WebSocket: version 2
    /// at `/v2` and at `/`, with `trade`, `ticker` and `book`; book changes come once per tick.
    /// Snapshots come in the stream and have no age.
    #[must_use]
    pub fn mock() -> MockExchangeBuilder {
        MockExchange::builder(KrakenMock)
    }
}

/// The length of a ban, as documented: ten minutes.
const BAN: Duration = Duration::from_secs(600);

/// The exchange.
#[derive(Debug)]
struct KrakenMock;

impl ExchangeProtocol for KrakenMock {
    fn instruments(&self) -> Vec<Instrument> {
        let pair = |base, quote, price_scale, start, largest| {
            let symbol = format!("{base}/{quote}");
            Instrument::spot(symbol, [base, quote], [price_scale, 8], start, largest)
        };
        // Scales and prices as in 2026.
        vec![
            pair("BTC", "USD", 1, 837_442, 300_000_000),
            pair("ETH", "USD", 2, 266_926, 5_000_000_000),
            pair("SOL", "USD", 2, 11_906, 90_000_000_000),
            pair("DOGE", "USD", 7, 2_298_310, 90_000_000_000_000),
            Instrument {
                open: false,
                ..pair("ACA", "EUR", 5, 5_000, 1_000_000_000)
            },
        ]
    }

    fn further(&self, base: &str) -> Option<(String, String)> {
        Some((format!("{base}/USD"), "USD".to_owned()))
    }

    fn conduct(&self) -> Conduct {
        Conduct {
            // Of its heartbeat; it sends no pings. No limit of the symbols in a request is documented.
            ping_every: Some(Duration::from_secs(1)),
            // Of what has subscribed to nothing, for the rest has heartbeats.
            idle: Some(Duration::from_secs(60)),
            bans: Some(Bans {
                refusals: 1,
                closes: 1,
                first: BAN,
                longest: BAN,
            }),
            ..LIMITS.conduct()
        }
    }

    fn open(&self, uri: &Uri, _: Source<'_>) -> Result<Box<dyn StreamProtocol>, Answer> {
        match uri.path() {
            // At the exchange `/` is version 1; here the address of the mock is enough.
            "/" | "/v2" => Ok(Box::<Stream>::default()),
            _ => Err(Answer::not_found()),
        }
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        rest::answer(request, source)
    }

    // By Cloudflare, ahead of both. The page is abridged.
    fn banned(&self, ban: Ban) -> Answer {
        let page = "<!DOCTYPE html><title>Access denied | api.kraken.com used Cloudflare to restrict access</title><h1>Error 1015</h1>You are being rate limited";
        Answer::new(StatusCode::TOO_MANY_REQUESTS, "text/html", page)
            .with_header("retry-after", ban.seconds)
    }
}
