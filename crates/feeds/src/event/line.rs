//! Market data in JSON, without the detours that serde takes.
//!
//! What a feed delivers most is written here, digit by digit, as [`Serialize`](serde::Serialize) would
//! write it. Everything else is left to that.

use std::fmt::Display;
use std::io::{self, Write};

use rust_decimal::Decimal;

use super::data::{L2Delta, Side, Ticker, Trade};
use super::digits::{write_number, write_quoted};
use super::json::Version;
use super::{ExchangeName, FeedEvent, FeedEventKind};
use crate::exchange::TradeId;
use crate::level::Level;
use crate::plain_text::first_special;

impl FeedEvent {
    /// Appends the event in JSON to `text`: the same bytes as [`Serialize`](serde::Serialize) makes, in a
    /// fraction of the time if it is market data. Of many events, an [`EventWriter`] makes them in less.
    ///
    /// # Errors
    /// None that a feed's events can cause.
    pub fn write_json(&self, text: &mut Vec<u8>) -> io::Result<()> {
        write(self, text, |line| origin(line, self))
    }
}

/// Writes events in JSON, one behind the other.
///
/// Where an event comes from, and when it was received, is what the one before has as a rule. It is not formed
/// again then.
#[derive(Debug, Default)]
pub struct EventWriter {
    exchange: Option<ExchangeName>,
    connection: Option<u64>,
    received_ns: i64,
    /// What these are in JSON.
    origin: Vec<u8>,
}

impl EventWriter {
    /// Appends `event` to `text`, as [`FeedEvent::write_json`] does.
    ///
    /// # Errors
    /// As that.
    pub fn write(&mut self, event: &FeedEvent, text: &mut Vec<u8>) -> io::Result<()> {
        write(event, text, |line| {
            if !self.has_origin_of(event) {
                self.origin.clear();
                origin(&mut Line(&mut self.origin), event)?;
                self.exchange = Some(event.exchange.clone());
                (self.connection, self.received_ns) = (event.connection, event.received_ns);
            }
            line.0.extend_from_slice(&self.origin);
            Ok(())
        })
    }

    fn has_origin_of(&self, event: &FeedEvent) -> bool {
        self.received_ns == event.received_ns
            && self.connection == event.connection
            && self.exchange.as_ref() == Some(&event.exchange)
    }
}

/// Appends an event, whose origin is written by `origin`.
fn write(
    event: &FeedEvent,
    text: &mut Vec<u8>,
    origin: impl FnOnce(&mut Line<'_>) -> io::Result<()>,
) -> io::Result<()> {
    match &event.kind {
        FeedEventKind::Trade(it) => frame(event, text, origin, "trade", |line| trade(line, it)),
        FeedEventKind::Ticker(it) => frame(event, text, origin, "ticker", |line| ticker(line, it)),
        FeedEventKind::L2Delta(it) => {
            frame(event, text, origin, "l2_delta", |line| delta(line, it))
        }
        _ => Ok(serde_json::to_writer(text, event)?),
    }
}

#[inline(always)]
fn frame(
    event: &FeedEvent,
    text: &mut Vec<u8>,
    origin: impl FnOnce(&mut Line<'_>) -> io::Result<()>,
    name: &str,
    fields: impl FnOnce(&mut Line<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = Line(text);
    const { assert!(Version::NUMBER == 1) };
    line.raw(r#"{"v":1,"sequence":"#).number(event.sequence);
    origin(&mut line)?;
    line.raw(r#","type":""#).raw(name).raw("\"");
    fields(&mut line)?;
    line.raw("}");
    Ok(())
}

/// Where an event comes from, and when it was received.
fn origin(line: &mut Line<'_>, event: &FeedEvent) -> io::Result<()> {
    line.raw(r#","exchange":"#).text(event.exchange.as_str())?;
    line.raw(r#","connection":"#);
    line.option(event.connection, Line::number);
    line.raw(r#","received_ns":"#).signed(event.received_ns);
    Ok(())
}

fn trade(line: &mut Line<'_>, trade: &Trade) -> io::Result<()> {
    line.raw(r#","symbol":"#).text(trade.symbol.as_str())?;
    line.raw(r#","id":"#);
    match &trade.id {
        Some(TradeId::Number(id)) => line.quoted_number(*id),
        Some(TradeId::Text(id)) => line.text(id)?,
        None => line.null(),
    }
    line.raw(r#","count":"#).number(trade.count.into());
    line.raw(r#","side":"#).raw(match trade.side {
        Side::Buy => r#""buy""#,
        Side::Sell => r#""sell""#,
    });
    line.raw(r#","price":"#).decimal(trade.price);
    line.raw(r#","amount":"#).decimal(trade.amount);
    line.raw(r#","backfilled":"#);
    line.raw(if trade.backfilled { "true" } else { "false" });
    line.raw(r#","timestamp_ns":"#);
    line.option(trade.timestamp_ns, Line::signed);
    Ok(())
}

fn ticker(line: &mut Line<'_>, ticker: &Ticker) -> io::Result<()> {
    line.raw(r#","symbol":"#).text(ticker.symbol.as_str())?;
    line.raw(r#","bid":"#).option(ticker.bid, Line::decimal);
    line.raw(r#","bid_size":"#);
    line.option(ticker.bid_size, Line::decimal);
    line.raw(r#","ask":"#).option(ticker.ask, Line::decimal);
    line.raw(r#","ask_size":"#);
    line.option(ticker.ask_size, Line::decimal);
    line.raw(r#","last_id":"#);
    line.option(ticker.last_id, Line::quoted_number);
    line.raw(r#","timestamp_ns":"#);
    line.option(ticker.timestamp_ns, Line::signed);
    Ok(())
}

fn delta(line: &mut Line<'_>, delta: &L2Delta) -> io::Result<()> {
    line.raw(r#","symbol":"#).text(delta.symbol.as_str())?;
    line.raw(r#","epoch":"#).number(delta.epoch);
    line.raw(r#","first_id":"#);
    line.option(delta.first_id, Line::quoted_number);
    line.raw(r#","last_id":"#);
    line.option(delta.last_id, Line::quoted_number);
    line.raw(r#","bids":"#).levels(&delta.bids);
    line.raw(r#","asks":"#).levels(&delta.asks);
    line.raw(r#","timestamp_ns":"#);
    line.option(delta.timestamp_ns, Line::signed);
    Ok(())
}

/// Where the line is written to.
struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    // Where the length of the text is known, no function is called for it then.
    #[inline(always)]
    fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn null(&mut self) {
        self.raw("null");
    }

    #[inline(always)]
    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    /// As a JSON string.
    fn text(&mut self, text: &str) -> io::Result<()> {
        if first_special(text.as_bytes()).is_none() {
            self.raw("\"").raw(text).raw("\"");
            Ok(())
        } else {
            Ok(serde_json::to_writer(&mut *self.0, text)?)
        }
    }

    fn number(&mut self, number: u64) {
        write_number(number, self.0);
    }

    fn signed(&mut self, number: i64) {
        if number < 0 {
            self.raw("-");
        }
        self.number(number.unsigned_abs());
    }

    fn quoted_number(&mut self, number: u64) {
        self.raw("\"").number(number);
        self.raw("\"");
    }

    fn levels(&mut self, levels: &[Level]) {
        self.raw("[");
        for (index, level) in levels.iter().enumerate() {
            self.raw(if index == 0 { "[" } else { ",[" });
            self.decimal(level.price);
            self.raw(",").decimal(level.size);
            self.raw("]");
        }
        self.raw("]");
    }

    /// A decimal as a string, with every digit that it has.
    fn decimal(&mut self, number: Decimal) {
        let parts = number.unpack();
        let digits = u64::from(parts.mid) << 32 | u64::from(parts.lo);
        // Too many digits, or a zero with a sign, are written in another way.
        if parts.hi != 0
            || parts.negative
            || write_quoted(digits, parts.scale as usize, self.0).is_none()
        {
            self.display(number);
        }
    }

    #[cold]
    fn display(&mut self, value: impl Display) {
        // A list takes everything.
        let _ = write!(self.0, "\"{value}\"");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::symbol::Symbol;

    fn number() -> impl Strategy<Value = Decimal> {
        let mantissa = prop_oneof![
            Just(0),
            0..1_000_000_000_i128,
            0..=i128::from(u64::MAX),
            -1000..0_i128,
            -(1_i128 << 96) + 1..1 << 96,
        ];
        (mantissa, 0..=28_u32, any::<bool>()).prop_map(|(mantissa, scale, is_negative)| {
            let mut number = Decimal::from_i128_with_scale(mantissa, scale);
            if is_negative {
                number.set_sign_negative(true);
            }
            number
        })
    }

    fn levels() -> impl Strategy<Value = Vec<Level>> {
        let level = (number(), number()).prop_map(|(price, size)| Level { price, size });
        prop::collection::vec(level, 0..4)
    }

    fn symbol() -> impl Strategy<Value = Symbol> {
        prop_oneof!["[A-Z]{1,5}-USDT", r#"["\\ä/]{1,3}-USDT"#]
            .prop_map(|text| text.parse().unwrap())
    }

    fn trade() -> impl Strategy<Value = FeedEventKind> {
        let id = prop_oneof![
            any::<u64>().prop_map(TradeId::Number),
            ".{0,9}".prop_map(|text| TradeId::Text(text.into())),
        ];
        (
            (symbol(), prop::option::of(id), any::<u32>()),
            (number(), number()),
            (any::<bool>(), any::<bool>(), any::<Option<i64>>()),
        )
            .prop_map(
                |((symbol, id, count), (price, amount), (buys, backfilled, timestamp_ns))| {
                    FeedEventKind::Trade(Trade {
                        symbol,
                        id,
                        count,
                        side: if buys { Side::Buy } else { Side::Sell },
                        price,
                        amount,
                        backfilled,
                        timestamp_ns,
                    })
                },
            )
    }

    fn ticker() -> impl Strategy<Value = FeedEventKind> {
        let number = || prop::option::of(number());
        (
            (symbol(), any::<Option<u64>>(), any::<Option<i64>>()),
            (number(), number(), number(), number()),
        )
            .prop_map(
                |((symbol, last_id, timestamp_ns), (bid, bid_size, ask, ask_size))| {
                    FeedEventKind::Ticker(Ticker {
                        symbol,
                        bid,
                        bid_size,
                        ask,
                        ask_size,
                        last_id,
                        timestamp_ns,
                    })
                },
            )
    }

    fn delta() -> impl Strategy<Value = FeedEventKind> {
        (
            (symbol(), any::<u64>(), any::<Option<i64>>()),
            (any::<Option<u64>>(), any::<Option<u64>>()),
            (levels(), levels()),
        )
            .prop_map(
                |((symbol, epoch, timestamp_ns), (first_id, last_id), (bids, asks))| {
                    FeedEventKind::L2Delta(L2Delta {
                        symbol,
                        epoch,
                        first_id,
                        last_id,
                        bids,
                        asks,
                        timestamp_ns,
                    })
                },
            )
    }

    fn notice() -> impl Strategy<Value = FeedEventKind> {
        ".*".prop_map(|text| FeedEventKind::Notice { text })
    }

    proptest! {
        #[test]
        fn a_line_has_the_bytes_that_serde_makes(
            kind in prop_oneof![trade(), ticker(), delta(), notice()],
            sequence in any::<u64>(),
            connection in any::<Option<u64>>(),
            received_ns in any::<i64>(),
        ) {
            let exchange = "binance".into();
            let event = FeedEvent { sequence, exchange, connection, received_ns, kind };
            let mut line = b"before ".to_vec();
            event.write_json(&mut line).unwrap();
            let expected = format!("before {}", serde_json::to_string(&event).unwrap());
            prop_assert_eq!(String::from_utf8(line).unwrap(), expected);
        }

        #[test]
        fn a_writer_of_many_events_makes_the_bytes_of_each(
            events in prop::collection::vec(
                (prop_oneof![ticker(), notice()], 0..3_usize, 0..2_u64, -1..1_i64),
                0..9,
            ),
        ) {
            let mut writer = EventWriter::default();
            let (mut lines, mut expected) = (Vec::new(), Vec::new());
            for (kind, exchange, connection, received_ns) in events {
                let exchange = ["a", "b", "c"][exchange].into();
                let connection = Some(connection).filter(|it| *it > 0);
                let event = FeedEvent { sequence: 1, exchange, connection, received_ns, kind };
                writer.write(&event, &mut lines).unwrap();
                event.write_json(&mut expected).unwrap();
            }
            prop_assert_eq!(lines, expected);
        }
    }
}
