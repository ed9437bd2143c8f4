//! The JSON that Binance and Backpack have in common: Backpack's streams are modelled on Binance's.
//!
//! Events come in an envelope `{"stream": …, "data": …}` with its keys in any order; Binance also
//! knows them bare. Replies to what the client says are never in an envelope. What differs between
//! the two, the unit of time, how streams are named and whether requests have ids, is the caller's.

mod events;
mod history;

use std::cmp::Reverse;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_json::json;
use serde_json::value::RawValue;
use transport::Message;

pub(super) use self::history::parse_trades;

use self::events::{Depth, DepthEvent, Header, Kind, TickerEvent, TradeEvent};
use crate::event::Side;
use crate::exchange::batch::batches;
use crate::exchange::clock::Clock;
use crate::exchange::limits::Limits;
use crate::exchange::message::{
    BookChange, BookContent, ExchangeMessage, Ids, Refusal, Reply, Stream, Ticker, Time, Trade,
    TradeId,
};
use crate::exchange::wire::{Exact, Id, Text, integer, parse, parse_body, verbatim};
use crate::exchange::{AnswerError, Decoder, Frame, Malformed, StreamRequest};
use crate::instruments::Instruments;
use crate::level::Level;
use crate::symbol::Symbol;

/// Requests of `method` about `streams`, which `name` names. `next_id` gives each its id, if it has one.
pub(super) fn requests(
    method: &str,
    streams: &[Stream],
    limits: &Limits,
    name: impl Fn(&Stream) -> String,
    mut next_id: impl FnMut() -> Option<u64>,
) -> Vec<StreamRequest> {
    let request = |streams: &[Stream]| {
        let params: Vec<_> = streams.iter().map(&name).collect();
        let id = next_id();
        let message = match id {
            Some(id) => json!({"method": method, "params": params, "id": id}),
            None => json!({"method": method, "params": params}),
        };
        StreamRequest {
            id,
            message: Message::text(message.to_string()),
            streams: streams.to_vec(),
        }
    };
    let length = |stream: &Stream| name(stream).len() + r#""","#.len();
    let batches = batches(streams, limits, length);
    batches.into_iter().map(request).collect()
}

/// Reads the messages of one connection, whose times are in units of `UNIT` nanoseconds.
#[derive(Debug)]
pub(super) struct DialectDecoder<const UNIT: i64> {
    /// Tells the kind of event from the name of its stream.
    pub(super) kind_of: fn(&str) -> &str,
}

impl<const UNIT: i64> Decoder for DialectDecoder<UNIT> {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        instruments: &Instruments,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        let text = frame.text()?;
        let dialect = Dialect::<UNIT> {
            kind_of: self.kind_of,
            instruments,
        };
        dialect.decode(text, messages)
    }
}

/// What a message is read with.
struct Dialect<'a, const UNIT: i64> {
    kind_of: fn(&str) -> &str,
    instruments: &'a Instruments,
}

impl<const UNIT: i64> Dialect<'_, UNIT> {
    /// Appends to `messages` the one thing that a message says.
    fn decode(&self, text: &str, messages: &mut Vec<ExchangeMessage>) -> Result<(), Malformed> {
        match self.usual(text, messages) {
            Some(()) => Ok(()),
            None => self.unusual(text, messages),
        }
    }

    // Not inlined: it needs much more of the stack than the usual way.
    #[inline(never)]
    fn unusual(&self, text: &str, messages: &mut Vec<ExchangeMessage>) -> Result<(), Malformed> {
        if !is_object(text) {
            let _: IgnoredAny = parse(text)?;
            messages.push(unknown("not an object"));
            return Ok(());
        }
        //     Binance, recorded      {"stream":"btcusdt@trade","data":{...}}
        //                            {"error":{"code":2,"msg":"Invalid request: ..."},"id":2}
        //     Binance, documented    {"result":null,"id":1}
        //                            {"code":0,"msg":"Unknown property","id":5}
        //     Binance, bare          {"e":"serverShutdown","E":1770123456789}
        //                            {"u":35346513501,"s":"ETHUSDT","b":"2683.80000000",...}
        //     Backpack, recorded     {"data":{...},"stream":"trade.SOL_USDC"}
        //                            {"id":null,"error":{"code":4006,"message":"Invalid stream"}}
        //
        // Binance never puts a reply into an envelope, so a message with both keys is an event.
        let reply = match parse(text)? {
            Envelope {
                stream: Some(stream),
                data: Some(data),
                ..
            } => return self.event((self.kind_of)(&stream), data.get(), messages),
            Envelope {
                error: Some(refusal),
                id,
                ..
            } => parse::<Declined<'_>>(refusal.get())?.message(id),
            Envelope {
                code: Some(_),
                msg: Some(_),
                id,
                ..
            } => parse::<Declined<'_>>(text)?.message(id),
            Envelope { result, id, .. } if result.0 => ExchangeMessage::Acknowledged(reply(id)),
            Envelope {
                stream: Some(_), ..
            } => return Err(Malformed::new("stream without data")),
            Envelope { data: Some(_), .. } => return Err(Malformed::new("data without stream")),
            Envelope { e: Some(kind), .. } => {
                return self.event(&parse::<Text<'_>>(kind.get())?, text, messages);
            }
            // Only the best prices come without a type.
            Envelope { .. } => match self.event("bookTicker", text, messages) {
                Ok(()) => return Ok(()),
                Err(_) => unknown("no type"),
            },
        };
        messages.push(reply);
        Ok(())
    }

    /// Reads data in an envelope without spaces, with the stream first: nearly every message there
    /// is. The envelope is cut off instead of read. `None` leaves it to the general reader, be it
    /// another kind of message or a malformed one.
    fn usual(&self, text: &str, messages: &mut Vec<ExchangeMessage>) -> Option<()> {
        //     {"stream":"btcusdt@trade","data":{"e":"trade",...}}
        //                                      |<---- json --->|
        //
        // What is cut off here need not be looked at twice: serde would go over `data` once to find
        // its end, and once to read it.
        let (stream, data) = verbatim(text.strip_prefix(r#"{"stream":""#)?)?;
        let data = data.strip_prefix(r#","data":{"#)?;
        let start = text.len() - data.len() - 1;
        let json = text.get(start..)?.strip_suffix('}')?;
        // A trade's type comes first as a rule, and then need not be read again.
        match (self.kind_of)(stream) {
            "trade" if json.starts_with(r#"{"e":"trade","#) => {
                self.trade::<IgnoredAny>(json, messages)
            }
            "bookTicker" => self.ticker(json, messages),
            "depth" | "depthUpdate" => self.depth(json, messages),
            _ => return None,
        }
        .ok()
    }

    fn event(
        &self,
        kind: &str,
        json: &str,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        if !is_object(json) {
            messages.push(unknown(kind));
            return Ok(());
        }
        let read = match kind {
            "trade" => self.trade::<Option<Text<'_>>>(json, messages),
            "bookTicker" => self.ticker(json, messages),
            "depth" | "depthUpdate" => self.depth(json, messages),
            "serverShutdown" => {
                messages.push(ExchangeMessage::ShutdownAnnounced { within: None });
                Ok(())
            }
            _ => {
                messages.push(unknown(kind));
                Ok(())
            }
        };
        // Only a message that is not what its stream promises is read a second time, for its type.
        read.or_else(|malformed| match parse(json) {
            // A new type of event in a known stream.
            Ok(Header { e: Some(e) }) if !is_known(&e) => {
                messages.push(unknown(&e));
                Ok(())
            }
            _ => Err(malformed),
        })
    }

    fn trade<'a, K: Kind<'a>>(
        &self,
        json: &'a str,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        let event: TradeEvent<'_, K, UNIT> = parse(json)?;
        if let Some(other) = event.kind.other_than("trade") {
            messages.push(unknown(&other));
            return Ok(());
        }
        let Some(symbol) = self.instruments.symbol_of(&event.symbol) else {
            messages.push(unlisted("trade", &event.symbol));
            return Ok(());
        };
        messages.push(ExchangeMessage::Trade(Trade {
            symbol: symbol.clone(),
            id: Some(TradeId::Number(event.id.0)),
            count: 1,
            // The side of the taker: if the buyer's order was there before, the taker has sold.
            side: if event.is_buyer_maker {
                Side::Sell
            } else {
                Side::Buy
            },
            price: event.price.0,
            amount: event.amount.0,
            time: event.matched.0,
            is_history: false,
        }));
        Ok(())
    }

    fn ticker(&self, json: &str, messages: &mut Vec<ExchangeMessage>) -> Result<(), Malformed> {
        match TickerEvent::as_binance_writes(json) {
            Some(event) => self.quote(event, messages),
            None => self.quote(parse(json)?, messages),
        }
    }

    #[inline(always)]
    fn quote(
        &self,
        event: TickerEvent<'_, UNIT>,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        if let Some(other) = event.kind.other_than("bookTicker") {
            messages.push(unknown(&other));
            return Ok(());
        }
        let Some(symbol) = self.instruments.symbol_of(&event.symbol) else {
            messages.push(unlisted("bookTicker", &event.symbol));
            return Ok(());
        };
        let level = |price: Option<Exact>, size: Option<Exact>| {
            let (Exact(price), Exact(size)) = price.zip(size)?;
            Some(Level { price, size })
        };
        messages.push(ExchangeMessage::Ticker(Ticker {
            symbol: symbol.clone(),
            bid: level(event.bid, event.bid_size),
            ask: level(event.ask, event.ask_size),
            id: Some(event.last_id.0),
            time: event.matched.map_or(Time::Absent, |Clock(time)| time),
        }));
        Ok(())
    }

    fn depth(&self, json: &str, messages: &mut Vec<ExchangeMessage>) -> Result<(), Malformed> {
        match DepthEvent::as_binance_writes(json) {
            Some(event) => self.change(event, messages),
            None => self.change(parse(json)?, messages),
        }
    }

    #[inline(always)]
    fn change(
        &self,
        event: DepthEvent<'_, UNIT>,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        if let Some(other) = event.kind.filter(|kind| !is_change(kind)) {
            messages.push(unknown(&other));
            return Ok(());
        }
        let Some(symbol) = self.instruments.symbol_of(&event.symbol) else {
            messages.push(unlisted("depth", &event.symbol));
            return Ok(());
        };
        let (Id(first_id), Id(last_id)) = (event.first_id, event.last_id);
        if first_id > last_id {
            return Err(Malformed::new(format!(
                "first id {first_id} after last id {last_id}"
            )));
        }
        messages.push(ExchangeMessage::Book(BookChange {
            symbol: symbol.clone(),
            content: BookContent::Change,
            ids: Ids {
                previous: None,
                first: Some(first_id),
                last: Some(last_id),
            },
            checksum: None,
            bids: event.bids,
            asks: event.asks,
            // Binance says when a change was sent, Backpack also when it happened.
            time: event.matched.unwrap_or(event.sent).0,
        }));
        Ok(())
    }
}

/// Reads a snapshot of a book, whose time is in units of `UNIT` nanoseconds if it has one. The
/// levels are put in order, since Backpack lists bids from the lowest to the highest.
pub(super) fn parse_snapshot<const UNIT: i64>(
    symbol: &Symbol,
    body: &[u8],
) -> Result<BookChange, Malformed> {
    let Depth::<UNIT> {
        last_id,
        mut bids,
        mut asks,
        timestamp,
    } = parse_body(body)?;
    // A list that is in order, forwards or backwards, is found to be so in one pass.
    bids.sort_by_key(|level| Reverse(level.price));
    asks.sort_by_key(|level| level.price);
    Ok(BookChange {
        symbol: symbol.clone(),
        content: BookContent::Snapshot,
        ids: Ids {
            last: Some(last_id.0),
            ..Ids::default()
        },
        checksum: None,
        bids,
        asks,
        time: timestamp.map_or(Time::Absent, |Clock(time)| time),
    })
}

/// Reads a refusal of a request; one about too many of them has the code `too_many`.
pub(super) fn parse_refusal(body: &[u8], too_many: &str) -> Option<AnswerError> {
    //     {"code":-1121,"msg":"Invalid symbol."}
    //     {"code":-1003,"msg":"Way too much request weight used; IP banned until 1728708414116. ..."}
    //     {"code":"RESOURCE_NOT_FOUND","message":"Market not found"}
    #[derive(Deserialize)]
    struct Words<'a> {
        #[serde(borrow)]
        code: &'a RawValue,
        #[serde(borrow, alias = "message")]
        msg: Text<'a>,
    }

    let Words { code, msg } = parse_body(body).ok()?;
    let code = code.get().trim_matches('"');
    let until = msg
        .split_once("banned until ")
        .map(|(_, rest)| rest.split(|sign: char| !sign.is_ascii_digit()));
    Some(AnswerError::Refused {
        message: format!("{code}: {}", &*msg),
        is_too_many: code == too_many,
        until_ms: until.and_then(|mut digits| digits.next()?.parse().ok()),
    })
}

/// Serde takes an array for a struct, too; no exchange does.
fn is_object(json: &str) -> bool {
    json.trim_start().starts_with('{')
}

fn is_known(event_type: &str) -> bool {
    matches!(event_type, "trade" | "bookTicker") || is_change(event_type)
}

fn is_change(event_type: &str) -> bool {
    matches!(event_type, "depth" | "depthUpdate")
}

/// What a reply with this `id` answers. Ours are numbers.
fn reply(id: Option<&RawValue>) -> Reply {
    Reply {
        request: id.and_then(|id| integer(id.get())),
        ..Reply::default()
    }
}

fn unknown(kind: &str) -> ExchangeMessage {
    ExchangeMessage::Unknown {
        kind: kind.to_owned(),
    }
}

fn unlisted(kind: &str, exchange_symbol: &str) -> ExchangeMessage {
    ExchangeMessage::Unknown {
        kind: format!("{kind} of {exchange_symbol}"),
    }
}

// Of what is not `stream` and `data`, an event may have something of another type beside them, so it
// is only read where it counts.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    stream: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow, alias = "message")]
    msg: Option<&'a RawValue>,
    #[serde(default)]
    result: Present,
    #[serde(borrow)]
    e: Option<&'a RawValue>,
}

/// Whether a key is there, even if it holds null.
#[derive(Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

#[derive(Deserialize)]
struct Declined<'a> {
    code: i64,
    #[serde(borrow, alias = "message")]
    msg: Text<'a>,
}

impl Declined<'_> {
    fn message(self, id: Option<&RawValue>) -> ExchangeMessage {
        ExchangeMessage::Refused(Refusal {
            reply: reply(id),
            code: Some(self.code.to_string()),
            message: self.msg.0.into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Binance, Exchange};
    use super::*;

    const RECORDED: &str =
        include_str!("../../../tests/fixtures/binance/ws_combined_btcusdt_ethusdt_10s.jsonl");

    #[test]
    fn spaces_change_the_way_a_message_is_read_but_not_what_is_understood() {
        let listed = br#"{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC",
            "quoteAsset":"USDT"}]}"#;
        let binance = Binance::default();
        let instruments = binance.parse_metadata(listed).unwrap();
        let decode = |text: &str| {
            let mut messages = Vec::new();
            let mut decoder = binance.decoder();
            decoder
                .decode(Frame::Text(text), &instruments, &mut messages)
                .unwrap();
            messages
        };
        for text in RECORDED.lines() {
            let spaced = text.replace("\":", "\": ").replace("[[", "[ [");
            assert_eq!(decode(text), decode(&spaced), "{text}");
        }
    }

    #[test]
    fn the_letter_of_a_quote_is_kept_in_every_part() {
        let written = r#"{"u":7,"s":"BTCUSDT","b":"1.5","B":"2","a":"3","A":"4"}"#;
        let read = |json: &str| TickerEvent::<1>::as_binance_writes(json).is_some();
        assert!(read(written));
        for (part, other) in [
            (":7,", ":07,"),
            (":7,", ":7.0,"),
            ("BTCUSDT", "BTC\\u0055SDT"),
            ("BTCUSDT", "BTC\\\""),
            ("\"1.5\"", "1.5"),
            ("\"1.5\"", "null"),
            ("\"1.5\"", "\"-1.5\""),
            ("\"4\"", "\"4\",\"T\":9"),
            ("\"4\"}", "\"4\"}}"),
            (",\"B\":\"2\"", ""),
            ("\"b\":", "\"b\": "),
        ] {
            assert!(!read(&written.replace(part, other)), "{other}");
        }
    }

    #[test]
    fn the_letter_of_a_change_is_kept_in_every_part() {
        let written =
            r#"{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":2,"u":3,"b":[["4","5"]],"a":[]}"#;
        let read = |json: &str| DepthEvent::<1>::as_binance_writes(json).is_some();
        assert!(read(written));
        for (part, other) in [
            ("depthUpdate", "other"),
            (":1,", ":01,"),
            (":2,", ":-2,"),
            (":3,", ":3 ,"),
            ("BTCUSDT", "BTC\\u0055SDT"),
            ("[[\"4\"", "[[4"),
            (",\"a\":[]", ""),
            ("\"a\":[]", "\"a\":[],\"T\":9"),
            ("\"a\":[]", "\"a\":[],\"a\":[]"),
            ("\"b\":", "\"b\":[],\"b\":"),
        ] {
            assert!(!read(&written.replace(part, other)), "{other}");
        }
    }
}
