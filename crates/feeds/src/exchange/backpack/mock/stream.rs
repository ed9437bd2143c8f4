//! Backpack's WebSocket streams.

use serde_json::Value;
use testkit::mock::{
    Delta, Frame, Quote, Source, StreamKind, StreamProtocol, Subscription, Subscriptions, Trade,
    Update, json_levels, now,
};

/// One connection.
///
/// The streams `trade`, `bookTicker`, `depth` and `depth.200ms`, `.600ms`, `.1000ms` speak. No
/// subscription is acknowledged, and that of an unknown or closed symbol is silent for ever.
#[derive(Default)]
pub(super) struct Stream {
    subscriptions: Subscriptions,
}

impl Stream {
    fn reply(&mut self, text: &str) -> Option<String> {
        let Failure { code, message } = self.request(text).err()?;
        Some(format!(
            r#"{{"id":null,"error":{{"code":{code},"message":"{message}"}}}}"#
        ))
    }

    fn request(&mut self, text: &str) -> Result<(), Failure> {
        //     {"method":"SUBSCRIBE","params":["trade.SOL_USDC"]}   no answer
        //     {"method":"SUBSCRIBE","params":["nope.SOL_USDC"]}    {"id":null,"error":{...}}
        //
        // An id of the request is not repeated.
        let request: Value = serde_json::from_str(text).map_err(|_| Failure::PARSE)?;
        let names = request.get("params").and_then(Value::as_array);
        let names = names.ok_or(Failure::PARSE)?;
        let streams = names.iter().map(|name| {
            let name = name.as_str().ok_or(Failure::PARSE)?;
            parse_stream(name)
        });
        match request.get("method").and_then(Value::as_str) {
            Some("SUBSCRIBE") => {
                for stream in streams.collect::<Result<Vec<_>, _>>()? {
                    self.subscriptions.add(stream);
                }
            }
            Some("UNSUBSCRIBE") => {
                for stream in streams.collect::<Result<Vec<_>, _>>()? {
                    self.subscriptions.remove(&stream.stream);
                }
            }
            _ => return Err(Failure::PARSE),
        }
        Ok(())
    }
}

impl StreamProtocol for Stream {
    fn receive(&mut self, text: &str, _: Source<'_>) -> Vec<Frame> {
        self.reply(text).map(Frame::control).into_iter().collect()
    }

    fn frames(&mut self, update: &Update) -> Vec<Frame> {
        let mut frames = Vec::new();
        for Subscription { stream, kind, .. } in self.subscriptions.of(&update.instrument.symbol) {
            let payloads: Vec<_> = match kind {
                StreamKind::Trades => update.trades().map(|made| trade(made, update)).collect(),
                StreamKind::Ticker => {
                    let quotes = update.quotes();
                    quotes
                        .map(|(id, quote)| ticker(id, quote, update))
                        .collect()
                }
                StreamKind::Depth => {
                    let deltas = update.single_deltas();
                    deltas.map(|delta| depth(&delta, update)).collect()
                }
                StreamKind::AggregatedDepth => vec![depth(&update.delta(), update)],
                StreamKind::Silent => Vec::new(),
            };
            frames.extend(payloads.into_iter().map(|payload| Frame {
                // `data` before `stream`, and all keys in the order of the alphabet, capitals
                // first, as on the real wire: whoever expects the stream's name first is found out.
                text: format!(r#"{{"data":{payload},"stream":"{stream}"}}"#),
                stream: Some(stream.clone()),
                is_depth: matches!(kind, StreamKind::Depth | StreamKind::AggregatedDepth),
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
}

/// What an error frame says.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    code: u16,
    message: &'static str,
}

impl Failure {
    const PARSE: Self = Self::new(4002, "Parse error");
    const SIGNATURE: Self = Self::new(4003, "Invalid signature");
    const STREAM: Self = Self::new(4006, "Invalid stream");
    const WINDOW: Self = Self::new(4008, "Invalid depth window");

    const fn new(code: u16, message: &'static str) -> Self {
        Self { code, message }
    }
}

/// A stream's name: `<type>.<symbol>`, with a parameter between them for some types. A symbol
/// may itself hold dots.
fn parse_stream(name: &str) -> Result<Subscription, Failure> {
    let (kind, rest) = name.split_once('.').unwrap_or((name, ""));
    let (stream_kind, symbol) = match kind {
        "trade" => (StreamKind::Trades, rest),
        "bookTicker" => (StreamKind::Ticker, rest),
        "depth" => match rest.split_once('.') {
            Some(("200ms" | "600ms" | "1000ms", symbol)) => (StreamKind::AggregatedDepth, symbol),
            // `depth.100ms.X` is an error, but `depth.5.X` is silent: 5 is taken for a part of a
            // name.
            Some((window, _)) if is_duration(window) => return Err(Failure::WINDOW),
            _ => (StreamKind::Depth, rest),
        },
        "ticker" | "kline" | "markPrice" | "openInterest" | "liquidation" => {
            (StreamKind::Silent, rest)
        }
        "account" => return Err(Failure::SIGNATURE),
        _ => return Err(Failure::STREAM),
    };
    Ok(Subscription {
        stream: name.to_owned(),
        symbol: symbol.to_owned(),
        kind: stream_kind,
    })
}

fn is_duration(window: &str) -> bool {
    window
        .strip_suffix("ms")
        .is_some_and(|number| number.parse::<u32>().is_ok())
}

fn trade(trade: &Trade, update: &Update) -> String {
    let price = update.instrument.price(trade.level.price);
    let quantity = update.instrument.quantity(trade.level.quantity);
    let (symbol, sent) = (&update.instrument.symbol, now());
    format!(
        // Microseconds; `E` when it is sent, `T` when it happened. Ids of orders are text.
        r#"{{"E":{sent},"T":{},"a":"{}","b":"{}","e":"trade","m":{},"p":"{price}","q":"{quantity}","s":"{symbol}","t":{}}}"#,
        trade.time, trade.seller_order, trade.buyer_order, trade.buyer_is_maker, trade.id,
    )
}

fn ticker(id: u64, quote: Quote, update: &Update) -> String {
    let instrument = &update.instrument;
    let (symbol, sent, time) = (&instrument.symbol, now(), update.time);
    format!(
        r#"{{"A":"{}","B":"{}","E":{sent},"T":{time},"a":"{}","b":"{}","e":"bookTicker","s":"{symbol}","u":{id}}}"#,
        instrument.quantity(quote.ask.quantity),
        instrument.quantity(quote.bid.quantity),
        instrument.price(quote.ask.price),
        instrument.price(quote.bid.price),
    )
}

fn depth(delta: &Delta, update: &Update) -> String {
    let instrument = &update.instrument;
    let levels = |levels: &[_]| json_levels(levels.iter().copied(), instrument, |number| number);
    let (symbol, sent, time) = (&instrument.symbol, now(), update.time);
    format!(
        r#"{{"E":{sent},"T":{time},"U":{},"a":{},"b":{},"e":"depth","s":"{symbol}","u":{}}}"#,
        delta.first_id,
        levels(&delta.asks),
        levels(&delta.bids),
        delta.last_id,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_silent_and_errors_read_as_recorded() {
        let mut stream = Stream::default();
        let mut ask = |text: &str| stream.reply(text);
        assert_eq!(
            ask(r#"{"method":"SUBSCRIBE","params":["trade.NOPE"]}"#),
            None
        );
        for (text, code, message) in [
            ("{", 4002, "Parse error"),
            (r#"{"method":"JUMP","params":[]}"#, 4002, "Parse error"),
            (
                r#"{"method":"SUBSCRIBE","params":["account.orderUpdate"]}"#,
                4003,
                "Invalid signature",
            ),
            (
                r#"{"method":"SUBSCRIBE","params":["nope.SOL_USDC"]}"#,
                4006,
                "Invalid stream",
            ),
            (
                r#"{"method":"SUBSCRIBE","params":["depth.100ms.SOL_USDC"]}"#,
                4008,
                "Invalid depth window",
            ),
        ] {
            let expected =
                format!(r#"{{"id":null,"error":{{"code":{code},"message":"{message}"}}}}"#);
            assert_eq!(ask(text), Some(expected));
        }
    }

    #[test]
    fn names_are_split_behind_what_is_known_and_never_at_the_last_dot() {
        let parse = |name| {
            let Subscription { symbol, kind, .. } = parse_stream(name).unwrap();
            (kind, symbol)
        };
        let us = || "AAPL.US_USDC_PERP".to_owned();
        assert_eq!(parse("depth.AAPL.US_USDC_PERP"), (StreamKind::Depth, us()));
        assert_eq!(
            parse("depth.200ms.AAPL.US_USDC_PERP"),
            (StreamKind::AggregatedDepth, us())
        );
        assert_eq!(parse("trade.AAPL.US_USDC_PERP"), (StreamKind::Trades, us()));
        assert_eq!(parse("depth.5.X"), (StreamKind::Depth, "5.X".to_owned()));
    }
}
