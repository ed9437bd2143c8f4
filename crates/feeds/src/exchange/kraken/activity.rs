//! What Kraken tells of all pairs at once.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::rest::{asset, result};
use crate::exchange::AnswerError;
use crate::exchange::activity::{Activity, BestPrices, price};
use crate::instruments::Instruments;
use crate::symbol::Symbol;

/// What is asked for.
pub(super) const PATH: &str = "/0/public/Ticker";

//     {"error":[],"result":{"XXBTZUSD":{"a":["83744.30000","1","1.000"],"b":["83744.20000","2","2.000"],
//      "c":["83744.30000","0.00060000"],...},...}}
//
// The best ask and bid and the last trade, each with its price first. No ids of trades.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    a: Vec<&'a RawValue>,
    #[serde(borrow)]
    b: Vec<&'a RawValue>,
    #[serde(borrow)]
    c: Vec<&'a RawValue>,
}

impl Row<'_> {
    fn activity(&self) -> Activity {
        Activity {
            trade_id: None,
            trade_price: self.c.first().and_then(|it| price(it)),
            best: self
                .b
                .first()
                .zip(self.a.first())
                .map(|(bid, ask)| BestPrices::read(bid, ask)),
        }
    }
}

/// Reads the answer.
pub(super) fn read(
    body: &[u8],
    instruments: &Instruments,
) -> Result<HashMap<Symbol, Activity>, AnswerError> {
    let rows: BTreeMap<String, Row<'_>> = result(body)?;
    let of = |(key, row): (&String, &Row<'_>)| {
        Some((symbol_of(key, instruments)?.clone(), row.activity()))
    };
    Ok(rows.iter().filter_map(of).collect())
}

//     key          version 2
//     XXBTZUSD     BTC/USD
//     XBTUSDT      BTC/USDT
//     XETHXXBT     ETH/BTC
//     SOLUSD       SOL/USD
//
/// Whose row it is. A key does not say where the base ends; one that could be two pairs is nobody's.
fn symbol_of<'a>(key: &str, instruments: &'a Instruments) -> Option<&'a Symbol> {
    let pair = |at: usize| {
        let (base, quote) = key.split_at_checked(at)?;
        let names = [base, quote].map(|name| [name, without_kind(name)]);
        let [bases, quotes] = names.map(|names| names.map(asset));
        let mut names = bases
            .iter()
            .flat_map(|base| quotes.iter().map(move |quote| format!("{base}/{quote}")));
        names.find_map(|name| instruments.symbol_of(&name))
    };
    let mut pairs = (1..key.len()).filter_map(pair);
    match (pairs.next(), pairs.next()) {
        (Some(symbol), None) => Some(symbol),
        _ => None,
    }
}

/// The name of an asset without the `X` or `Z` in front that Kraken's oldest ones have.
fn without_kind(name: &str) -> &str {
    match name.strip_prefix(['X', 'Z']) {
        Some(rest) if rest.len() == 3 => rest,
        _ => name,
    }
}
