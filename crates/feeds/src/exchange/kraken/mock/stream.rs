//! Kraken's WebSocket, version 2.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use testkit::mock::{Frame, Source, StreamProtocol, Trade, Update, now};

use super::form;
use super::reply::Reply;
use super::view::{Trigger, View};

/// How many trades a subscription can begin with.
const HISTORY: usize = 50;

/// Larger than an `i64`, as on the real wire.
const CONNECTION: u64 = 11_315_962_367_609_298_897;

/// One connection.
///
/// The channels `trade`, `ticker` and `book` speak. Each symbol of a subscription is acknowledged
/// or refused by itself; a channel or a depth that does not exist is refused without a symbol.
#[derive(Default)]
pub(super) struct Stream {
    views: HashMap<String, View>,
    /// Whether the client has subscribed to anything, in vain or not.
    is_started: bool,
    /// Whether a recording is played to the client.
    is_recorded: bool,
}

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Trades,
    Ticker(Trigger),
    Book(usize),
}

impl Channel {
    //     {"channel":"book","depth":10,"symbol":[...]}               10 unless it is said
    //     {"channel":"ticker","event_trigger":"bbo","symbol":[...]}  `trades` unless it is said
    fn parse(params: &Value) -> Result<Self, &'static str> {
        match params.get("channel").and_then(Value::as_str) {
            Some("trade") => Ok(Self::Trades),
            Some("ticker") => match params.get("event_trigger").map(Value::as_str) {
                None | Some(Some("trades")) => Ok(Self::Ticker(Trigger::Trades)),
                Some(Some("bbo")) => Ok(Self::Ticker(Trigger::Quotes)),
                // Assumed.
                Some(_) => Err("Event trigger not supported"),
            },
            Some("book") => match params.get("depth").map_or(Some(10), Value::as_u64) {
                Some(depth @ (10 | 25 | 100 | 500 | 1000)) => Ok(Self::Book(depth as usize)),
                _ => Err("Subscription depth not supported"),
            },
            Some("executions" | "balances") => Err(
                "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",
            ),
            // Assumed.
            _ => Err("Channel not supported"),
        }
    }

    /// Whether a subscription begins with a snapshot, unless it says so.
    fn has_snapshot(self) -> bool {
        self != Self::Trades
    }

    /// What an acknowledgement repeats.
    fn described(self, symbol: &str) -> Map<String, Value> {
        let mut described = Map::new();
        let mut say = |key: &str, value: Value| described.insert(key.to_owned(), value);
        say("symbol", symbol.into());
        match self {
            Self::Trades => say("channel", "trade".into()),
            Self::Ticker(trigger) => {
                let trigger = match trigger {
                    Trigger::Trades => "trades",
                    Trigger::Quotes => "bbo",
                };
                say("event_trigger", trigger.into());
                say("channel", "ticker".into())
            }
            Self::Book(depth) => {
                say("depth", depth.into());
                say("channel", "book".into())
            }
        };
        described
    }
}

impl Stream {
    fn answer(&mut self, text: &str, source: Source<'_>) -> Vec<Frame> {
        //     {"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]},"req_id":1}
        //     {"method":"ping","req_id":2}
        let request: Value = serde_json::from_str(text).unwrap_or_default();
        let method = request.get("method").and_then(Value::as_str);
        let reply = Reply::to(method.unwrap_or_default(), request.get("req_id"));
        let params = request.get("params").unwrap_or(&Value::Null);
        let symbols = params.get("symbol").and_then(Value::as_array);
        let symbols = symbols.map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        match (reply.method, symbols) {
            ("ping", _) => vec![reply.pong()],
            ("subscribe" | "unsubscribe", Some(symbols)) => match self.start(params) {
                Ok(channel) if reply.method == "subscribe" => {
                    let snapshot = params.get("snapshot").and_then(Value::as_bool);
                    let snapshot = snapshot.unwrap_or(channel.has_snapshot());
                    self.subscribe(&reply, channel, snapshot, &symbols, source)
                }
                Ok(channel) => self.unsubscribe(&reply, channel, &symbols),
                Err(error) => vec![reply.refuse(error, None)],
            },
            // Assumed.
            _ => vec![reply.refuse("Malformed request", None)],
        }
    }

    fn start(&mut self, params: &Value) -> Result<Channel, &'static str> {
        self.is_started = true;
        Channel::parse(params)
    }

    /// The acknowledgements of all symbols, then their snapshots.
    fn subscribe(
        &mut self,
        reply: &Reply<'_>,
        channel: Channel,
        snapshot: bool,
        symbols: &[&str],
        source: Source<'_>,
    ) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut snapshots = Vec::new();
        for symbol in symbols {
            if source.is_recorded() {
                self.is_recorded = true;
            } else if let Some(state) = source.market.latest(symbol) {
                let recent = source.market.trades(symbol, HISTORY).unwrap_or_default();
                let view = self.views.entry((*symbol).to_owned());
                let view = view.or_insert_with(|| View::new(&state, recent.last()));
                if !view.start(channel) {
                    frames.push(reply.refuse("Already subscribed", Some(symbol)));
                    continue;
                }
                if snapshot {
                    snapshots.extend(view.first(channel, &recent));
                }
            } else if source.market.find(symbol).is_none() {
                let error = format!("Currency pair not supported {symbol}");
                frames.push(reply.refuse(&error, Some(symbol)));
                continue;
            }
            let mut result = channel.described(symbol);
            result.insert("snapshot".to_owned(), snapshot.into());
            frames.push(reply.acknowledge(&result));
        }
        frames.extend(snapshots);
        frames
    }

    fn unsubscribe(&mut self, reply: &Reply<'_>, channel: Channel, symbols: &[&str]) -> Vec<Frame> {
        let mut end = |symbol: &&str| {
            let view = self.views.get_mut(*symbol);
            if !view.is_some_and(|view| view.end(channel)) && !self.is_recorded {
                // Assumed.
                return reply.refuse("Subscription not found", Some(symbol));
            }
            self.views.retain(|_, view| view.is_subscribed());
            reply.acknowledge(&channel.described(symbol))
        };
        symbols.iter().map(&mut end).collect()
    }
}

impl View {
    /// Subscribes; `false` if that was done before. There is one depth for a symbol.
    fn start(&mut self, channel: Channel) -> bool {
        match channel {
            Channel::Trades => !std::mem::replace(&mut self.trades, true),
            Channel::Ticker(_) if self.ticker.is_some() => false,
            Channel::Ticker(trigger) => self.ticker.replace(trigger).is_none(),
            Channel::Book(_) if self.depth.is_some() => false,
            Channel::Book(depth) => self.depth.replace(depth).is_none(),
        }
    }

    /// Unsubscribes from what was subscribed to by the same parameters.
    fn end(&mut self, channel: Channel) -> bool {
        match channel {
            Channel::Trades => std::mem::take(&mut self.trades),
            Channel::Ticker(trigger) => self.ticker.take_if(|it| *it == trigger).is_some(),
            Channel::Book(depth) => self.depth.take_if(|it| *it == depth).is_some(),
        }
    }

    /// What a subscription begins with.
    fn first(&self, channel: Channel, recent: &[Trade]) -> Option<Frame> {
        match channel {
            Channel::Trades => {
                let recent: Vec<&Trade> = recent.iter().collect();
                Some(self.trades_frame("snapshot", &recent))
            }
            Channel::Ticker(_) => self.ticker_frame("snapshot", now()),
            Channel::Book(depth) => Some(self.snapshot_frame(depth, now())),
        }
    }
}

impl StreamProtocol for Stream {
    fn greeting(&self) -> Option<String> {
        Some(status("[]"))
    }

    fn receive(&mut self, text: &str, source: Source<'_>) -> Vec<Frame> {
        self.answer(text, source)
    }

    fn frames(&mut self, update: &Update) -> Vec<Frame> {
        let view = self.views.get_mut(&update.instrument.symbol);
        view.map_or_else(Vec::new, |view| view.frames(update))
    }

    fn heartbeat(&self) -> Option<Vec<Frame>> {
        let heartbeat = || Frame::control(r#"{"channel":"heartbeat"}"#.to_owned());
        // Refused or not: a book that is refused looks like a quiet one.
        Some(self.is_started.then(heartbeat).into_iter().collect())
    }

    fn is_subscribed(&self, stream: Option<&str>) -> bool {
        // What is recorded does not say to which stream it belongs.
        stream.is_none() && (self.is_recorded || !self.views.is_empty())
    }

    fn shutdown_notice(&self) -> Option<String> {
        let start = form::time(now() + 30_000_000);
        // The phase and what to do are documented; the other keys are those of a recording.
        let maintenance = json!([{
            "affected_services": ["spot_ws"],
            "event_id": 32,
            "expected_start_utc": start,
            "order_submission": "allowed",
            "phase": "final_warning_30s",
            "recommended_action": "disconnect_and_wait",
            "time_to_start_s": 30,
            "title": "Kraken Website and API Maintenance",
        }]);
        Some(status(&maintenance.to_string()))
    }
}

fn status(maintenance: &str) -> String {
    format!(
        r#"{{"channel":"status","type":"update","data":[{{"version":"2.0.10","system":"online","api_version":"v2","connection_id":{CONNECTION},"upcoming_maintenance":{maintenance},"emergency":[]}}]}}"#
    )
}
