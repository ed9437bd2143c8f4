//! What Backpack tells of all symbols at once.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exchange::AnswerError;
use crate::exchange::activity::{Activity, price};
use crate::exchange::wire::{Text, parse_body};
use crate::instruments::Instruments;
use crate::symbol::Symbol;

/// What is asked for. The answer may be 20 seconds old.
pub(super) const PATH: &str = "/api/v1/tickers";

//     [{"firstPrice":"98.5",...,"lastPrice":"100.19",...,"symbol":"SOL_USDC","trades":"3412",...},...]
//
// No best prices and no ids of trades.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    last_price: Option<&'a RawValue>,
}

/// Reads the answer.
pub(super) fn read(
    body: &[u8],
    instruments: &Instruments,
) -> Result<HashMap<Symbol, Activity>, AnswerError> {
    let rows: Vec<Row<'_>> = parse_body(body)?;
    let of = |row: &Row<'_>| {
        let activity = Activity {
            trade_price: row.last_price.and_then(price),
            ..Activity::default()
        };
        Some((instruments.symbol_of(&row.symbol)?.clone(), activity))
    };
    Ok(rows.iter().filter_map(of).collect())
}
