//! Backpack.

mod rest;
mod stream;

use std::time::Duration;

use http::Uri;

use self::stream::Stream;
use super::instrument::{Instrument, MarketKind};
use super::rules::{Answer, Conduct, ExchangeRules, Protocol, RestRequest, Source};

/// The exchange.
#[derive(Debug)]
pub(super) struct Backpack;

impl Backpack {
    pub(super) fn instruments() -> Vec<Instrument> {
        let pair = |base, price_scale, quantity_scale, start, largest| Instrument {
            symbol: format!("{base}_USDC"),
            base,
            quote: "USDC",
            kind: MarketKind::Spot,
            open: true,
            price_scale,
            quantity_scale,
            start,
            largest,
        };
        vec![
            pair("SOL", 2, 2, 10_064, 50_000),
            pair("BTC", 1, 5, 866_452, 300_000),
            pair("ETH", 2, 4, 242_207, 500_000),
            Instrument {
                open: false,
                ..pair("HNT", 3, 1, 5_000, 1_000)
            },
            Instrument {
                symbol: "SOL_USDC_PERP".to_owned(),
                kind: MarketKind::Perpetual,
                ..pair("SOL", 2, 2, 10_061, 90_000)
            },
        ]
    }
}

impl ExchangeRules for Backpack {
    fn conduct(&self) -> Conduct {
        Conduct {
            // Pings as documented. No limit for messages is, and no recorded refusal has a
            // `Retry-After`.
            ping_every: Some(Duration::from_secs(60)),
            pong_within: Duration::from_secs(120),
            idle: None,
            messages_per_second: None,
            retry_after: None,
        }
    }

    fn open(&self, uri: &Uri) -> Option<Box<dyn Protocol>> {
        (uri.path() == "/").then(|| Box::<Stream>::default() as _)
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        rest::answer(request, source)
    }
}
