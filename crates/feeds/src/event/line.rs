//! Market data in JSON, without the detours that serde takes.
//!
//! What a feed delivers most is written here, digit by digit, as [`Serialize`](serde::Serialize) would
//! write it. Everything else is left to that.

use std::io::{self, Write};

use rust_decimal::Decimal;

use super::data::{L2Delta, Side, Ticker, Trade};
use super::digits::{write_number, write_quoted};
use super::json::Version;
use super::{ExchangeName, FeedEvent, FeedEventKind};
use crate::exchange::TradeId;
use crate::level::Level;
use crate::plain_text::first_special;

/// What every line has room for beside its levels. What does not fit, such as a very long name, is left to
/// serde.
const ROOM: usize = 512;

/// What is added for each level: two numbers of twenty digits, and what stands around them. It is not twice
/// what the level itself takes, however many an exchange sends.
const LEVEL: usize = 50;

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
                self.exchange = None;
                self.origin.clear();
                append(&mut self.origin, ROOM, |line| origin(line, event))?;
                self.exchange = Some(event.exchange.clone());
                (self.connection, self.received_ns) = (event.connection, event.received_ns);
            }
            line.raw(&self.origin)
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
    origin: impl FnOnce(Line<'_>) -> Option<Line<'_>>,
) -> io::Result<()> {
    let levels = match &event.kind {
        FeedEventKind::L2Delta(it) => it.bids.len() + it.asks.len(),
        _ => 0,
    };
    let written = append(text, ROOM + LEVEL * levels, |line| {
        const { assert!(Version::NUMBER == 1) };
        let line = line.raw(br#"{"v":1,"sequence":"#)?.number(event.sequence)?;
        let line = origin(line)?;
        let line = match &event.kind {
            FeedEventKind::Trade(it) => trade(line, it),
            FeedEventKind::Ticker(it) => ticker(line, it),
            FeedEventKind::L2Delta(it) => delta(line, it),
            _ => None,
        };
        line?.raw(b"}")
    });
    match written {
        Some(()) => Ok(()),
        None => Ok(serde_json::to_writer(text, event)?),
    }
}

/// Appends what `write` writes into so much room. If it is too little, nothing is appended.
#[inline(always)]
fn append(
    text: &mut Vec<u8>,
    room: usize,
    write: impl FnOnce(Line<'_>) -> Option<Line<'_>>,
) -> Option<()> {
    // There is room for all of a line at once: to find it for each of its parts took as long as these.
    let start = text.len();
    text.resize(start + room, 0);
    let line = text.get_mut(start..).and_then(|room| write(Line(room)));
    let left = line.as_ref().map(|Line(left)| left.len());
    text.truncate(text.len() - left.unwrap_or(room));
    left.map(|_| ())
}

/// Where an event comes from, and when it was received.
fn origin<'a>(line: Line<'a>, event: &FeedEvent) -> Option<Line<'a>> {
    line.raw(br#","exchange":"#)?
        .text(event.exchange.as_str())?
        .raw(br#","connection":"#)?
        .option(event.connection, Line::number)?
        .raw(br#","received_ns":"#)?
        .signed(event.received_ns)
}

fn trade<'a>(line: Line<'a>, trade: &Trade) -> Option<Line<'a>> {
    let line = line
        .raw(br#","type":"trade","symbol":"#)?
        .text(trade.symbol.as_str())?
        .raw(br#","id":"#)?;
    let line = match &trade.id {
        Some(TradeId::Number(id)) => line.quoted_number(*id),
        Some(TradeId::Text(id)) => line.text(id),
        None => line.null(),
    };
    line?
        .raw(br#","count":"#)?
        .number(trade.count.into())?
        .raw(match trade.side {
            Side::Buy => br#","side":"buy","price":"#,
            Side::Sell => br#","side":"sell","price":"#,
        })?
        .decimal(&trade.price)?
        .raw(br#","amount":"#)?
        .decimal(&trade.amount)?
        .raw(match trade.backfilled {
            true => br#","backfilled":true,"timestamp_ns":"#,
            false => br#","backfilled":false,"timestamp_ns":"#,
        })?
        .option(trade.timestamp_ns, Line::signed)
}

fn ticker<'a>(line: Line<'a>, ticker: &Ticker) -> Option<Line<'a>> {
    line.raw(br#","type":"ticker","symbol":"#)?
        .text(ticker.symbol.as_str())?
        .raw(br#","bid":"#)?
        .option(ticker.bid.as_ref(), Line::decimal)?
        .raw(br#","bid_size":"#)?
        .option(ticker.bid_size.as_ref(), Line::decimal)?
        .raw(br#","ask":"#)?
        .option(ticker.ask.as_ref(), Line::decimal)?
        .raw(br#","ask_size":"#)?
        .option(ticker.ask_size.as_ref(), Line::decimal)?
        .raw(br#","last_id":"#)?
        .option(ticker.last_id, Line::quoted_number)?
        .raw(br#","timestamp_ns":"#)?
        .option(ticker.timestamp_ns, Line::signed)
}

fn delta<'a>(line: Line<'a>, delta: &L2Delta) -> Option<Line<'a>> {
    line.raw(br#","type":"l2_delta","symbol":"#)?
        .text(delta.symbol.as_str())?
        .raw(br#","epoch":"#)?
        .number(delta.epoch)?
        .raw(br#","first_id":"#)?
        .option(delta.first_id, Line::quoted_number)?
        .raw(br#","last_id":"#)?
        .option(delta.last_id, Line::quoted_number)?
        .raw(br#","bids":"#)?
        .levels(&delta.bids)?
        .raw(br#","asks":"#)?
        .levels(&delta.asks)?
        .raw(br#","timestamp_ns":"#)?
        .option(delta.timestamp_ns, Line::signed)
}

/// The room that is left of a line. What is written into it comes back as what is left then, or as `None` if
/// it has not fit.
struct Line<'a>(&'a mut [u8]);

impl<'a> Line<'a> {
    // Where the length of the text is known, no function is called for it then.
    #[inline(always)]
    fn raw(self, text: &[u8]) -> Option<Self> {
        let (piece, rest) = self.0.split_at_mut_checked(text.len())?;
        piece.copy_from_slice(text);
        Some(Self(rest))
    }

    fn null(self) -> Option<Self> {
        self.raw(b"null")
    }

    #[inline(always)]
    fn option<T>(
        self,
        value: Option<T>,
        write: impl FnOnce(Self, T) -> Option<Self>,
    ) -> Option<Self> {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    /// As a JSON string, if it is as it stands.
    fn text(self, text: &str) -> Option<Self> {
        let text = text.as_bytes();
        match first_special(text) {
            Some(_) => None,
            None => self.raw(b"\"")?.raw(text)?.raw(b"\""),
        }
    }

    fn number(self, number: u64) -> Option<Self> {
        write_number(number, self.0).map(Self)
    }

    fn signed(self, number: i64) -> Option<Self> {
        let line = match number {
            ..0 => self.raw(b"-")?,
            _ => self,
        };
        line.number(number.unsigned_abs())
    }

    #[inline(always)]
    fn quoted_number(self, number: u64) -> Option<Self> {
        self.raw(b"\"")?.number(number)?.raw(b"\"")
    }

    fn levels(self, levels: &[Level]) -> Option<Self> {
        let mut line = self.raw(b"[")?;
        for (index, level) in levels.iter().enumerate() {
            if index > 0 {
                line = line.raw(b",")?;
            }
            line = line.raw(b"[")?.decimal(&level.price)?;
            line = line.raw(b",")?.decimal(&level.size)?.raw(b"]")?;
        }
        line.raw(b"]")
    }

    /// A decimal as a string, with every digit that it has.
    fn decimal(self, number: &Decimal) -> Option<Self> {
        let parts = number.unpack();
        // Too many digits, or a zero with a sign, are written in another way.
        if parts.hi != 0 || parts.negative {
            return self.any_decimal(number);
        }
        let digits = u64::from(parts.mid) << 32 | u64::from(parts.lo);
        write_quoted(digits, parts.scale as usize, self.0).map(Self)
    }

    #[cold]
    fn any_decimal(mut self, number: &Decimal) -> Option<Self> {
        write!(&mut self.0, "\"{number}\"").ok()?;
        Some(self)
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

    #[test]
    fn what_has_no_room_in_a_line_is_written_all_the_same() {
        let long = "x".repeat(2 * ROOM);
        let trade = FeedEventKind::Trade(Trade {
            symbol: "BTC-USDT".parse().unwrap(),
            id: Some(TradeId::Text(long.as_str().into())),
            count: 1,
            side: Side::Buy,
            price: Decimal::ONE,
            amount: Decimal::MAX,
            backfilled: false,
            timestamp_ns: None,
        });
        let longest = -Decimal::from_i128_with_scale((1 << 96) - 1, 28);
        let level = Level {
            price: longest,
            size: longest,
        };
        let delta = FeedEventKind::L2Delta(L2Delta {
            symbol: "BTC-USDT".parse().unwrap(),
            epoch: 1,
            first_id: None,
            last_id: None,
            bids: vec![level; 2 * ROOM],
            asks: vec![],
            timestamp_ns: None,
        });
        let notice = FeedEventKind::Notice {
            text: String::new(),
        };
        let mut writer = EventWriter::default();
        for exchange in ["binance", long.as_str(), "binance"] {
            for kind in [&trade, &delta, &notice] {
                let event = FeedEvent {
                    sequence: 1,
                    exchange: serde_json::from_value(exchange.into()).unwrap(),
                    connection: None,
                    received_ns: 1,
                    kind: kind.clone(),
                };
                let mut line = b"before ".to_vec();
                writer.write(&event, &mut line).unwrap();
                let expected = format!("before {}", serde_json::to_string(&event).unwrap());
                assert_eq!(String::from_utf8(line).unwrap(), expected);
            }
        }
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
