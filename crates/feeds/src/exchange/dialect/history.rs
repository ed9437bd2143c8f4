//! Trades of the past.

use serde::Deserialize;

use crate::event::Side;
use crate::exchange::Malformed;
use crate::exchange::clock::Clock;
use crate::exchange::message::{Trade, TradeId};
use crate::exchange::wire::{Exact, Id, parse_body};
use crate::symbol::Symbol;

//     [{"id":3735683259,"price":"61837.63000000","qty":"0.02000000","quoteQty":"1236.75260000",
//       "time":1723161255342,"isBuyerMaker":true,"isBestMatch":true},...]
//     [{"id":381731418,"isBuyerMaker":false,"price":"100.67","quantity":"0.22",
//       "quoteQuantity":"22.1474","timestamp":1788285123140},...]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<const UNIT: i64> {
    id: Id,
    price: Exact,
    #[serde(alias = "quantity")]
    qty: Exact,
    #[serde(alias = "timestamp")]
    time: Clock<UNIT>,
    is_buyer_maker: bool,
}

/// Reads an answer, in its order. Times are in units of `UNIT` nanoseconds.
pub(in crate::exchange) fn parse_trades<const UNIT: i64>(
    symbol: &Symbol,
    body: &[u8],
) -> Result<Vec<Trade>, Malformed> {
    let rows: Vec<Row<UNIT>> = parse_body(body)?;
    let trade = |row: Row<UNIT>| Trade {
        symbol: symbol.clone(),
        id: Some(TradeId::Number(row.id.0)),
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
    Ok(rows.into_iter().map(trade).collect())
}
