//! Kraken's answers over REST.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::Side;
use crate::exchange::clock::seconds;
use crate::exchange::message::{Trade, TradeId};
use crate::exchange::wire::{Exact, ExactNumber, Text, each, parse, parse_body};
use crate::exchange::{AnswerError, Malformed, TradeHole, TradePage};
use crate::instruments::{Instrument, Instruments};
use crate::symbol::Symbol;

/// How many trades an answer has at most.
pub(super) const TRADES: u32 = 1000;

//     {"error":[],"result":{...}}
//     {"error":["EQuery:Unknown asset pair"]}
//     {"error":["EGeneral:Too many requests"],"result":null}
//
// All of them have status 200.
#[derive(Deserialize)]
struct Answer<'a, T> {
    #[serde(borrow)]
    error: Vec<Text<'a>>,
    result: Option<T>,
}

/// What an answer that is no refusal holds.
pub(super) fn result<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, AnswerError> {
    // The result is read after the errors are: beside them it may have any form.
    let Answer::<&RawValue> { error, result } = parse_body(body)?;
    // `W` begins a warning, which comes with a result.
    if error.iter().any(|error| !error.starts_with('W')) {
        let texts: Vec<&str> = error.iter().map(|text| &**text).collect();
        let message = texts.join(", ");
        let lower = message.to_lowercase();
        return Err(AnswerError::Refused {
            is_too_many: lower.contains("too many requests") || lower.contains("rate limit"),
            message,
            until_ms: None,
        });
    }
    let result = result.ok_or_else(|| Malformed::new("neither a result nor an error"))?;
    Ok(parse(result.get())?)
}

//     {"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD",...,"status":"online",...},
//      "XXBTZUSD.d":{"altname":"XBTUSD.d",...},...}
//
// Neither `status` nor `tick_size` was there in 2021.
#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow)]
    wsname: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
}

/// Reads the answer of `AssetPairs`.
pub(super) fn instruments(body: &[u8]) -> Result<Instruments, AnswerError> {
    let pairs: BTreeMap<String, Pair<'_>> = result(body)?;
    let listed = |(key, pair): (&String, &Pair<'_>)| {
        // Dark pools, which have no stream.
        let is_dark = key.ends_with(".d");
        // Other states are cancel_only, post_only, limit_only and reduce_only, and there may be
        // more.
        let is_online = pair.status.as_ref().is_none_or(|it| &**it == "online");
        let wsname = pair.wsname.as_ref()?;
        (!is_dark && is_online)
            .then(|| instrument(wsname))
            .flatten()
    };
    Ok(pairs.iter().filter_map(listed).collect())
}

//     wsname      version 2    here
//     XBT/USD     BTC/USD      BTC-USD
//     XDG/USD     DOGE/USD     DOGE-USD
//     ETH/XBT     ETH/BTC      ETH-BTC
//
// Version 2 of the WebSocket refuses the first. REST takes the first and the second.
fn instrument(wsname: &str) -> Option<Instrument> {
    let (base, quote) = wsname.split_once('/')?;
    let (base, quote) = (asset(base), asset(quote));
    let symbol = Symbol::parse(&format!("{base}-{quote}")).ok()?;
    Some(Instrument::new(symbol, &format!("{base}/{quote}")))
}

/// An asset's name in version 2.
pub(super) fn asset(name: &str) -> &str {
    match name {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        other => other,
    }
}

/// Where the page with the first trade of a hole begins, in nanoseconds; that time is left out.
pub(super) fn since(hole: &TradeHole) -> Option<String> {
    // The stream's times have microseconds and these have nanoseconds. Several trades may have one
    // time.
    let since = hole.after_ns?.checked_sub(1_000)?;
    Some(since.to_string())
}

/// Reads the answer of `Trades`.
pub(super) fn trades(symbol: &Symbol, body: &[u8]) -> Result<TradePage, AnswerError> {
    //     {"BTC/USD":[["83930.30000","0.00005100",1790359840.9392912,"s","l","",109118758],...],
    //      "last":"1790359841138228746"}
    //
    // Asked for `XBTUSD`, it would be `XXBTZUSD`.
    let mut result: BTreeMap<String, &RawValue> = result(body)?;
    let last = result.remove("last");
    let (Some((_, rows)), None) = (result.pop_first(), result.pop_first()) else {
        return Err(Malformed::new("not the trades of one pair").into());
    };
    let mut trades = Vec::new();
    each(rows.get(), |row: Vec<&RawValue>| {
        trades.push(trade(symbol, &row)?);
        Ok(())
    })?;
    let last: Option<Text<'_>> = last.map(|last| parse(last.get())).transpose()?;
    // Behind the newest trade, pages are empty and `last` stays.
    let cursor = last.filter(|_| !trades.is_empty());
    Ok(TradePage {
        cursor: cursor.map(|last| last.to_string()),
        trades,
    })
}

fn trade(symbol: &Symbol, row: &[&RawValue]) -> Result<Trade, Malformed> {
    // Price, size, time, side, kind of order, nothing, id.
    let [price, size, time, side, _, _, id, ..] = row else {
        return Err(Malformed::new("a trade with less than seven values"));
    };
    let side: Text<'_> = parse(side.get())?;
    Ok(Trade {
        symbol: symbol.clone(),
        id: Some(TradeId::Number(parse(id.get())?)),
        count: 1,
        side: match &*side {
            "b" => Side::Buy,
            "s" => Side::Sell,
            other => return Err(Malformed::new(format!("unknown side {other:?}"))),
        },
        price: parse::<Exact>(price.get())?.0,
        amount: parse::<Exact>(size.get())?.0,
        time: seconds(parse::<ExactNumber>(time.get())?.0),
        is_history: true,
    })
}
