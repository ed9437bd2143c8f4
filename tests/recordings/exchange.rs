//! An exchange that says nothing of its own but acknowledgements.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{StatusCode, Uri};
use serde_json::{Value, json};
use testkit::mock::{
    Answer, ExchangeProtocol, Frame, RestRequest, Source, StreamProtocol, parse_query,
};
use testkit::{MockExchange, MockExchangeBuilder, Replay};

use super::capture::{Capture, Dialect, Part};
use super::history;
use super::reading::Trade;

/// Plays each part to a connection of its own, in their order, as soon as that has subscribed to
/// everything. Of past trades, it has `history`.
pub(super) fn playing(
    capture: &Capture,
    parts: &[Part],
    history: Vec<Trade>,
) -> MockExchangeBuilder {
    let mut frames = Vec::new();
    let mut connections = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        frames.extend(part.frames.iter().cloned());
        frames.push(capture.end().to_owned());
        connections.resize(frames.len(), number);
    }
    let protocol = Recorded {
        dialect: capture.dialect,
        symbols: capture.symbols,
        streams: capture.symbols.len() * capture.channels.len(),
        history,
        listed: capture.listed.clone(),
        connections,
        snapshots: parts.iter().map(|part| part.snapshots.clone()).collect(),
        read: AtomicUsize::new(0),
        opened: AtomicUsize::new(0),
    };
    MockExchange::builder(protocol).replay(Replay::new(frames))
}

#[derive(Debug)]
struct Recorded {
    dialect: Dialect,
    /// Its names and ours.
    symbols: &'static [(&'static str, &'static str)],
    /// How many of them are wanted.
    streams: usize,
    history: Vec<Trade>,
    listed: String,
    /// The number of the connection that each message is for.
    connections: Vec<usize>,
    /// The books over REST during each connection.
    snapshots: Vec<HashMap<String, String>>,
    read: AtomicUsize,
    opened: AtomicUsize,
}

impl Recorded {
    /// The past trades of the symbol that the parameter `key` names.
    fn trades(&self, request: &RestRequest, key: &str) -> Answer {
        let name = request.parameter(key).unwrap();
        let (_, symbol) = self.symbols.iter().find(|(it, _)| *it == name).unwrap();
        let trades = self.history.iter().filter(|trade| trade.symbol == *symbol);
        let trades: Vec<_> = trades.collect();
        let body = history::answer(self.dialect, request, &trades);
        Answer::new(StatusCode::OK, "application/json", body)
    }
}

impl ExchangeProtocol for Recorded {
    fn open(&self, uri: &Uri, _: Source<'_>) -> Result<Box<dyn StreamProtocol>, Answer> {
        let mut streams = BTreeSet::new();
        for (key, value) in parse_query(uri) {
            assert_eq!(key, "streams");
            streams.extend(value.split('/').map(str::to_owned));
        }
        Ok(Box::new(Connection {
            number: self.opened.fetch_add(1, Ordering::Relaxed),
            dialect: self.dialect,
            wanted: self.streams,
            streams,
        }))
    }

    fn answer(&self, request: &RestRequest, _: Source<'_>) -> Answer {
        let ok = |body: &str| Answer::new(StatusCode::OK, "application/json", body.to_owned());
        match request.path.as_str() {
            "/api/v3/exchangeInfo" | "/0/public/AssetPairs" | "/api/v5/public/instruments" => {
                ok(&self.listed)
            }
            "/api/v3/depth" => {
                let number = self.opened.load(Ordering::Relaxed) - 1;
                ok(&self.snapshots[number][request.parameter("symbol").unwrap()])
            }
            "/api/v3/historicalTrades" => self.trades(request, "symbol"),
            "/0/public/Trades" => self.trades(request, "pair"),
            "/api/v5/market/history-trades" => self.trades(request, "instId"),
            _ => Answer::not_found(),
        }
    }

    /// A message belongs to the "stream" of its connection.
    fn recorded(&self, text: String) -> Frame {
        let number = self.connections[self.read.fetch_add(1, Ordering::Relaxed)];
        Frame {
            stream: Some(number.to_string()),
            ..Frame::control(text)
        }
    }
}

#[derive(Debug)]
struct Connection {
    number: usize,
    dialect: Dialect,
    wanted: usize,
    /// What the client has subscribed to.
    streams: BTreeSet<String>,
}

impl Connection {
    //     {"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]},"req_id":1}
    fn acknowledge_kraken(&mut self, text: &str) -> Vec<Frame> {
        let request: Value = serde_json::from_str(text).unwrap();
        let params = &request["params"];
        let symbols = params["symbol"].as_array().unwrap().clone();
        let acknowledge = |symbol: Value| {
            let channel = &params["channel"];
            self.streams.insert(format!("{channel} {symbol}"));
            let result = json!({"channel": channel, "symbol": symbol});
            let (method, id) = (&request["method"], &request["req_id"]);
            said(&json!({"method": method, "req_id": id, "result": result, "success": true}))
        };
        symbols.into_iter().map(acknowledge).collect()
    }

    //     {"args":[{"channel":"trades","instId":"BTC-USDT"}],"id":"1","op":"subscribe"}
    fn acknowledge_okx(&mut self, text: &str) -> Vec<Frame> {
        let request: Value = serde_json::from_str(text).unwrap();
        let args = request["args"].as_array().unwrap().clone();
        let acknowledge = |arg: Value| {
            self.streams.insert(arg.to_string());
            said(&json!({"id": request["id"], "event": request["op"], "arg": arg}))
        };
        args.into_iter().map(acknowledge).collect()
    }
}

fn said(message: &Value) -> Frame {
    Frame::control(message.to_string())
}

impl StreamProtocol for Connection {
    fn receive(&mut self, text: &str, _: Source<'_>) -> Vec<Frame> {
        match self.dialect {
            Dialect::Binance => panic!("its URL asks for everything: {text}"),
            Dialect::Kraken(_) => self.acknowledge_kraken(text),
            Dialect::Okx2022 => self.acknowledge_okx(text),
        }
    }

    fn is_subscribed(&self, stream: Option<&str>) -> bool {
        match stream {
            Some(number) => number == self.number.to_string(),
            None => self.streams.len() == self.wanted,
        }
    }
}
