//! An exchange that does not exist, as a program outside `feeds` would add one: its codec, its mock and
//! a feed of it.
//!
//! Tidemark has what none of the exchanges in `feeds` has: numbers in place of names for its streams,
//! which only its replies explain, one counter for everything on a connection, ids of trades that are
//! text, books that begin with the subscription and cannot be asked for again, and no best prices.
//!
//! `docs/adding-an-exchange.md` leads through it.

mod decoder;
mod mock;
mod streaming;

use std::time::Duration;

use bytes::Bytes;
use feeds::codec::{Addresses, Text, parse_body};
use feeds::exchange::{Acknowledgement, BookRules, Renewal, TradeIds, Window, unnumbered};
use feeds::{
    AnswerError, Channel, ConnectionPlan, Decoder, Exchange, Instrument, Instruments, InvalidUrl,
    Limits, RequestIds, Rules, Stream, StreamRequest, Symbol,
};
use http::Request;
use serde::Deserialize;
use transport::Message;

use self::decoder::TidemarkDecoder;

static LIMITS: Limits = Limits {
    streams: Some(50),
    symbols: None,
    url: None,
    request: Some(1024),
    streams_per_request: Some(1),
    frame: 1 << 20,
    messages: Some(Window::new("messages", 20, Duration::from_secs(1))),
    operations: None,
    dials: None,
    rest: &[],
    rollover: None,
    silence: Duration::from_secs(45),
    // Tidemark closes what it has not heard of for 30 seconds.
    ping_interval: Some(Duration::from_secs(15)),
    keep_alive: None,
};

static RULES: Rules = Rules {
    acknowledgement: Acknowledgement::PerRequest,
    books: BookRules {
        // The decoder counts, for all books of a connection.
        follows: unnumbered,
        renewal: Renewal::Reconnect {
            within: Duration::from_secs(5),
        },
        checksum: None,
        cut: None,
        quiet: None,
    },
    trades: TradeIds::Opaque { remembered: 1000 },
};

/// The codec.
#[derive(Debug)]
pub(crate) struct Tidemark {
    addresses: Addresses,
}

impl Tidemark {
    pub(crate) fn new(rest_url: &str, ws_url: &str) -> Result<Self, InvalidUrl> {
        let addresses = Addresses::parse(rest_url, ws_url)?;
        Ok(Self { addresses })
    }
}

impl Exchange for Tidemark {
    fn id(&self) -> &'static str {
        "tidemark"
    }

    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn rules(&self) -> &Rules {
        &RULES
    }

    fn channels(&self) -> &[Channel] {
        &[Channel::Trades, Channel::L2Book]
    }

    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.addresses.rest.get("/products")
    }

    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, AnswerError> {
        let products: Vec<Product<'_>> = parse_body(body)?;
        Ok(products.iter().filter_map(Product::instrument).collect())
    }

    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.addresses.rest.get("/clock")
    }

    fn plan(&self, streams: &[Stream], ids: &mut RequestIds) -> Result<ConnectionPlan, InvalidUrl> {
        Ok(ConnectionPlan {
            socket: self.addresses.ws.ws_request("/tide")?,
            requests: self.subscribe(streams, ids),
        })
    }

    fn subscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        let open = streams.iter().filter_map(|it| request("open", it, ids));
        open.collect()
    }

    fn unsubscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        let shut = streams.iter().filter_map(|it| request("shut", it, ids));
        shut.collect()
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(TidemarkDecoder::default())
    }
}

//     {"id":1,"op":"open","feed":"book","code":"btcusd"}
fn request(op: &str, stream: &Stream, ids: &mut RequestIds) -> Option<StreamRequest> {
    let (feed, id) = (feed(stream.channel)?, ids.next_id());
    let code = stream.instrument.exchange_symbol();
    Some(StreamRequest {
        id: Some(id),
        message: Message::text(format!(
            r#"{{"id":{id},"op":"{op}","feed":"{feed}","code":"{code}"}}"#
        )),
        streams: vec![stream.clone()],
    })
}

fn feed(channel: Channel) -> Option<&'static str> {
    match channel {
        Channel::Trades => Some("deals"),
        Channel::L2Book => Some("book"),
        // There may be more channels one day; these two are all that is ever asked for.
        _ => None,
    }
}

//     [{"code":"btcusd","base":"BTC","quote":"USD","is_open":true}]
#[derive(Deserialize)]
struct Product<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    base: Text<'a>,
    #[serde(borrow)]
    quote: Text<'a>,
    is_open: bool,
}

impl Product<'_> {
    fn instrument(&self) -> Option<Instrument> {
        // A row that makes no symbol is left out, not the list.
        let symbol = Symbol::parse(&format!("{}-{}", &*self.base, &*self.quote)).ok()?;
        self.is_open.then(|| Instrument::new(symbol, &self.code))
    }
}

#[test]
fn it_fits_together() {
    let tidemark = Tidemark::new("https://tidemark.example", "wss://tidemark.example").unwrap();
    assert_eq!(feeds::exchange::faults(&tidemark), [""; 0]);
}
