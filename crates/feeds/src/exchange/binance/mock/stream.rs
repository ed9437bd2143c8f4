//! Binance's WebSocket streams.

use http::{StatusCode, Uri};
use serde_json::Value;
use testkit::mock::{
    Answer, Breach, Client, Delta, Frame, Quote, Source, StreamKind, StreamProtocol, Subscription,
    Subscriptions, Trade, Update, json_levels, now, parse_query,
};

use super::{LIMITS, in_unit, padded};

/// One connection.
///
/// The streams `@trade`, `@bookTicker`, `@depth` and `@depth@100ms` speak; every other
/// well-formed name is acknowledged and silent, as an unknown symbol is at the exchange.
pub(super) struct Stream {
    /// Whether events are wrapped in `{"stream":…,"data":…}`.
    combined: bool,
    micros: bool,
    subscriptions: Subscriptions,
}

impl Stream {
    /// `/ws`, `/ws/<a>/<b>`, or `/stream` with the parameters `streams=<a>/<b>` and `timeUnit`.
    pub(super) fn open(uri: &Uri, client: Client<'_>) -> Result<Self, Answer> {
        let query = parse_query(uri);
        let parameter = |name| {
            let found = query.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        //     /ws/btcusdt@trade/btcusdt@depth    {"e":"trade",...}
        //     /stream?streams=btcusdt@trade      {"stream":"btcusdt@trade","data":{...}}
        let path = uri.path();
        let (combined, streams) = match path {
            "/stream" => (true, parameter("streams").unwrap_or_default()),
            "/ws" => (false, ""),
            _ => (
                false,
                path.strip_prefix("/ws/").ok_or_else(Answer::not_found)?,
            ),
        };
        let mut subscriptions = Subscriptions::default();
        for subscription in streams.split('/').filter_map(parse_stream) {
            subscriptions.add(subscription);
        }
        if is_too_many(subscriptions.len(), client) {
            // How the exchange refuses them is not documented.
            let text = "too many streams";
            return Err(Answer::new(StatusCode::BAD_REQUEST, "text/plain", text));
        }
        Ok(Self {
            combined,
            micros: parameter("timeUnit")
                .is_some_and(|unit| unit.eq_ignore_ascii_case("microsecond")),
            subscriptions,
        })
    }

    fn reply(&mut self, text: &str, client: Client<'_>) -> String {
        self.request(text, client)
            .unwrap_or_else(|failure| failure.0)
    }

    fn request(&mut self, text: &str, client: Client<'_>) -> Result<String, Failure> {
        // Cut off where it is too long. Seen in an error of the real one: "EOF while parsing a string
        // at line 1 column 4096".
        let longest = LIMITS.request.unwrap_or(text.len());
        let text = match client.exceeds("request", text.len(), longest) {
            true => {
                let mut cuts = (0..=longest).rev();
                cuts.find_map(|at| text.get(..at)).unwrap_or(text)
            }
            false => text,
        };
        //     {"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}   {"result":null,"id":1}
        //     {"method":"SUBSCRIBE","params":["btcusdt"],"id":2}         {"error":{...},"id":2}
        //     nonsense                                                   {"error":{...}}
        //
        // Replies are in no envelope, also where events are.
        let request: Value = serde_json::from_str(text)
            .map_err(|error| Failure::new(3, format!("Invalid JSON: {error}"), None))?;
        let id = request.get("id").cloned().unwrap_or_default();
        let invalid = |what: &str| Failure::new(2, format!("Invalid request: {what}"), Some(&id));
        let id_is_valid = match &id {
            Value::Null => true,
            Value::Number(number) => number.is_i64(),
            Value::String(text) => text.len() <= 36 && text.chars().all(char::is_alphanumeric),
            _ => false,
        };
        if !id_is_valid {
            let what = "Invalid request: request ID must be an unsigned integer";
            return Err(Failure::new(2, what.to_owned(), None));
        }
        let method = request
            .get("method")
            .and_then(Value::as_str)
            .ok_or_else(|| invalid("missing field `method`"))?;
        let streams = || -> Option<Vec<Subscription>> {
            let names = request.get("params")?.as_array()?;
            names
                .iter()
                .map(|name| parse_stream(name.as_str()?))
                .collect()
        };
        let result = match method {
            "SUBSCRIBE" => {
                let streams = streams().ok_or_else(|| invalid("invalid stream"))?;
                if is_too_many(self.subscriptions.len() + streams.len(), client) {
                    return Err(Failure::new(
                        4,
                        "Too many subscriptions".to_owned(),
                        Some(&id),
                    ));
                }
                streams
                    .into_iter()
                    .for_each(|one| self.subscriptions.add(one));
                Value::Null
            }
            "UNSUBSCRIBE" => {
                let streams = streams().ok_or_else(|| invalid("invalid stream"))?;
                streams
                    .iter()
                    .for_each(|one| self.subscriptions.remove(&one.stream));
                Value::Null
            }
            "LIST_SUBSCRIPTIONS" => self.subscriptions.streams().collect(),
            unknown => {
                return Err(invalid(&format!(
                    "unknown variant `{unknown}`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`"
                )));
            }
        };
        Ok(format!(r#"{{"result":{result},"id":{id}}}"#))
    }

    fn wrap(&self, stream: &str, payload: String) -> String {
        if self.combined {
            format!(r#"{{"stream":"{stream}","data":{payload}}}"#)
        } else {
            payload
        }
    }

    fn trade(&self, symbol: &str, trade: &Trade, update: &Update) -> String {
        let price = padded(update.instrument.price(trade.level.price));
        let quantity = padded(update.instrument.quantity(trade.level.quantity));
        let (event, made) = (self.time(now()), self.time(trade.time));
        let (id, maker) = (trade.id, trade.buyer_is_maker);
        format!(
            r#"{{"e":"trade","E":{event},"s":"{symbol}","t":{id},"p":"{price}","q":"{quantity}","T":{made},"m":{maker},"M":true}}"#
        )
    }

    fn depth(&self, symbol: &str, delta: &Delta, update: &Update) -> String {
        let instrument = &update.instrument;
        // Binance lists both sides from the best price on, so bids descend.
        let bids = json_levels(delta.bids.iter().rev().copied(), instrument, padded);
        let asks = json_levels(delta.asks.iter().copied(), instrument, padded);
        let (event, first, last) = (self.time(update.time), delta.first_id, delta.last_id);
        format!(
            r#"{{"e":"depthUpdate","E":{event},"s":"{symbol}","U":{first},"u":{last},"b":{bids},"a":{asks}}}"#
        )
    }

    fn time(&self, micros: u64) -> u64 {
        in_unit(micros, self.micros)
    }
}

impl StreamProtocol for Stream {
    fn receive(&mut self, text: &str, source: Source<'_>) -> Vec<Frame> {
        vec![Frame::control(self.reply(text, source.client))]
    }

    fn frames(&mut self, update: &Update) -> Vec<Frame> {
        let symbol = &update.instrument.symbol;
        let mut frames = Vec::new();
        for Subscription { stream, kind, .. } in self.subscriptions.of(symbol) {
            let payloads: Vec<_> = match kind {
                StreamKind::Trades => {
                    let trades = update.trades();
                    trades
                        .map(|trade| self.trade(symbol, trade, update))
                        .collect()
                }
                StreamKind::Ticker => {
                    let quotes = update.quotes();
                    quotes
                        .map(|(id, quote)| ticker(id, quote, update))
                        .collect()
                }
                // `@depth` and `@depth@100ms` are the same here, and both in ranges of ids.
                StreamKind::Depth | StreamKind::AggregatedDepth => {
                    vec![self.depth(symbol, &update.delta(), update)]
                }
                StreamKind::Silent => Vec::new(),
            };
            frames.extend(payloads.into_iter().map(|payload| Frame {
                text: self.wrap(stream, payload),
                stream: Some(stream.clone()),
                is_depth: *kind == StreamKind::AggregatedDepth,
            }));
        }
        frames
    }

    fn is_subscribed(&self, stream: Option<&str>) -> bool {
        match stream {
            Some(stream) => self.subscriptions.contains(stream),
            None => !self.subscriptions.is_empty(),
        }
    }

    // From reports of users: the documentation has none of the texts.
    fn farewell(&self, breach: Breach) -> (u16, &'static str) {
        match breach {
            Breach::Messages => (1008, "Too many requests"),
            Breach::Pong => (1008, "Pong timeout"),
            other => other.farewell(),
        }
    }

    fn shutdown_notice(&self) -> Option<String> {
        let time = self.time(now());
        let payload = format!(r#"{{"e":"serverShutdown","E":{time}}}"#);
        Some(self.wrap("!serverShutdown", payload))
    }
}

fn is_too_many(streams: usize, client: Client<'_>) -> bool {
    let most = LIMITS.streams.map_or(usize::MAX, |most| most as usize);
    client.exceeds("streams", streams, most)
}

/// An error frame: nested, and with the id if there was one.
struct Failure(String);

impl Failure {
    fn new(code: u8, message: String, id: Option<&Value>) -> Self {
        let message = Value::String(message);
        let id = id.map_or_else(String::new, |id| format!(r#","id":{id}"#));
        Self(format!(
            r#"{{"error":{{"code":{code},"msg":{message}}}{id}}}"#
        ))
    }
}

fn ticker(id: u64, quote: Quote, update: &Update) -> String {
    let instrument = &update.instrument;
    let price = |level| padded(instrument.price(level));
    let quantity = |level| padded(instrument.quantity(level));
    let (symbol, Quote { bid, ask }) = (&instrument.symbol, quote);
    format!(
        // No type and no time: a client knows it by its stream, or by its shape.
        r#"{{"u":{id},"s":"{symbol}","b":"{}","B":"{}","a":"{}","A":"{}"}}"#,
        price(bid.price),
        quantity(bid.quantity),
        price(ask.price),
        quantity(ask.quantity),
    )
}

/// A stream's name: `<symbol>@<kind>` or `!<kind>`. Symbols are lower case here, and one in
/// upper case is unknown.
fn parse_stream(name: &str) -> Option<Subscription> {
    let (symbol, kind) = match name.strip_prefix('!') {
        Some(kind) => ("", kind),
        None => name
            .split_once('@')
            .filter(|(symbol, _)| !symbol.is_empty())?,
    };
    if kind.is_empty() {
        return None;
    }
    let kind = match kind {
        _ if symbol.chars().any(char::is_uppercase) => StreamKind::Silent,
        "trade" => StreamKind::Trades,
        "bookTicker" => StreamKind::Ticker,
        "depth" | "depth@100ms" => StreamKind::AggregatedDepth,
        _ => StreamKind::Silent,
    };
    Some(Subscription {
        stream: name.to_owned(),
        symbol: symbol.to_uppercase(),
        kind,
    })
}

#[cfg(test)]
mod tests {
    use testkit::mock::Guard;

    use super::*;

    fn open(uri: &'static str) -> Option<Stream> {
        let guard = Guard::default();
        Stream::open(&Uri::from_static(uri), guard.client(PEER)).ok()
    }

    const PEER: std::net::SocketAddr =
        std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4242);

    #[test]
    fn streams_come_from_both_forms_of_the_path_and_no_other() {
        let combined = open("/stream?streams=btcusdt@trade/btcusdt@depth&timeUnit=microsecond");
        let combined = combined.unwrap();
        assert!(combined.combined && combined.micros);
        assert!(combined.is_subscribed(Some("btcusdt@depth")));
        let raw = open("/ws/btcusdt@trade/ethusdt@bookTicker").unwrap();
        assert!(!raw.combined && !raw.micros);
        assert!(raw.is_subscribed(Some("ethusdt@bookTicker")));
        assert!(!open("/ws").unwrap().is_subscribed(None));
        assert!(!open("/stream?streams=").unwrap().is_subscribed(None));
        assert!(open("/").is_none() && open("/wsx").is_none());
    }

    #[test]
    fn requests_are_acknowledged_unwrapped_and_change_the_list() {
        let mut stream = open("/stream").unwrap();
        let guard = Guard::default();
        let mut ask = |text: &str| stream.reply(text, guard.client(PEER));
        assert_eq!(
            ask(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade","nope@trade"],"id":1}"#),
            r#"{"result":null,"id":1}"#
        );
        assert_eq!(
            ask(r#"{"method":"UNSUBSCRIBE","params":["nope@trade"],"id":"a1"}"#),
            r#"{"result":null,"id":"a1"}"#
        );
        assert_eq!(
            ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#),
            r#"{"result":["btcusdt@trade"],"id":3}"#
        );
    }

    #[test]
    fn errors_read_as_recorded() {
        let mut stream = open("/ws").unwrap();
        let guard = Guard::default();
        let mut ask = |text: &str| stream.reply(text, guard.client(PEER));
        assert_eq!(
            ask(r#"{"method":"SUBSCRIBE","params":["btcusdt"],"id":2}"#),
            r#"{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":2}"#
        );
        assert_eq!(
            ask("nonsense"),
            r#"{"error":{"code":3,"msg":"Invalid JSON: expected ident at line 1 column 2"}}"#
        );
        assert_eq!(
            ask("<"),
            r#"{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}}"#
        );
        let long = format!(
            r#"{{"method":"SUBSCRIBE","params":["{}"]}}"#,
            "x".repeat(5000)
        );
        assert_eq!(
            ask(&long),
            r#"{"error":{"code":3,"msg":"Invalid JSON: EOF while parsing a string at line 1 column 4096"}}"#
        );
        let many: Vec<_> = (0..1025).map(|n| format!("s{n}@trade")).collect();
        let many: Vec<_> = many.chunks(205).collect();
        let mut last = String::new();
        for (id, names) in many.iter().enumerate() {
            let names = Value::from(names.to_vec());
            last = ask(&format!(
                r#"{{"method":"SUBSCRIBE","params":{names},"id":{id}}}"#
            ));
        }
        assert_eq!(
            last,
            r#"{"error":{"code":4,"msg":"Too many subscriptions"},"id":4}"#
        );
        assert!(ask(r#"{"id":1}"#).contains("missing field `method`"));
        assert!(ask(r#"{"method":"JUMP","id":1}"#).contains("unknown variant `JUMP`"));
    }
}
