//! What Binance tells of all symbols at once.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::weight;
use crate::channel::Channel;
use crate::exchange::activity::{Activity, BestPrices, price};
use crate::exchange::wire::{Text, parse_body};
use crate::exchange::{AnswerError, Draw};
use crate::instruments::Instruments;
use crate::symbol::Symbol;

/// The cheapest path for `channels`, and what it costs.
//     channels               path                        weight
//     ticker and l2_book     /ticker/bookTicker          4
//     trades alone           /ticker/24hr?type=MINI      80
//     others                 /ticker/24hr                80
pub(super) fn request(channels: &[Channel]) -> (&'static str, Draw) {
    if !channels.contains(&Channel::Trades) {
        return ("/api/v3/ticker/bookTicker", weight(4));
    }
    let is_alone = channels.iter().all(|channel| *channel == Channel::Trades);
    let path = match is_alone {
        true => "/api/v3/ticker/24hr?type=MINI",
        false => "/api/v3/ticker/24hr",
    };
    (path, weight(80))
}

//     [{"symbol":"BTCUSDT","bidPrice":"61837.63000000","bidQty":"3.78826000",
//       "askPrice":"61837.64000000","askQty":"1.54698000"},...]
//     [{"symbol":"BTCUSDT",...,"lastPrice":"61837.63000000","lastQty":"0.02000000",
//       "bidPrice":"61837.63000000",...,"firstId":3733510512,"lastId":3735683259,"count":2172748},...]
//
// `MINI` has no best prices. Without a trade in 24 hours, the ids are -1.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    bid_price: Option<&'a RawValue>,
    #[serde(borrow)]
    ask_price: Option<&'a RawValue>,
    #[serde(borrow)]
    last_price: Option<&'a RawValue>,
    last_id: Option<i64>,
}

impl Row<'_> {
    fn activity(&self) -> Activity {
        Activity {
            trade_id: self.last_id.and_then(|id| u64::try_from(id).ok()),
            trade_price: self.last_price.and_then(price),
            best: self
                .bid_price
                .zip(self.ask_price)
                .map(|(bid, ask)| BestPrices::read(bid, ask)),
        }
    }
}

/// Reads either answer.
pub(super) fn read(
    body: &[u8],
    instruments: &Instruments,
) -> Result<HashMap<Symbol, Activity>, AnswerError> {
    let rows: Vec<Row<'_>> = parse_body(body)?;
    let of = |row: &Row<'_>| Some((instruments.symbol_of(&row.symbol)?.clone(), row.activity()));
    Ok(rows.iter().filter_map(of).collect())
}
