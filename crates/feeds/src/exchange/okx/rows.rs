//! The entries of OKX's lists.

use std::cmp::Reverse;

use crate::{Level, Malformed, Side, Symbol};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::exchange::clock::millis;
use crate::exchange::levels::{compact_levels, first_level, levels};
use crate::exchange::plain_number::plain_integer;
use crate::exchange::wire::{Exact, ExactOrEmpty, Text, integer};
use crate::exchange::{BookChange, BookContent, Ids, Ticker, Time, Trade, TradeId};

/// How many elements a level has behind price and size: `["8476.98","415","0","13"]`. The first is
/// of no use any longer, the second is the number of orders.
const MORE: usize = 2;

//     {"asks":[["120.67","60.475897","0","5"]],"bids":[["120.66","0","0","0"]],
//      "ts":"1790394877300","checksum":0,"seqId":32032594315,"prevSeqId":32032594283}
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BookRow<'a> {
    #[serde(deserialize_with = "levels::<MORE, _>")]
    asks: Vec<Level>,
    #[serde(deserialize_with = "levels::<MORE, _>")]
    bids: Vec<Level>,
    #[serde(borrow)]
    ts: Option<Text<'a>>,
    checksum: Option<i32>,
    // -1 before a snapshot. Absent in 2022.
    prev_seq_id: Option<i64>,
    seq_id: Option<i64>,
}

impl<'a> BookRow<'a> {
    /// Reads an entry by the letter, without looking for the end of each level first. `None` for any
    /// other order of the lists, and whatever else is different.
    pub(super) fn as_okx_writes(json: &'a str) -> Option<Self> {
        let rest = json.strip_prefix(r#"{"asks":"#)?;
        // No list that is understood holds a letter.
        let (asks, rest) = rest.split_at_checked(rest.find('b')?)?;
        let rest = rest.strip_prefix(r#"bids":"#)?;
        let (bids, rest) = rest.split_at_checked(rest.find('t')?)?;
        let (ts, rest) = rest.strip_prefix(r#"ts":""#)?.split_once('"')?;
        let mut row = Self {
            asks: compact_levels::<MORE>(asks.strip_suffix(r#",""#)?)?,
            bids: compact_levels::<MORE>(bids.strip_suffix(r#",""#)?)?,
            // Nothing but digits, and so no escape.
            ts: Some(Text(integer(ts).map(|_| ts.into())?)),
            checksum: None,
            prev_seq_id: None,
            seq_id: None,
        };
        // The numbers come in different orders, and not all of them have always been there.
        let mut rest = rest.strip_suffix('}')?;
        while !rest.is_empty() {
            let (name, after) = rest.strip_prefix(r#",""#)?.split_once(r#"":"#)?;
            let (number, after) = after.split_at(after.find(',').unwrap_or(after.len()));
            let number = signed(number)?;
            let before = match name {
                "checksum" => row.checksum.replace(number.try_into().ok()?).map(i64::from),
                "prevSeqId" => row.prev_seq_id.replace(number),
                "seqId" => row.seq_id.replace(number),
                _ => return None,
            };
            if before.is_some() {
                return None;
            }
            rest = after;
        }
        Some(row)
    }

    pub(super) fn change(self, symbol: Symbol, content: BookContent) -> BookChange {
        let Self {
            mut asks, mut bids, ..
        } = self;
        if content == BookContent::Snapshot {
            // In order as it was recorded, which is not promised.
            asks.sort_by_key(|level| level.price);
            bids.sort_by_key(|level| Reverse(level.price));
        }
        BookChange {
            symbol,
            content,
            ids: Ids {
                previous: self.prev_seq_id.and_then(id),
                first: None,
                last: self.seq_id.and_then(id),
            },
            // Constantly 0 since June 2026.
            checksum: self
                .checksum
                .filter(|checksum| *checksum != 0)
                .map(i32::cast_unsigned),
            bids,
            asks,
            time: time(self.ts.as_ref()),
        }
    }
}

//     {"asks":[["111.06","55154","0","2"]],"bids":[["111.05","57745","0","2"]],
//      "ts":"1670324386802","seqId":363996337}
/// An entry of `bbo-tbt`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BestRow<'a> {
    #[serde(deserialize_with = "first_level::<MORE, _>")]
    asks: Option<Level>,
    #[serde(deserialize_with = "first_level::<MORE, _>")]
    bids: Option<Level>,
    #[serde(borrow)]
    ts: Option<Text<'a>>,
    seq_id: Option<i64>,
}

impl BestRow<'_> {
    pub(super) fn ticker(&self, symbol: Symbol) -> Ticker {
        Ticker {
            symbol,
            bid: self.bids,
            ask: self.asks,
            id: self.seq_id.and_then(id),
            time: time(self.ts.as_ref()),
        }
    }
}

//     {"instType":"SPOT","instId":"BTC-USDT","last":"63707.3","lastSz":"0.00164251",
//      "askPx":"63707.3","askSz":"0.15455902","bidPx":"63707.2","bidSz":"1.70080521",...,
//      "ts":"1786613174873"}
/// An entry of `tickers`, of which a side may be `""`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TickerRow<'a> {
    ask_px: ExactOrEmpty,
    ask_sz: ExactOrEmpty,
    bid_px: ExactOrEmpty,
    bid_sz: ExactOrEmpty,
    #[serde(borrow)]
    ts: Option<Text<'a>>,
}

impl TickerRow<'_> {
    pub(super) fn ticker(&self, symbol: Symbol) -> Ticker {
        let level = |price: Option<Decimal>, size: Option<Decimal>| {
            let (price, size) = price.zip(size)?;
            Some(Level { price, size })
        };
        Ticker {
            symbol,
            bid: level(self.bid_px.0, self.bid_sz.0),
            ask: level(self.ask_px.0, self.ask_sz.0),
            id: None,
            time: time(self.ts.as_ref()),
        }
    }
}

//     {"instId":"BTC-USDT","tradeId":"1040968613","px":"64040.2","sz":"0.00240857",
//      "side":"buy","ts":"1786538760218","count":"2","source":"0","seqId":79706765242}
/// An entry of `trades`: one taker's trades at one price, whose last id is told. Those of the past,
/// over REST, come one by one and without `count`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TradeRow<'a> {
    #[serde(borrow)]
    trade_id: Text<'a>,
    px: Exact,
    sz: Exact,
    side: TakerSide,
    #[serde(borrow)]
    ts: Option<Text<'a>>,
    // Absent in 2022.
    #[serde(borrow)]
    count: Option<Text<'a>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TakerSide {
    Buy,
    Sell,
}

impl TradeRow<'_> {
    pub(super) fn trade(&self, symbol: Symbol) -> Result<Trade, Malformed> {
        let id = integer(&self.trade_id)
            .ok_or_else(|| Malformed::new(format!("tradeId {:?}", &*self.trade_id)))?;
        let count = self.count.as_deref().map_or(Some(1), integer);
        // The ids must be there to be covered: trade 3 is the last of four at most.
        let count = count
            .filter(|count| (1..=id.saturating_add(1)).contains(count))
            .and_then(|count| u32::try_from(count).ok())
            .ok_or_else(|| Malformed::new(format!("count {:?}", self.count.as_deref())))?;
        Ok(Trade {
            symbol,
            id: Some(TradeId::Number(id)),
            count,
            side: match self.side {
                TakerSide::Buy => Side::Buy,
                TakerSide::Sell => Side::Sell,
            },
            price: self.px.0,
            amount: self.sz.0,
            time: time(self.ts.as_ref()),
            is_history: false,
        })
    }
}

fn id(id: i64) -> Option<u64> {
    u64::try_from(id).ok()
}

fn time(ts: Option<&Text<'_>>) -> Time {
    ts.map_or(Time::Absent, |ts| millis(integer(ts)))
}

/// The number that `text` is, if it is nothing but that.
fn signed(text: &str) -> Option<i64> {
    let (digits, sign) = match text.strip_prefix('-') {
        Some("0") => return None,
        Some(digits) => (digits, -1),
        None => (text, 1),
    };
    i64::try_from(plain_integer(digits)?)
        .ok()
        .map(|it| it * sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::wire::parse;

    const WRITTEN: &str = r#"{"asks":[["120.67","60.4","0","5"]],"bids":[],"ts":"1790394877300","checksum":-7,"seqId":9,"prevSeqId":-1}"#;

    #[test]
    fn both_readers_understand_the_same_entries() {
        for (part, other) in [
            ("", ""),
            (r#""checksum":-7,"#, ""),
            (r#","seqId":9,"prevSeqId":-1"#, ""),
            (
                r#""seqId":9,"prevSeqId":-1"#,
                r#""prevSeqId":9223372036854775807,"seqId":0"#,
            ),
            ("[]", r#"[["1","0","0","0"],["2.50","3","0","12"]]"#),
        ] {
            let json = WRITTEN.replace(part, other);
            let row = BookRow::as_okx_writes(&json).expect(&json);
            assert_eq!(parse::<BookRow<'_>>(&json).unwrap(), row, "{json}");
        }
    }

    #[test]
    fn the_letter_of_an_entry_is_kept_in_every_part() {
        for (part, other) in [
            (r#""asks":"#, r#""asks": "#),
            (r#""asks":"#, r#""bids":[],"asks":"#),
            (r#""bids":[]"#, r#""bids":[],"bids":[]"#),
            (r#""bids":[]"#, r#""bids":[],"instId":"BTC-USDT""#),
            (r#""bids":[],"#, ""),
            (r#"["120.67""#, "[120.67"),
            (r#""0","5""#, r#""0""#),
            ("1790394877300", ""),
            ("1790394877300", "1790\\u00394877300"),
            (":-7", ":-07"),
            (":-7", ":-0"),
            (":-7", ":7.0"),
            (":-7", ":null"),
            (":-7", ":2147483648"),
            (r#""seqId":9"#, r#""seqId":9,"seqId":9"#),
            (r#""seqId":9"#, r#""seqId":9,"other":9"#),
            (r#""seqId":9"#, r#""seqId":9223372036854775808"#),
            (":-1}", ":-1 }"),
            (":-1}", ":-1"),
        ] {
            let json = WRITTEN.replace(part, other);
            assert_ne!(json, WRITTEN);
            assert_eq!(BookRow::as_okx_writes(&json), None, "{json}");
        }
    }
}
