//! Trades of the past, by id.

use serde::Deserialize;

use crate::event::Side;
use crate::exchange::clock::{Clock, MILLIS};
use crate::exchange::message::{Trade, TradeId};
use crate::exchange::wire::{Exact, parse_body};
use crate::exchange::{AnswerError, TradeHole, TradePage};
use crate::symbol::Symbol;

/// The most trades of an answer.
const PAGE: usize = 1000;

/// The query for the trades of a hole, from `cursor` on if there was an answer before.
pub(super) fn query(symbol: &str, hole: &TradeHole, cursor: Option<&str>) -> String {
    let first = hole.after_id.saturating_add(1).to_string();
    let from = cursor.unwrap_or(&first);
    format!("symbol={symbol}&limit={PAGE}&fromId={from}")
}

//     [{"id":3735683259,"price":"61837.63000000","qty":"0.02000000","quoteQty":"1236.75260000",
//       "time":1723161255342,"isBuyerMaker":true,"isBestMatch":true},...]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: u64,
    price: Exact,
    qty: Exact,
    time: Clock<MILLIS>,
    is_buyer_maker: bool,
}

/// Reads an answer, oldest trade first. A page that is full has another one behind it.
pub(super) fn page(symbol: &Symbol, body: &[u8]) -> Result<TradePage, AnswerError> {
    let rows: Vec<Row> = parse_body(body)?;
    let behind = rows.last().map(|row| row.id.saturating_add(1).to_string());
    let cursor = behind.filter(|_| rows.len() == PAGE);
    let trade = |row: Row| Trade {
        symbol: symbol.clone(),
        id: Some(TradeId::Number(row.id)),
        count: 1,
        side: match row.is_buyer_maker {
            true => Side::Sell,
            false => Side::Buy,
        },
        price: row.price.0,
        amount: row.qty.0,
        time: row.time.0,
        is_history: true,
    };
    Ok(TradePage {
        trades: rows.into_iter().map(trade).collect(),
        cursor,
    })
}
