//! OKX spot, WebSocket v5.

mod activity;
mod checksum;
mod decoder;
mod limits;
#[cfg(feature = "mock")]
mod mock;
mod rest;
mod rows;

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use serde_json::json;
use transport::{Draw, Message, Window};

use crate::{Instrument, Instruments, Symbol};

use crate::Channel;
use crate::exchange::base_url::{BaseUrl, InvalidUrl, Purpose, escaped};
use crate::exchange::{
    Activity, AnswerError, ConnectionPlan, Decoder, Exchange, Limits, RequestIds, Rules, Stream,
    StreamRequest, TradeHole, TradePage,
};

use self::decoder::OkxDecoder;
use self::limits::{HISTORY_TRADES, INSTRUMENTS, LIMITS, RULES, TICKERS, TIME};

/// The most trades of the past in one answer.
const TRADES_PER_PAGE: u16 = 100;

/// OKX spot: `BTC-USDT` is `BTC-USDT`; only instruments in the state `live` are listed.
///
/// OKX tells that a request failed without telling which of its streams it is about. So there is a
/// request for each instrument: what is refused is, nearly always, a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Okx {
    rest: BaseUrl,
    ws: BaseUrl,
    /// Whether REST requests are about simulated trading.
    is_demo: bool,
}

impl Okx {
    /// OKX at other addresses: `https://eea.okx.com` and `wss://wseea.okx.com` in Europe,
    /// `https://us.okx.com` and `wss://wsus.okx.com` in the US and Australia, or those of a mock.
    ///
    /// # Errors
    /// [`InvalidUrl`] if one of them is not a URL of the right scheme, or has more than host, port
    /// and path.
    pub fn new(rest_url: &str, ws_url: &str) -> Result<Self, InvalidUrl> {
        Ok(Self {
            rest: BaseUrl::parse(Purpose::Rest, rest_url)?,
            ws: BaseUrl::parse(Purpose::WebSocket, ws_url)?,
            is_demo: false,
        })
    }

    /// Simulated trading: `wss://wspap.okx.com`, and REST requests to `https://www.okx.com` that say
    /// so in a header.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            ws: BaseUrl::known(Purpose::WebSocket, "wss://wspap.okx.com"),
            is_demo: true,
            ..Self::default()
        }
    }

    /// A request, which is one of those that `window` counts.
    fn get(&self, path: &str, window: Window) -> Result<Request<Bytes>, InvalidUrl> {
        const SIMULATED: HeaderName = HeaderName::from_static("x-simulated-trading");
        let mut request = self.rest.get_by(path, Draw { window, units: 1 })?;
        if self.is_demo {
            let yes = HeaderValue::from_static("1");
            request.headers_mut().insert(SIMULATED, yes);
        }
        Ok(request)
    }
}

/// `https://www.okx.com` and `wss://ws.okx.com`, both at port 443: 8443, which older texts name,
/// has been given up.
impl Default for Okx {
    fn default() -> Self {
        Self {
            rest: BaseUrl::known(Purpose::Rest, "https://www.okx.com"),
            ws: BaseUrl::known(Purpose::WebSocket, "wss://ws.okx.com"),
            is_demo: false,
        }
    }
}

impl Exchange for Okx {
    fn id(&self) -> &'static str {
        "okx"
    }

    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn rules(&self) -> &Rules {
        &RULES
    }

    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        let path = "/api/v5/public/instruments?instType=SPOT";
        self.get(path, INSTRUMENTS)
    }

    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, AnswerError> {
        rest::instruments(body)
    }

    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.get("/api/v5/public/time", TIME)
    }

    fn plan(&self, streams: &[Stream], ids: &mut RequestIds) -> Result<ConnectionPlan, InvalidUrl> {
        Ok(ConnectionPlan {
            socket: self.ws.ws_request("/ws/v5/public")?,
            requests: self.subscribe(streams, ids),
        })
    }

    fn subscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        requests("subscribe", streams, ids)
    }

    fn unsubscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        requests("unsubscribe", streams, ids)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(OkxDecoder)
    }

    fn trades_request(
        &self,
        of: &Instrument,
        hole: &TradeHole,
        cursor: Option<&str>,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        // `type=1` pages by id, and `after` asks for trades that are older than one.
        let before_id = cursor.map_or(Some(hole.before_id), |cursor| cursor.parse().ok());
        let Some(before_id) = before_id.filter(|id| hole.after_id.saturating_add(1) < *id) else {
            return Ok(None);
        };
        let path = format!(
            "/api/v5/market/history-trades?instId={}&type=1&after={before_id}&limit={TRADES_PER_PAGE}",
            escaped(of.exchange_symbol()),
        );
        self.get(&path, HISTORY_TRADES).map(Some)
    }

    fn parse_trades(&self, of: &Symbol, body: &[u8]) -> Result<TradePage, AnswerError> {
        rest::trades(of, body)
    }

    fn activity_request(&self, _: &[Channel]) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        self.get(activity::PATH, TICKERS).map(Some)
    }

    fn parse_activity(
        &self,
        body: &[u8],
        instruments: &Instruments,
    ) -> Result<HashMap<Symbol, Activity>, AnswerError> {
        activity::read(body, instruments)
    }
}

fn requests(op: &str, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
    //     {"args":[{"channel":"trades","instId":"BTC-USDT"},{"channel":"books","instId":"BTC-USDT"}],
    //      "id":"1","op":"subscribe"}
    //
    // An id is text of letters and digits.
    let request = |streams: &[Stream]| {
        let id = ids.next_id();
        let args: Vec<_> = streams
            .iter()
            .map(|stream| {
                let instrument = stream.instrument.exchange_symbol();
                json!({"channel": name(stream.channel), "instId": instrument})
            })
            .collect();
        let message = json!({"id": id.to_string(), "op": op, "args": args});
        StreamRequest {
            id: Some(id),
            message: Message::text(message.to_string()),
            streams: streams.to_vec(),
        }
    };
    streams
        .chunk_by(|one, next| one.instrument == next.instrument)
        .map(request)
        .collect()
}

fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Trades => "trades",
        // Every change of the best prices, with the id of the book; `tickers` comes ten times a
        // second at most, without an id.
        Channel::Ticker => "bbo-tbt",
        Channel::L2Book => "books",
    }
}

fn channel(name: &str) -> Option<Channel> {
    match name {
        "trades" => Some(Channel::Trades),
        "bbo-tbt" | "tickers" => Some(Channel::Ticker),
        "books" => Some(Channel::L2Book),
        _ => None,
    }
}
