//! A mock of Tidemark.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{StatusCode, Uri};
use proxy_config::ProxySettings;
use proxy_injector::ProxyInjector;
use serde_json::{Value, json};
use testkit::mock::{
    Answer, Conduct, ExchangeProtocol, Frame, Instrument, Level, RestRequest, Side, Source,
    StreamProtocol, Update, json_levels, now,
};
use testkit::{MockExchange, MockExchangeBuilder};
use transport::{Message, WsDialer};

use super::{LIMITS, Tidemark};
use crate::world::{soon, ws_request};

impl Tidemark {
    /// A mock, with btcusd and ethusd.
    pub(super) fn mock() -> MockExchangeBuilder {
        MockExchange::builder(TidemarkMock)
    }
}

#[derive(Debug)]
struct TidemarkMock;

impl ExchangeProtocol for TidemarkMock {
    fn instruments(&self) -> Vec<Instrument> {
        let product = |symbol: &str, base, start| {
            Instrument::spot(symbol.to_owned(), [base, "USD"], [1, 4], start, 50_000)
        };
        vec![
            product("btcusd", "BTC", 618_375),
            product("ethusd", "ETH", 26_838),
        ]
    }

    fn conduct(&self) -> Conduct {
        LIMITS.conduct()
    }

    fn open(&self, uri: &Uri, _: Source<'_>) -> Result<Box<dyn StreamProtocol>, Answer> {
        match uri.path() {
            "/tide" => Ok(Box::<Connection>::default()),
            _ => Err(Answer::not_found()),
        }
    }

    fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
        let body = match request.path.as_str() {
            "/products" => {
                let instruments = source.market.instruments();
                instruments.iter().map(|it| product(it)).collect()
            }
            "/clock" => json!(now() / 1000),
            _ => return Answer::not_found(),
        };
        Answer::new(StatusCode::OK, "application/json", body.to_string())
    }
}

fn product(instrument: &Instrument) -> Value {
    let Instrument {
        symbol,
        base,
        quote,
        open,
        ..
    } = instrument;
    json!({"code": symbol, "base": base, "quote": quote, "is_open": open})
}

/// One connection, which counts what it sends.
#[derive(Debug, Default)]
struct Connection {
    sent: u64,
    /// Feed, product and the last that was told of it, by number.
    streams: BTreeMap<u32, (String, String, u64)>,
    opened: u32,
}

impl Connection {
    //     {"id":1,"op":"open","feed":"book","code":"btcusd"}
    fn request(&mut self, text: &str, source: Source<'_>) -> Result<Vec<Frame>, String> {
        let request: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let word = |key| request[key].as_str().unwrap_or_default().to_owned();
        let (id, op, feed, code) = (&request["id"], word("op"), word("feed"), word("code"));
        let refused = |error: String| Ok(vec![said(&json!({"id": id, "error": error}))]);
        let Some(state) = source.market.latest(&code) else {
            return refused(format!("no product {code}"));
        };
        let is_this = |(of, what, _): &(String, String, u64)| (of, what) == (&feed, &code);
        match op.as_str() {
            "open" => {
                self.opened += 1;
                let number = self.opened;
                let mut frames = vec![said(&json!({"id": id, "stream": number, "code": code}))];
                if feed == "book" {
                    let [bids, asks] =
                        [Side::Bid, Side::Ask].map(|side| state.book.best_first(side));
                    let book = sides(bids, asks, &state.instrument);
                    frames.push(self.data(number, "book", &book));
                }
                self.streams.insert(number, (feed, code, state.id));
                Ok(frames)
            }
            "shut" => {
                let number = self.streams.iter().find(|(_, it)| is_this(it));
                let Some(number) = number.map(|(number, _)| *number) else {
                    return refused("not open".to_owned());
                };
                self.streams.remove(&number);
                Ok(vec![said(&json!({"id": id, "shut": number}))])
            }
            _ => refused(format!("no operation {op}")),
        }
    }

    //     {"n":2,"stream":7,"change":{"bids":[["61837.5","0"]],"asks":[]}}
    fn data(&mut self, stream: u32, kind: &str, content: &str) -> Frame {
        self.sent += 1;
        let n = self.sent;
        Frame {
            text: format!(r#"{{"n":{n},"stream":{stream},"{kind}":{content}}}"#),
            stream: Some(stream.to_string()),
            is_depth: kind == "change",
        }
    }
}

fn said(message: &Value) -> Frame {
    Frame::control(message.to_string())
}

fn sides(
    bids: impl Iterator<Item = Level>,
    asks: impl Iterator<Item = Level>,
    instrument: &Instrument,
) -> String {
    let bids = json_levels(bids, instrument, |number| number);
    let asks = json_levels(asks, instrument, |number| number);
    format!(r#"{{"bids":{bids},"asks":{asks}}}"#)
}

impl StreamProtocol for Connection {
    fn receive(&mut self, text: &str, source: Source<'_>) -> Vec<Frame> {
        self.request(text, source)
            .unwrap_or_else(|error| vec![said(&json!({"id": 0, "error": error}))])
    }

    fn frames(&mut self, update: &Update) -> Vec<Frame> {
        let instrument = &update.instrument;
        let delta = update.delta();
        let mut told = Vec::new();
        for (number, (feed, code, last)) in &mut self.streams {
            if *code != instrument.symbol || delta.last_id <= *last {
                continue;
            }
            *last = delta.last_id;
            if feed == "book" {
                let (bids, asks) = (delta.bids.iter().copied(), delta.asks.iter().copied());
                told.push((*number, "change", sides(bids, asks, instrument)));
                continue;
            }
            for trade in update.trades() {
                let deal = json!({
                    "id": format!("x{:x}", trade.id),
                    "side": if trade.buyer_is_maker { "sell" } else { "buy" },
                    "price": instrument.price(trade.level.price).to_string(),
                    "size": instrument.quantity(trade.level.quantity).to_string(),
                    "at": trade.time / 1000,
                });
                told.push((*number, "deal", deal.to_string()));
            }
        }
        let frames = told.into_iter();
        frames
            .map(|(number, kind, content)| self.data(number, kind, &content))
            .collect()
    }
}

#[tokio::test]
async fn it_refuses_in_its_own_words_and_allows_no_more_than_the_codec_knows() {
    let exchange = Tidemark::mock().tick_interval(Duration::from_secs(3600));
    let exchange = exchange.start().await.unwrap();
    let scope = Arc::new(ProxyInjector::new(ProxySettings::disabled())).anonymous();
    let url = format!("{}/tide", exchange.ws_url());
    let mut ws = soon(scope.websocket().dial(ws_request(&url)))
        .await
        .unwrap();
    let request = |op: &str, code: &str| {
        Message::text(format!(
            r#"{{"id":1,"op":"{op}","feed":"deals","code":"{code}"}}"#
        ))
    };
    for (op, code, reply) in [
        ("open", "xyzusd", r#"{"error":"no product xyzusd","id":1}"#),
        ("open", "btcusd", r#"{"code":"btcusd","id":1,"stream":1}"#),
        ("shut", "btcusd", r#"{"id":1,"shut":1}"#),
        ("shut", "btcusd", r#"{"error":"not open","id":1}"#),
        ("jump", "btcusd", r#"{"error":"no operation jump","id":1}"#),
    ] {
        ws.send(request(op, code)).await.unwrap();
        let said = loop {
            let message = soon(ws.next()).await.unwrap().unwrap();
            let said = message.as_text().unwrap().to_owned();
            // The market's first moment is at the start, and its trades may come in between.
            if !said.contains(r#""n":"#) {
                break said;
            }
        };
        assert_eq!(said, reply);
    }
    let too_long = "x".repeat(LIMITS.request.unwrap() + 1);
    ws.send(Message::text(too_long)).await.unwrap();
    let farewell = soon(ws.next()).await.unwrap().unwrap();
    assert!(
        matches!(farewell, Message::Close(Some((1009, _)))),
        "{farewell:?}"
    );
}
