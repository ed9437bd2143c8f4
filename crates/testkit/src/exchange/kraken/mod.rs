//! Kraken spot.

mod checksum;
mod depth;
mod form;
mod reply;
mod rest;
mod stream;
mod view;

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use http::Uri;
use parking_lot::Mutex;

use self::stream::Stream;
use super::instrument::{Instrument, MarketKind};
use super::rules::{Answer, Conduct, ExchangeRules, Protocol, RestRequest, Source};

/// The exchange, with the requests that each address has left.
#[derive(Debug, Default)]
pub(super) struct Kraken {
    budgets: Mutex<HashMap<IpAddr, Budget>>,
}

/// REST requests of one address.
#[derive(Debug)]
struct Budget {
    /// How many seconds of requests are used up.
    used: Duration,
    since: Instant,
}

/// How many requests in a row an address may send before it waits a second for each.
// From reports of users; nothing is documented.
const BURST: u32 = 30;

impl Kraken {
    pub(super) fn instruments() -> Vec<Instrument> {
        let pair = |base, quote, price_scale, start, largest| Instrument {
            symbol: format!("{base}/{quote}"),
            base,
            quote,
            kind: MarketKind::Spot,
            open: true,
            price_scale,
            quantity_scale: 8,
            start,
            largest,
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

    /// Counts a request, unless there were too many.
    fn admit(&self, address: IpAddr) -> bool {
        let second = Duration::from_secs(1);
        let now = Instant::now();
        let mut budgets = self.budgets.lock();
        let budget = budgets.entry(address).or_insert(Budget {
            used: Duration::ZERO,
            since: now,
        });
        let regained = now.duration_since(budget.since);
        budget.used = budget.used.saturating_sub(regained);
        budget.since = now;
        let is_free = budget.used + second <= second * BURST;
        if is_free {
            budget.used += second;
        }
        is_free
    }
}

impl ExchangeRules for Kraken {
    fn conduct(&self) -> Conduct {
        Conduct {
            // Of its heartbeat; it sends no pings. No limit for messages is documented.
            ping_every: Some(Duration::from_secs(1)),
            pong_within: Duration::from_secs(60),
            idle: None,
            messages_per_second: None,
            retry_after: None,
        }
    }

    fn open(&self, uri: &Uri) -> Option<Box<dyn Protocol>> {
        // At the exchange `/` is version 1; here the address of the mock is enough.
        matches!(uri.path(), "/" | "/v2").then(|| Box::<Stream>::default() as _)
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        rest::answer(self, request, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_a_burst_of_requests() {
        let kraken = Kraken::default();
        for last_byte in [1, 2] {
            let address = IpAddr::from([127, 0, 0, last_byte]);
            let admitted = (0..BURST + 5).filter(|_| kraken.admit(address)).count();
            // A second may have passed meanwhile.
            assert!((30..35).contains(&admitted), "{admitted}");
        }
    }
}
