//! The messages of Kraken's WebSocket v2.

use std::cmp::Reverse;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::control::{self, Status};
use crate::event::Side;
use crate::exchange::clock::rfc3339;
use crate::exchange::message::{
    BookChange, BookContent, ExchangeMessage, Ids, Ticker, Time, Trade, TradeId,
};
use crate::exchange::wire::{ExactNumber, Text, each, parse};
use crate::exchange::{Decoder, Frame, Malformed};
use crate::instruments::Instruments;
use crate::level::Level;

/// Reads the messages of one connection to Kraken.
#[derive(Debug, Default)]
pub(super) struct KrakenDecoder {
    /// Whether the connection's first status has been read.
    is_greeted: bool,
}

impl Decoder for KrakenDecoder {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        instruments: &Instruments,
        messages: &mut Vec<ExchangeMessage>,
    ) -> Result<(), Malformed> {
        //     {"channel":"book","type":"update","data":[{...}]}
        //     {"channel":"heartbeat"}
        //     {"method":"subscribe","req_id":1,"result":{...},"success":true,"time_in":...}
        //     {"error":"Currency pair not supported XBT/USD","method":"subscribe",
        //      "success":false,"symbol":"XBT/USD",...}
        let text = frame.text()?;
        let Envelope {
            channel,
            kind,
            data,
        } = parse(text)?;
        let Some(channel) = channel else {
            return control::reply(text, instruments, messages);
        };
        let is_snapshot = kind.is_some_and(|kind| &*kind == "snapshot");
        let data = || {
            data.ok_or_else(|| Malformed::new("no data"))
                .map(RawValue::get)
        };
        let mut push = |message| {
            messages.push(message);
            Ok(())
        };
        match &*channel {
            "book" => each(data()?, |row: Book<'_>| {
                push(row.message(is_snapshot, instruments))
            }),
            "trade" => each(data()?, |row: TradeRow<'_>| {
                push(row.message(is_snapshot, instruments))
            }),
            "ticker" => each(data()?, |row: TickerRow<'_>| push(row.message(instruments))),
            "status" => each(data()?, |row: Status<'_>| {
                let is_first = !std::mem::replace(&mut self.is_greeted, true);
                push(row.message(is_first))
            }),
            "heartbeat" => push(ExchangeMessage::Alive),
            other => push(control::unknown(other)),
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    channel: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

//     {"symbol":"BTC/USD","bids":[{"price":63004.9,"qty":0.01876947},...],"asks":[],
//      "checksum":3726153463,"timestamp":"2026-08-02T03:35:51.660084Z"}
#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(default)]
    bids: Vec<BookLevel>,
    #[serde(default)]
    asks: Vec<BookLevel>,
    checksum: Option<u32>,
    // Absent in the snapshots of 2024.
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct BookLevel {
    price: ExactNumber,
    qty: ExactNumber,
}

impl From<BookLevel> for Level {
    fn from(level: BookLevel) -> Self {
        Self {
            price: level.price.0,
            size: level.qty.0,
        }
    }
}

impl Book<'_> {
    fn message(self, is_snapshot: bool, instruments: &Instruments) -> ExchangeMessage {
        let Some(symbol) = instruments.symbol_of(&self.symbol) else {
            return control::unlisted("book", &self.symbol);
        };
        let mut bids: Vec<Level> = self.bids.into_iter().map(Level::from).collect();
        let mut asks: Vec<Level> = self.asks.into_iter().map(Level::from).collect();
        let content = if is_snapshot {
            bids.sort_by_key(|level| Reverse(level.price));
            asks.sort_by_key(|level| level.price);
            BookContent::Snapshot
        } else {
            BookContent::Change
        };
        ExchangeMessage::Book(BookChange {
            symbol: symbol.clone(),
            content,
            ids: Ids::default(),
            checksum: self.checksum,
            bids,
            asks,
            time: time(self.timestamp.as_ref()),
        })
    }
}

//     {"symbol":"SOL/USD","side":"sell","price":119.06,"qty":6.42177846,"ord_type":"market",
//      "trade_id":33914780,"timestamp":"2026-09-30T01:34:46.103540Z"}
#[derive(Deserialize)]
struct TradeRow<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    side: TakerSide,
    price: ExactNumber,
    qty: ExactNumber,
    trade_id: u64,
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TakerSide {
    Buy,
    Sell,
}

impl TradeRow<'_> {
    fn message(&self, is_history: bool, instruments: &Instruments) -> ExchangeMessage {
        let Some(symbol) = instruments.symbol_of(&self.symbol) else {
            return control::unlisted("trade", &self.symbol);
        };
        ExchangeMessage::Trade(Trade {
            symbol: symbol.clone(),
            id: Some(TradeId::Number(self.trade_id)),
            count: 1,
            side: match self.side {
                TakerSide::Buy => Side::Buy,
                TakerSide::Sell => Side::Sell,
            },
            price: self.price.0,
            amount: self.qty.0,
            time: time(self.timestamp.as_ref()),
            is_history,
        })
    }
}

//     {"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,"ask_qty":0.00044780,
//      "last":83744.3,...,"timestamp":"2026-09-25T17:48:26.844359Z"}
//
// What a side without orders looks like is not documented; absent, null and zero are taken for it.
#[derive(Deserialize)]
struct TickerRow<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    bid: Option<ExactNumber>,
    bid_qty: Option<ExactNumber>,
    ask: Option<ExactNumber>,
    ask_qty: Option<ExactNumber>,
    // Absent in older messages.
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
}

impl TickerRow<'_> {
    fn message(&self, instruments: &Instruments) -> ExchangeMessage {
        let Some(symbol) = instruments.symbol_of(&self.symbol) else {
            return control::unlisted("ticker", &self.symbol);
        };
        let side = |price: Option<ExactNumber>, size: Option<ExactNumber>| {
            let (ExactNumber(price), ExactNumber(size)) = price.zip(size)?;
            (!size.is_zero()).then_some(Level { price, size })
        };
        ExchangeMessage::Ticker(Ticker {
            symbol: symbol.clone(),
            bid: side(self.bid, self.bid_qty),
            ask: side(self.ask, self.ask_qty),
            id: None,
            time: time(self.timestamp.as_ref()),
        })
    }
}

fn time(timestamp: Option<&Text<'_>>) -> Time {
    timestamp.map_or(Time::Absent, |text| rfc3339(text))
}
