//! What OKX tells of all instruments at once.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::rest::data;
use crate::exchange::AnswerError;
use crate::exchange::activity::{Activity, BestPrices, price};
use crate::exchange::wire::{Text, each};
use crate::{Instruments, Symbol};

/// What is asked for.
pub(super) const PATH: &str = "/api/v5/market/tickers?instType=SPOT";

//     {"code":"0","msg":"","data":[{"instType":"SPOT","instId":"BTC-USDT","last":"64040.2",
//      "lastSz":"0.0024","askPx":"64040.2","askSz":"0.51","bidPx":"64040.1","bidSz":"1.2",...},...]}
//
// Before trading begins, any of them may be an empty text. No ids of trades.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    inst_id: Text<'a>,
    #[serde(borrow)]
    last: Option<&'a RawValue>,
    #[serde(borrow)]
    ask_px: Option<&'a RawValue>,
    #[serde(borrow)]
    bid_px: Option<&'a RawValue>,
}

/// Reads the answer.
pub(super) fn read(
    body: &[u8],
    instruments: &Instruments,
) -> Result<HashMap<Symbol, Activity>, AnswerError> {
    let mut activities = HashMap::new();
    each(data(body)?, |row: Row<'_>| {
        if let Some(symbol) = instruments.symbol_of(&row.inst_id) {
            let best = row.bid_px.zip(row.ask_px);
            let activity = Activity {
                trade_id: None,
                trade_price: row.last.and_then(price),
                best: best.map(|(bid, ask)| BestPrices::read(bid, ask)),
            };
            activities.insert(symbol.clone(), activity);
        }
        Ok(())
    })?;
    Ok(activities)
}
