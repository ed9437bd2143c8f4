//! Backpack.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::Deserialize;
use serde_json::json;
use transport::{Message, WsRequest};

use super::base_url::{BaseUrl, Purpose, escaped};
use super::dialect::{self, Dialect};
use super::wire::{MICROS, Text, parse_body};
use super::{Exchange, ExchangeMessage, InvalidUrl, Limits, Malformed};
use crate::channel::Channel;
use crate::event::L2Snapshot;
use crate::instruments::{Instrument, Instruments};
use crate::symbol::Symbol;

/// The deepest snapshot of a book that can be asked for.
const SNAPSHOT_LEVELS: u16 = 1000;

/// The most streams in one `SUBSCRIBE`. No limit is documented; this keeps messages near 2 KB.
const STREAMS_PER_REQUEST: u32 = 64;

static LIMITS: Limits = Limits {
    // No limit is documented; this is Binance's.
    streams: Some(1024),
    symbols: None,
    url: None,
    request: None,
    streams_per_request: Some(STREAMS_PER_REQUEST),
    frame: 16 << 20,
    messages: None,
    operations: None,
    dials: None,
    rest: &[],
    rollover: None,
    // Backpack pings every 60 seconds. Two pings are missed by then, and half a minute is over.
    // Between them a quiet market may send nothing.
    silence: Duration::from_secs(150),
    keep_alive: None,
};

/// Backpack: `SOL_USDC` is `SOL-USDC`, its perpetual future `SOL-USDC-PERP`; only markets whose
/// book is `Open` are listed. The spelling of other kinds of markets is the exchange's, with `-` for
/// `_`.
///
/// The exchange does not acknowledge a subscription, and says nothing at all on one to a market that
/// it does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backpack {
    rest: BaseUrl,
    ws: BaseUrl,
}

impl Backpack {
    /// Backpack at other addresses, such as those of a mock.
    ///
    /// # Errors
    /// [`InvalidUrl`] if one of them is not a URL of the right scheme, or has more than host, port
    /// and path.
    pub fn new(rest_url: &str, ws_url: &str) -> Result<Self, InvalidUrl> {
        Ok(Self {
            rest: BaseUrl::parse(Purpose::Rest, rest_url)?,
            ws: BaseUrl::parse(Purpose::WebSocket, ws_url)?,
        })
    }
}

/// `https://api.backpack.exchange` and `wss://ws.backpack.exchange`.
impl Default for Backpack {
    fn default() -> Self {
        Self {
            rest: BaseUrl::known(Purpose::Rest, "https://api.backpack.exchange"),
            ws: BaseUrl::known(Purpose::WebSocket, "wss://ws.backpack.exchange"),
        }
    }
}

impl Exchange for Backpack {
    fn id(&self) -> &'static str {
        "backpack"
    }

    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.rest.get("/api/v1/markets")
    }

    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, Malformed> {
        let markets: Vec<Market<'_>> = parse_body(body)?;
        Ok(markets.iter().filter_map(Market::instrument).collect())
    }

    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.rest.get("/api/v1/ping")
    }

    fn stream_request(
        &self,
        instruments: &[Instrument],
        channels: &BTreeSet<Channel>,
    ) -> Result<WsRequest, InvalidUrl> {
        //     {"method":"SUBSCRIBE","params":["trade.SOL_USDC","depth.SOL_USDC"]}
        //
        // No `id`: success has no reply that could repeat it, and errors do not.
        let streams: Vec<_> = instruments
            .iter()
            .flat_map(|instrument| {
                let symbol = instrument.exchange_symbol();
                let name = move |channel: &Channel| format!("{}.{symbol}", stream(*channel));
                channels.iter().map(name)
            })
            .collect();
        let mut request = self.ws.ws_request("")?;
        request.first_messages = streams
            .chunks(STREAMS_PER_REQUEST as usize)
            .map(|params| json!({"method": "SUBSCRIBE", "params": params}))
            .map(|subscribe| Message::text(subscribe.to_string()))
            .collect();
        Ok(request)
    }

    fn snapshot_request(&self, instrument: &Instrument) -> Result<Request<Bytes>, InvalidUrl> {
        let symbol = escaped(instrument.exchange_symbol());
        let path = format!("/api/v1/depth?symbol={symbol}&limit={SNAPSHOT_LEVELS}");
        self.rest.get(&path)
    }

    fn parse_snapshot(
        &self,
        symbol: &Symbol,
        body: &[u8],
        received_ns: i64,
    ) -> Result<L2Snapshot, Malformed> {
        //     {"asks":[["100.65","65.5"],["100.66","240.6"],...],"bids":[["100.19","5.52"],...],
        //      "lastUpdateId":"4324522523","timestamp":1788285151254895}
        //
        // Bids ascend, the id is text, and prices have no zeros at the end, which the stream's
        // have.
        dialect::parse_snapshot::<MICROS>(self.id(), symbol, body, received_ns)
    }

    fn decode(
        &self,
        text: &str,
        instruments: &Instruments,
        received_ns: i64,
    ) -> Result<ExchangeMessage, Malformed> {
        //     {"data":{"E":1790915531026313,...,"e":"trade",...},"stream":"trade.BTC_USDC_PERP"}
        Dialect::<MICROS> {
            exchange: self.id(),
            kind_of,
            instruments,
            received_ns,
        }
        .decode(text)
    }
}

fn stream(channel: Channel) -> &'static str {
    match channel {
        Channel::Trades => "trade",
        Channel::Ticker => "bookTicker",
        Channel::L2Book => "depth",
    }
}

/// `depth.200ms.AAPL.US_USDC_PERP` tells its kind before the first dot.
fn kind_of(stream: &str) -> &str {
    // Never from the end: a symbol may hold dots itself.
    stream.split_once('.').map_or(stream, |(kind, _)| kind)
}

//     [{"baseSymbol":"SOL","createdAt":"2025-01-21T06:34:54.691858","filters":{...},
//       "marketType":"SPOT","orderBookState":"Open","quoteSymbol":"USDC","symbol":"SOL_USDC",...},
//      ...]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Market<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    base_symbol: Text<'a>,
    #[serde(borrow)]
    quote_symbol: Text<'a>,
    #[serde(borrow)]
    market_type: Text<'a>,
    #[serde(borrow)]
    order_book_state: Text<'a>,
}

impl Market<'_> {
    fn instrument(&self) -> Option<Instrument> {
        // Others are Closed, CancelOnly, LimitOnly and PostOnly.
        if &*self.order_book_state != "Open" {
            return None;
        }
        let (base, quote) = (&*self.base_symbol, &*self.quote_symbol);
        let symbol = match &*self.market_type {
            "SPOT" => format!("{base}-{quote}"),
            "PERP" => format!("{base}-{quote}-PERP"),
            // IPERP, DATED, PREDICTION, RFQ and what may come: their symbols say more than base and
            // quote.
            _ => self.symbol.replace('_', "-"),
        };
        Some(Instrument::new(Symbol::parse(&symbol).ok()?, &self.symbol))
    }
}
