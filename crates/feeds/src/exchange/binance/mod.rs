//! Binance spot.

mod activity;
mod history;
#[cfg(feature = "mock")]
mod mock;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Uri};
use serde::Deserialize;
use transport::{Draw, Window};

use crate::channel::Channel;
use crate::exchange::activity::Activity;
use crate::exchange::base_url::{Addresses, InvalidUrl, escaped};
use crate::exchange::clock::MILLIS;
use crate::exchange::dialect::{self, DialectDecoder};
use crate::exchange::limits::Limits;
use crate::exchange::message::{BookChange, Stream};
use crate::exchange::rules::{Acknowledgement, BookRules, Renewal, Rules, TradeIds, by_ranges};
use crate::exchange::wire::{Text, parse_body, split_at_first};
use crate::exchange::{
    AnswerError, ConnectionPlan, Decoder, Exchange, RequestIds, StreamRequest, TradeHole, TradePage,
};
use crate::instruments::{Instrument, Instruments};
use crate::symbol::Symbol;

/// How many levels a snapshot may have, one depth for each price that Binance asks for it.
//     levels    up to 100    500    1000    5000
//     weight    5            25     50      250
const DEPTHS: &[usize] = &[100, 500, 1000, 5000];

// https://developers.binance.com/docs/binance-spot-api-docs/rest-api: the weight of each request, of
// 6000 a minute for an address.
const METADATA: Draw = weight(20);
const HISTORY: Draw = weight(25);
const PING: Draw = weight(1);

const MINUTE: Duration = Duration::from_secs(60);

const WEIGHT: Window = Window::new("weight", 6000, MINUTE).with_used_header("x-mbx-used-weight-1m");

static LIMITS: Limits = Limits {
    streams: Some(1024),
    symbols: None,
    // Measured: a longer path is refused with 414.
    url: Some(8004),
    // A longer one is cut off: the reply to it is that the JSON ends too early.
    request: Some(4096),
    streams_per_request: None,
    // Not documented; the largest that was recorded has 40 KB.
    frame: 4 << 20,
    // Pings and pongs count.
    messages: Some(Window::new("messages", 5, Duration::from_secs(1))),
    operations: None,
    dials: Some(Window::new("dials", 300, MINUTE.saturating_mul(5))),
    rest: &[WEIGHT],
    rollover: Some(MINUTE.saturating_mul(24 * 60)),
    // Binance pings every 20 seconds; four pings in a row are missed by then.
    silence: Duration::from_secs(90),
    ping_interval: Some(Duration::from_secs(20)),
    keep_alive: None,
};

static RULES: Rules = Rules {
    acknowledgement: Acknowledgement::PerRequest,
    books: BookRules {
        follows: by_ranges,
        renewal: Renewal::Request {
            joins: by_ranges,
            depths: DEPTHS,
        },
        checksum: None,
        cut: None,
        quiet: None,
    },
    trades: TradeIds::Contiguous,
};

/// Binance spot: `BTCUSDT` is `BTC-USDT`; only symbols with the status `TRADING` are listed.
///
/// All streams stand in the URL of the connection, so nothing needs to be said there and the limit
/// of five messages per second is out of reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binance {
    addresses: Addresses,
}

impl Binance {
    /// Binance at other addresses, such as `https://data-api.binance.vision` and
    /// `wss://data-stream.binance.vision`, or at those of a mock.
    ///
    /// # Errors
    /// [`InvalidUrl`] if one of them is not a URL of the right scheme, or has more than host, port
    /// and path.
    pub fn new(rest_url: &str, ws_url: &str) -> Result<Self, InvalidUrl> {
        let addresses = Addresses::parse(rest_url, ws_url)?;
        Ok(Self { addresses })
    }
}

/// Where the streams are.
const HOST: &str = "stream.binance.com:9443";

/// Where they are as well.
const OTHER_HOST: &str = "data-stream.binance.vision";

/// `https://api.binance.com` and `wss://stream.binance.com:9443`.
impl Default for Binance {
    fn default() -> Self {
        Self {
            addresses: Addresses::known("https://api.binance.com", "wss://stream.binance.com:9443"),
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

    fn rules(&self) -> &Rules {
        &RULES
    }

    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        let path = "/api/v3/exchangeInfo?symbolStatus=TRADING&showPermissionSets=false";
        self.addresses.rest.get_by(path, METADATA)
    }

    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, AnswerError> {
        let ExchangeInfo { symbols } = parse_body(body)?;
        Ok(symbols.iter().filter_map(Row::instrument).collect())
    }

    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.addresses.rest.get_by("/api/v3/ping", PING)
    }

    fn plan(&self, streams: &[Stream], _: &mut RequestIds) -> Result<ConnectionPlan, InvalidUrl> {
        //     /stream?streams=btcusdt@depth@100ms/btcusdt@trade/ethusdt@depth@100ms
        //
        // Not every symbol is ASCII.
        let name = |stream: &Stream| {
            let (symbol, channel) = parts(stream);
            format!("{}@{channel}", escaped(&symbol))
        };
        let names: Vec<_> = streams.iter().map(name).collect();
        let path = match names.as_slice() {
            [] => "/stream".to_owned(),
            names => format!("/stream?streams={}", names.join("/")),
        };
        Ok(ConnectionPlan {
            socket: self.addresses.ws.ws_request(&path)?,
            requests: Vec::new(),
        })
    }

    fn elsewhere(&self, uri: &Uri) -> Option<Uri> {
        // Its other port leads to the same hosts. This one has market data only.
        let mut parts = uri.clone().into_parts();
        parts.authority.take_if(|it| *it == HOST)?;
        parts.authority = Some(Authority::from_static(OTHER_HOST));
        Uri::from_parts(parts).ok()
    }

    fn subscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        requests("SUBSCRIBE", streams, ids)
    }

    fn unsubscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        requests("UNSUBSCRIBE", streams, ids)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        //     {"stream":"btcusdt@trade","data":{"e":"trade",...}}
        //
        // Milliseconds, unless the URL asks for others by `timeUnit`.
        Box::new(DialectDecoder::<MILLIS> { kind_of })
    }

    fn snapshot_request(
        &self,
        of: &Instrument,
        levels: usize,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        let symbol = escaped(of.exchange_symbol());
        let path = format!("/api/v3/depth?symbol={symbol}&limit={levels}");
        let draw = weight(match levels {
            ..=100 => 5,
            101..=500 => 25,
            501..=1000 => 50,
            _ => 250,
        });
        self.addresses.rest.get_by(&path, draw).map(Some)
    }

    fn parse_snapshot(&self, of: &Symbol, body: &[u8]) -> Result<BookChange, AnswerError> {
        //     {"lastUpdateId":50093239218,"bids":[["61837.63000000","3.78826000"],...],
        //      "asks":[["61837.64000000","1.54698000"],...]}
        //
        // No time and no symbol.
        Ok(dialect::parse_snapshot::<MILLIS>(of, body)?)
    }

    fn trades_request(
        &self,
        of: &Instrument,
        hole: &TradeHole,
        cursor: Option<&str>,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        let symbol = escaped(of.exchange_symbol()).to_string();
        let query = history::query(&symbol, hole, cursor);
        let path = format!("/api/v3/historicalTrades?{query}");
        self.addresses.rest.get_by(&path, HISTORY).map(Some)
    }

    fn parse_trades(&self, of: &Symbol, body: &[u8]) -> Result<TradePage, AnswerError> {
        history::page(of, body)
    }

    fn activity_request(&self, channels: &[Channel]) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        let (path, draw) = activity::request(channels);
        self.addresses.rest.get_by(path, draw).map(Some)
    }

    fn parse_activity(
        &self,
        body: &[u8],
        instruments: &Instruments,
    ) -> Result<HashMap<Symbol, Activity>, AnswerError> {
        activity::read(body, instruments)
    }

    fn parse_refusal(&self, body: &[u8]) -> Option<AnswerError> {
        dialect::parse_refusal(body, "-1003")
    }
}

const fn weight(units: u32) -> Draw {
    let window = WEIGHT;
    Draw { window, units }
}

fn requests(method: &str, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
    //     {"id":1,"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@depth@100ms"]}
    let name = |stream: &Stream| {
        let (symbol, channel) = parts(stream);
        format!("{symbol}@{channel}")
    };
    dialect::requests(method, streams, &LIMITS, name, || Some(ids.next_id()))
}

/// Symbol and channel of a stream's name. Symbols are lower case here and upper case in messages.
fn parts(stream: &Stream) -> (String, &'static str) {
    let channel = match stream.channel {
        Channel::Trades => "trade",
        Channel::Ticker => "bookTicker",
        Channel::L2Book => "depth@100ms",
    };
    (stream.instrument.exchange_symbol().to_lowercase(), channel)
}

/// `btcusdt@depth@100ms` and `!serverShutdown` tell their kind after the first sign.
fn kind_of(stream: &str) -> &str {
    // The streams that are asked for end so. Names of symbols are not searched then.
    if stream.ends_with("@depth@100ms") {
        return "depth";
    }
    if stream.ends_with("@bookTicker") {
        return "bookTicker";
    }
    if stream.ends_with("@trade") {
        return "trade";
    }
    let kind = match stream.strip_prefix('!') {
        Some(of_all_symbols) => of_all_symbols,
        None => split_at_first(stream, b'@').map_or(stream, |(_, kind)| kind),
    };
    split_at_first(kind, b'@').map_or(kind, |(kind, _)| kind)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_stream_is_told_by_its_name() {
        for (stream, kind) in [
            ("btcusdt@trade", "trade"),
            ("btcusdt@bookTicker", "bookTicker"),
            ("btcusdt@depth@100ms", "depth"),
            ("btcusdt@depth", "depth"),
            ("币安人生usdt@depth@100ms", "depth"),
            ("btcusdt@aggTrade", "aggTrade"),
            ("!serverShutdown", "serverShutdown"),
            ("!ticker@arr", "ticker"),
        ] {
            assert_eq!(kind_of(stream), kind, "{stream}");
        }
    }
}
