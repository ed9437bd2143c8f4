//! Backpack.

mod activity;
#[cfg(feature = "mock")]
mod mock;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::Deserialize;

use crate::channel::Channel;
use crate::exchange::activity::Activity;
use crate::exchange::base_url::{Addresses, InvalidUrl, escaped};
use crate::exchange::clock::{MICROS, MILLIS};
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

/// How many levels a snapshot may have: 5, 10, 20, 50, 100, 500 or 1,000. No request is known to count
/// more than another, so only the one that lasts longest is made.
const DEPTHS: &[usize] = &[1000];

/// The most trades that can be asked for.
const TRADES: u16 = 1000;

static LIMITS: Limits = Limits {
    // No limit is documented; this is Binance's.
    streams: Some(1024),
    symbols: None,
    url: None,
    request: None,
    // No limit is documented; this keeps requests near 2 KB.
    streams_per_request: Some(64),
    // Not documented; the largest that was recorded has 40 KB.
    frame: 4 << 20,
    messages: None,
    operations: None,
    dials: None,
    rest: &[],
    rollover: None,
    // Backpack pings every 60 seconds. Two pings are missed by then, and half a minute is over.
    // Between them a quiet market may send nothing.
    silence: Duration::from_secs(150),
    ping_interval: Some(Duration::from_secs(20)),
    keep_alive: None,
};

static RULES: Rules = Rules {
    acknowledgement: Acknowledgement::Never,
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
    // Whether there are holes is not documented. Ten trades of a recorded answer had none.
    trades: TradeIds::Growing,
};

/// Backpack: `SOL_USDC` is `SOL-USDC`, its perpetual future `SOL-USDC-PERP`; only markets whose
/// book is `Open` are listed. The spelling of other kinds of markets is the exchange's, with `-` for
/// `_`.
///
/// The exchange does not acknowledge a subscription, and says nothing at all on one to a market that
/// it does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backpack {
    addresses: Addresses,
}

impl Backpack {
    /// Backpack at other addresses, such as those of a mock.
    ///
    /// # Errors
    /// [`InvalidUrl`] if one of them is not a URL of the right scheme, or has more than host, port
    /// and path.
    pub fn new(rest_url: &str, ws_url: &str) -> Result<Self, InvalidUrl> {
        let addresses = Addresses::parse(rest_url, ws_url)?;
        Ok(Self { addresses })
    }
}

/// `https://api.backpack.exchange` and `wss://ws.backpack.exchange`.
impl Default for Backpack {
    fn default() -> Self {
        Self {
            addresses: Addresses::known(
                "https://api.backpack.exchange",
                "wss://ws.backpack.exchange",
            ),
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

    fn rules(&self) -> &Rules {
        &RULES
    }

    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.addresses.rest.get("/api/v1/markets")
    }

    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, AnswerError> {
        let markets: Vec<Market<'_>> = parse_body(body)?;
        Ok(markets.iter().filter_map(Market::instrument).collect())
    }

    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.addresses.rest.get("/api/v1/ping")
    }

    fn plan(&self, streams: &[Stream], ids: &mut RequestIds) -> Result<ConnectionPlan, InvalidUrl> {
        Ok(ConnectionPlan {
            socket: self.addresses.ws.ws_request("")?,
            requests: self.subscribe(streams, ids),
        })
    }

    fn subscribe(&self, streams: &[Stream], _: &mut RequestIds) -> Vec<StreamRequest> {
        requests("SUBSCRIBE", streams)
    }

    fn unsubscribe(&self, streams: &[Stream], _: &mut RequestIds) -> Vec<StreamRequest> {
        requests("UNSUBSCRIBE", streams)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        //     {"data":{"E":1790915531026313,...,"e":"trade",...},"stream":"trade.BTC_USDC_PERP"}
        Box::new(DialectDecoder::<MICROS> { kind_of })
    }

    fn snapshot_request(
        &self,
        of: &Instrument,
        levels: usize,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        let symbol = escaped(of.exchange_symbol());
        let path = format!("/api/v1/depth?symbol={symbol}&limit={levels}");
        self.addresses.rest.get(&path).map(Some)
    }

    fn parse_snapshot(&self, of: &Symbol, body: &[u8]) -> Result<BookChange, AnswerError> {
        //     {"asks":[["100.65","65.5"],["100.66","240.6"],...],"bids":[["100.19","5.52"],...],
        //      "lastUpdateId":"4324522523","timestamp":1788285151254895}
        //
        // Bids ascend, the id is text, and prices have no zeros at the end, which the stream's
        // have.
        Ok(dialect::parse_snapshot::<MICROS>(of, body)?)
    }

    /// The newest ones, whatever is missing: older ones are counted from the newest, which changes while
    /// they are asked for. The answer may be five seconds old.
    fn trades_request(
        &self,
        of: &Instrument,
        _: &TradeHole,
        _: Option<&str>,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        let symbol = escaped(of.exchange_symbol());
        let path = format!("/api/v1/trades?symbol={symbol}&limit={TRADES}");
        self.addresses.rest.get(&path).map(Some)
    }

    fn parse_trades(&self, of: &Symbol, body: &[u8]) -> Result<TradePage, AnswerError> {
        // Milliseconds here. The newest first.
        Ok(TradePage {
            trades: dialect::parse_trades::<MILLIS>(of, body)?,
            cursor: None,
        })
    }

    fn activity_request(&self, _: &[Channel]) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        self.addresses.rest.get(activity::PATH).map(Some)
    }

    fn parse_activity(
        &self,
        body: &[u8],
        instruments: &Instruments,
    ) -> Result<HashMap<Symbol, Activity>, AnswerError> {
        activity::read(body, instruments)
    }

    fn parse_refusal(&self, body: &[u8]) -> Option<AnswerError> {
        dialect::parse_refusal(body, "TOO_MANY_REQUESTS")
    }
}

fn requests(method: &str, streams: &[Stream]) -> Vec<StreamRequest> {
    //     {"method":"SUBSCRIBE","params":["trade.SOL_USDC","depth.SOL_USDC"]}
    //
    // No `id`: success has no reply that could repeat it, and errors do not.
    dialect::requests(method, streams, &LIMITS, name, || None)
}

fn name(stream: &Stream) -> String {
    let channel = match stream.channel {
        Channel::Trades => "trade",
        Channel::Ticker => "bookTicker",
        Channel::L2Book => "depth",
    };
    format!("{channel}.{}", stream.instrument.exchange_symbol())
}

/// `depth.200ms.AAPL.US_USDC_PERP` tells its kind before the first dot.
fn kind_of(stream: &str) -> &str {
    // Never from the end: a symbol may hold dots itself.
    split_at_first(stream, b'.').map_or(stream, |(kind, _)| kind)
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
