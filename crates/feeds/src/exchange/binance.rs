//! Binance spot.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::Deserialize;
use transport::{Window, WsRequest};

use super::base_url::{BaseUrl, Purpose, escaped};
use super::dialect::{self, Dialect};
use super::wire::{MILLIS, Text, parse_body};
use super::{Exchange, ExchangeMessage, InvalidUrl, Limits, Malformed};
use crate::channel::Channel;
use crate::event::L2Snapshot;
use crate::instruments::{Instrument, Instruments};
use crate::symbol::Symbol;

/// How deep a snapshot of a book is; of the four prices that Binance asks for a snapshot, the third.
//     limit     up to 100    500    1000    5000
//     weight    5            25     50      250     of 6000 a minute for an address
const SNAPSHOT_LEVELS: u16 = 1000;

const MINUTE: Duration = Duration::from_secs(60);

static LIMITS: Limits = Limits {
    streams: Some(1024),
    symbols: None,
    url: None,
    // A longer one is cut off: the reply to it is that the JSON ends too early.
    request: Some(4096),
    streams_per_request: None,
    frame: 16 << 20,
    // Pings and pongs count.
    messages: Some(Window {
        name: "messages",
        units: 5,
        per: Duration::from_secs(1),
    }),
    operations: None,
    dials: Some(Window {
        name: "dials",
        units: 300,
        per: MINUTE.saturating_mul(5),
    }),
    rest: &[Window {
        name: "weight",
        units: 6000,
        per: MINUTE,
    }],
    rollover: Some(MINUTE.saturating_mul(24 * 60)),
    // Binance pings every 20 seconds; four pings in a row are missed by then.
    silence: Duration::from_secs(90),
    keep_alive: None,
};

/// Binance spot: `BTCUSDT` is `BTC-USDT`; only symbols with the status `TRADING` are listed.
///
/// All streams stand in the URL of the connection, so nothing needs to be said there and the limit
/// of five messages per second is out of reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binance {
    rest: BaseUrl,
    ws: BaseUrl,
}

impl Binance {
    /// Binance at other addresses, such as `https://data-api.binance.vision` and
    /// `wss://data-stream.binance.vision`, or at those of a mock.
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

/// `https://api.binance.com` and `wss://stream.binance.com:9443`.
impl Default for Binance {
    fn default() -> Self {
        Self {
            rest: BaseUrl::known(Purpose::Rest, "https://api.binance.com"),
            ws: BaseUrl::known(Purpose::WebSocket, "wss://stream.binance.com:9443"),
        }
    }
}

impl Exchange for Binance {
    fn id(&self) -> &'static str {
        "binance"
    }

    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.rest
            .get("/api/v3/exchangeInfo?symbolStatus=TRADING&showPermissionSets=false")
    }

    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, Malformed> {
        let ExchangeInfo { symbols } = parse_body(body)?;
        Ok(symbols.iter().filter_map(Row::instrument).collect())
    }

    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.rest.get("/api/v3/ping")
    }

    fn stream_request(
        &self,
        instruments: &[Instrument],
        channels: &BTreeSet<Channel>,
    ) -> Result<WsRequest, InvalidUrl> {
        //     /stream?streams=btcusdt@depth@100ms/btcusdt@trade/ethusdt@depth@100ms
        //
        // Symbols are lower case here and upper case in messages. Not every one is ASCII.
        let streams: Vec<_> = instruments
            .iter()
            .flat_map(|instrument| {
                let symbol = instrument.exchange_symbol().to_lowercase();
                let symbol = escaped(&symbol).to_string();
                let name = move |channel: &Channel| format!("{symbol}@{}", stream(*channel));
                channels.iter().map(name)
            })
            .collect();
        if streams.is_empty() {
            return self.ws.ws_request("/stream");
        }
        let path = format!("/stream?streams={}", streams.join("/"));
        self.ws.ws_request(&path)
    }

    fn snapshot_request(&self, instrument: &Instrument) -> Result<Request<Bytes>, InvalidUrl> {
        let symbol = escaped(instrument.exchange_symbol());
        let path = format!("/api/v3/depth?symbol={symbol}&limit={SNAPSHOT_LEVELS}");
        self.rest.get(&path)
    }

    fn parse_snapshot(
        &self,
        symbol: &Symbol,
        body: &[u8],
        received_ns: i64,
    ) -> Result<L2Snapshot, Malformed> {
        //     {"lastUpdateId":50093239218,"bids":[["61837.63000000","3.78826000"],...],
        //      "asks":[["61837.64000000","1.54698000"],...]}
        //
        // No time and no symbol.
        dialect::parse_snapshot::<MILLIS>(self.id(), symbol, body, received_ns)
    }

    fn decode(
        &self,
        text: &str,
        instruments: &Instruments,
        received_ns: i64,
    ) -> Result<ExchangeMessage, Malformed> {
        //     {"stream":"btcusdt@trade","data":{"e":"trade",...}}
        //
        // Milliseconds, unless the URL asks for others by `timeUnit`.
        Dialect::<MILLIS> {
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
        Channel::L2Book => "depth@100ms",
    }
}

/// `btcusdt@depth@100ms` and `!serverShutdown` tell their kind after the first sign.
fn kind_of(stream: &str) -> &str {
    let kind = match stream.strip_prefix('!') {
        Some(of_all_symbols) => of_all_symbols,
        None => stream.split_once('@').map_or(stream, |(_, kind)| kind),
    };
    kind.split('@').next().unwrap_or(kind)
}

//     {"timezone":"UTC","serverTime":1633998511098,"rateLimits":[...],"exchangeFilters":[],
//      "symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,
//                  "quoteAsset":"USDT","filters":[...],...},...]}
//
// The list of keys grows every few months; what is not named here is skipped.
#[derive(Deserialize)]
struct ExchangeInfo<'a> {
    #[serde(borrow)]
    symbols: Vec<Row<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    base_asset: Text<'a>,
    #[serde(borrow)]
    quote_asset: Text<'a>,
}

impl Row<'_> {
    fn instrument(&self) -> Option<Instrument> {
        // Other states are HALT, BREAK, END_OF_DAY and CANCEL_ONLY, and there may be more.
        if &*self.status != "TRADING" {
            return None;
        }
        // `BTCUSDT` alone does not say where the base ends and the quote begins.
        let symbol = format!("{}-{}", &*self.base_asset, &*self.quote_asset);
        Some(Instrument::new(Symbol::parse(&symbol).ok()?, &self.symbol))
    }
}
