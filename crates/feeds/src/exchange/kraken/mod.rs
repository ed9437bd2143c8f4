//! Kraken spot, by version 2 of its WebSocket.

mod activity;
mod checksum;
mod control;
mod decoder;
#[cfg(feature = "mock")]
mod mock;
mod requests;
mod rest;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use transport::{Draw, Window};

use crate::channel::Channel;
use crate::exchange::activity::Activity;
use crate::exchange::base_url::{Addresses, InvalidUrl, escaped};
use crate::exchange::limits::Limits;
use crate::exchange::message::Stream;
use crate::exchange::rules::{Acknowledgement, BookRules, Renewal, Rules, TradeIds, unnumbered};
use crate::exchange::{
    AnswerError, ConnectionPlan, Decoder, Exchange, RequestIds, StreamRequest, TradeHole, TradePage,
};
use crate::instruments::{Instrument, Instruments};
use crate::symbol::Symbol;

use self::checksum::CHECKSUM;
use self::decoder::KrakenDecoder;
use self::requests::Method;

// About one a second for an address. Bursts pass, but how large they may be is not documented. Requests
// for trades are counted for each pair; together with all others they are never more than that.
const REQUEST: Draw = Draw {
    window: Window::new("requests", 1, Duration::from_secs(1)),
    units: 1,
};

/// What Kraken allows.
static LIMITS: Limits = Limits {
    streams: None,
    symbols: None,
    url: None,
    request: None,
    // No limit is documented. Other clients put 100 to 250 symbols into a request.
    streams_per_request: Some(100),
    // A snapshot of 1,000 levels a side has some 100 KB.
    frame: 1 << 20,
    messages: None,
    operations: None,
    // More than that in any ten minutes is a ban of ten minutes, of REST as well.
    dials: Some(Window::new("dials", 150, Duration::from_secs(600))),
    rest: &[REQUEST.window],
    rollover: None,
    // A heartbeat comes every second, once anything is subscribed to.
    silence: Duration::from_secs(10),
    ping_interval: Some(Duration::from_secs(20)),
    keep_alive: None,
};

/// Kraken spot: `BTC/USD` is `BTC-USD`; only pairs with the status `online` are listed.
///
/// Its checksum covers the ten best levels of a side. A book of that depth is verified as a whole,
/// and a deeper one only at its top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kraken {
    addresses: Addresses,
    depth: KrakenDepth,
}

impl Kraken {
    /// Kraken at other addresses, such as `https://api.kraken.com` and
    /// `wss://beta-ws.kraken.com/v2`, or at those of a mock.
    ///
    /// # Errors
    /// [`InvalidUrl`] if one of them is not a URL of the right scheme, or has more than host, port
    /// and path.
    pub fn new(rest_url: &str, ws_url: &str) -> Result<Self, InvalidUrl> {
        Ok(Self {
            addresses: Addresses::parse(rest_url, ws_url)?,
            depth: KrakenDepth::default(),
        })
    }

    /// Books of another depth.
    #[must_use]
    pub fn with_depth(mut self, depth: KrakenDepth) -> Self {
        self.depth = depth;
        self
    }
}

/// `https://api.kraken.com` and `wss://ws.kraken.com/v2`.
impl Default for Kraken {
    fn default() -> Self {
        Self {
            addresses: Addresses::known("https://api.kraken.com", "wss://ws.kraken.com/v2"),
            depth: KrakenDepth::default(),
        }
    }
}

/// How many levels of each side Kraken sends of a book. There are no others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KrakenDepth {
    /// 10 levels, all of which the checksum covers: no wrong book passes.
    Levels10,
    /// 25 levels.
    Levels25,
    /// 100 levels.
    Levels100,
    /// 500 levels.
    Levels500,
    /// 1,000 levels, as deep as the books of other exchanges here.
    #[default]
    Levels1000,
}

impl KrakenDepth {
    /// The number of levels.
    #[must_use]
    pub const fn levels(self) -> usize {
        match self {
            Self::Levels10 => 10,
            Self::Levels25 => 25,
            Self::Levels100 => 100,
            Self::Levels500 => 500,
            Self::Levels1000 => 1000,
        }
    }

    const fn rules(self) -> Rules {
        Rules {
            acknowledgement: Acknowledgement::PerStream,
            books: BookRules {
                follows: unnumbered,
                // Snapshots came after 13 to 230 ms. An acknowledgement promises none: of eight
                // subscriptions in a row, five were followed by one.
                renewal: Renewal::Resubscribe {
                    within: Duration::from_secs(5),
                },
                checksum: Some(CHECKSUM),
                // Kraken never removes what falls out of the depth.
                cut: Some(self.levels()),
                quiet: None,
            },
            trades: TradeIds::Contiguous,
        }
    }
}

impl Exchange for Kraken {
    fn id(&self) -> &'static str {
        "kraken"
    }

    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn rules(&self) -> &Rules {
        match self.depth {
            KrakenDepth::Levels10 => const { &KrakenDepth::Levels10.rules() },
            KrakenDepth::Levels25 => const { &KrakenDepth::Levels25.rules() },
            KrakenDepth::Levels100 => const { &KrakenDepth::Levels100.rules() },
            KrakenDepth::Levels500 => const { &KrakenDepth::Levels500.rules() },
            KrakenDepth::Levels1000 => const { &KrakenDepth::Levels1000.rules() },
        }
    }

    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.addresses.rest.get_by("/0/public/AssetPairs", REQUEST)
    }

    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, AnswerError> {
        rest::instruments(body)
    }

    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.addresses.rest.get_by("/0/public/Time", REQUEST)
    }

    fn plan(&self, streams: &[Stream], ids: &mut RequestIds) -> Result<ConnectionPlan, InvalidUrl> {
        Ok(ConnectionPlan {
            socket: self.addresses.ws.ws_request("")?,
            requests: self.subscribe(streams, ids),
        })
    }

    fn subscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        requests::of(Method::Subscribe, self.depth, streams, ids)
    }

    fn unsubscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        requests::of(Method::Unsubscribe, self.depth, streams, ids)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<KrakenDecoder>::default()
    }

    fn trades_request(
        &self,
        of: &Instrument,
        hole: &TradeHole,
        cursor: Option<&str>,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        let pair = escaped(of.exchange_symbol());
        let since = cursor.map(str::to_owned).or_else(|| rest::since(hole));
        // Without a time, the newest trades there are.
        let since = since.map_or_else(String::new, |since| format!("&since={}", escaped(&since)));
        let count = rest::TRADES;
        let path = format!("/0/public/Trades?pair={pair}&count={count}{since}");
        self.addresses.rest.get_by(&path, REQUEST).map(Some)
    }

    fn parse_trades(&self, of: &Symbol, body: &[u8]) -> Result<TradePage, AnswerError> {
        rest::trades(of, body)
    }

    fn activity_request(&self, _: &[Channel]) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        self.addresses
            .rest
            .get_by(activity::PATH, REQUEST)
            .map(Some)
    }

    fn parse_activity(
        &self,
        body: &[u8],
        instruments: &Instruments,
    ) -> Result<HashMap<Symbol, Activity>, AnswerError> {
        activity::read(body, instruments)
    }
}
