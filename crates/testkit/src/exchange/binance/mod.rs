//! Binance spot.

mod rest;
mod stream;

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use http::Uri;
use parking_lot::Mutex;
use rust_decimal::Decimal;

use self::stream::Stream;
use super::instrument::{Instrument, MarketKind};
use super::rules::{Answer, Conduct, ExchangeRules, Protocol, RestRequest, Source};

/// The exchange, with the request weight that each address used in the current minute.
#[derive(Debug, Default)]
pub(super) struct Binance {
    weights: Mutex<HashMap<IpAddr, Window>>,
}

/// Request weight used within one minute.
#[derive(Debug, Default)]
struct Window {
    minute: u64,
    used: u64,
}

impl Binance {
    pub(super) fn instruments() -> Vec<Instrument> {
        let pair = |base, quote, price_scale, quantity_scale, start, largest| Instrument {
            symbol: format!("{base}{quote}"),
            base,
            quote,
            kind: MarketKind::Spot,
            open: true,
            price_scale,
            quantity_scale,
            start,
            largest,
        };
        // Scales and first prices as in 2024, so that a book of the mock looks like a recorded one.
        // The last one does not trade, and is listed all the same.
        vec![
            pair("BTC", "USDT", 2, 5, 6_183_763, 500_000),
            pair("ETH", "USDT", 2, 4, 268_380, 400_000),
            pair("SOL", "USDT", 2, 3, 15_512, 900_000),
            Instrument {
                open: false,
                ..pair("LUNA", "BTC", 8, 2, 100_000, 1_000)
            },
        ]
    }
}

impl ExchangeRules for Binance {
    fn conduct(&self) -> Conduct {
        Conduct {
            // As documented in 2026. The real `Retry-After` is seconds to minutes, which no test
            // waits for.
            ping_every: Some(Duration::from_secs(20)),
            pong_within: Duration::from_secs(60),
            idle: None,
            messages_per_second: Some(5),
            retry_after: Some(1),
        }
    }

    fn open(&self, uri: &Uri) -> Option<Box<dyn Protocol>> {
        Some(Box::new(Stream::open(uri)?))
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        rest::answer(self, request, source)
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
