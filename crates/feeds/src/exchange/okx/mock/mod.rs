//! A mock of OKX spot.

mod levels;
mod requests;
mod rest;
mod stream;

use std::time::Duration;

use http::Uri;
use rust_decimal::Decimal;
use serde_json::Value;
use testkit::mock::{
    Answer, Conduct, ExchangeProtocol, Frame, Instrument, RestRequest, Source, StreamProtocol,
};
use testkit::{MockExchange, MockExchangeBuilder};

use self::stream::Stream;
use super::Okx;
use super::limits::LIMITS;

impl Okx {
    /// A mock, with BTC-USDT, ETH-USDT and SOL-USDT, OLD-USDT suspended and one instrument before
    /// its first trade.
    ///
    /// REST: `/api/v5/` with `public/time`, `public/instruments`, `market/history-trades`,
    /// `market/ticker` and `market/tickers`. WebSocket: `trades`, `tickers`, `bbo-tbt` and `books`, at `/ws/v5/public`, and no ping: what has not been
    /// sent anything for 30 seconds, not even a `pong`, is closed.
    #[must_use]
    pub fn mock() -> MockExchangeBuilder {
        MockExchange::builder(OkxMock)
    }
}

/// The exchange.
#[derive(Debug)]
struct OkxMock;

impl ExchangeProtocol for OkxMock {
    fn instruments(&self) -> Vec<Instrument> {
        let pair = |base, scales, start, largest| {
            let symbol = format!("{base}-USDT");
            Instrument::spot(symbol, [base, "USDT"], scales, start, largest)
        };
        // Scales and first prices as in 2026.
        vec![
            pair("BTC", [1, 8], 640_731, 300_000_000),
            pair("ETH", [2, 6], 242_207, 50_000_000),
            pair("SOL", [2, 6], 12_066, 90_000_000),
            Instrument {
                open: false,
                ..pair("OLD", [3, 6], 5_000, 1_000)
            },
        ]
    }

    fn further(&self, base: &str) -> Option<(String, String)> {
        Some((format!("{base}-USDT"), "USDT".to_owned()))
    }

    fn conduct(&self) -> Conduct {
        Conduct {
            // The client pings, in text. No number of streams is documented, and no answer has a
            // `Retry-After`.
            idle: Some(LIMITS.silence),
            notice: Duration::from_secs(60),
            ..LIMITS.conduct()
        }
    }

    fn open(&self, uri: &Uri, _: Source<'_>) -> Result<Box<dyn StreamProtocol>, Answer> {
        match uri.path() {
            "/ws/v5/public" => Ok(Box::new(Stream::new())),
            _ => Err(Answer::not_found()),
        }
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        rest::answer(request, source)
    }

    //     {"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[...]}
    fn recorded(&self, text: String) -> Frame {
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let text_at = |pointer| json.pointer(pointer).and_then(Value::as_str);
        let arg = text_at("/arg/channel").zip(text_at("/arg/instId"));
        Frame {
            stream: arg.map(|(channel, symbol)| format!("{channel}:{symbol}")),
            is_depth: text_at("/action") == Some("update"),
            text,
        }
    }
}

/// No zeros at the end, as everywhere at OKX.
fn unpadded(number: Decimal) -> Decimal {
    number.normalize()
}
