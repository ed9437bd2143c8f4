//! OKX spot.

mod levels;
mod requests;
mod rest;
mod stream;

use std::time::Duration;

use http::Uri;
use rust_decimal::Decimal;

use self::stream::Stream;
use super::instrument::{Instrument, MarketKind};
use super::rules::{Answer, Conduct, ExchangeRules, Protocol, RestRequest, Source};

/// The exchange.
#[derive(Debug)]
pub(super) struct Okx;

impl Okx {
    pub(super) fn instruments() -> Vec<Instrument> {
        let pair = |base, price_scale, quantity_scale, start, largest| Instrument {
            symbol: format!("{base}-USDT"),
            base,
            quote: "USDT",
            kind: MarketKind::Spot,
            open: true,
            price_scale,
            quantity_scale,
            start,
            largest,
        };
        // Scales and first prices as in 2026.
        vec![
            pair("BTC", 1, 8, 640_731, 300_000_000),
            pair("ETH", 2, 6, 242_207, 50_000_000),
            pair("SOL", 2, 6, 12_066, 90_000_000),
            Instrument {
                open: false,
                ..pair("OLD", 3, 6, 5_000, 1_000)
            },
        ]
    }
}

impl ExchangeRules for Okx {
    fn conduct(&self) -> Conduct {
        Conduct {
            // As documented. The client pings, in text. No answer has a `Retry-After`.
            ping_every: None,
            pong_within: Duration::ZERO,
            idle: Some(Duration::from_secs(30)),
            messages_per_second: None,
            retry_after: None,
        }
    }

    fn open(&self, uri: &Uri) -> Option<Box<dyn Protocol>> {
        (uri.path() == "/ws/v5/public").then(|| Box::new(Stream::new()) as _)
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        rest::answer(request, source)
    }
}

/// No zeros at the end, as everywhere at OKX.
fn unpadded(number: Decimal) -> Decimal {
    number.normalize()
}
