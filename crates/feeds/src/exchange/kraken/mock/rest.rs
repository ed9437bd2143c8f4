//! Kraken's REST interface, public market data.

use http::{Method, StatusCode};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use testkit::mock::{Answer, Instrument, RestRequest, Source, Trade, now};
use transport::Window;

use super::LIMITS;
use super::form::{self, Names};

/// The most trades of an answer.
const MOST_TRADES: usize = 1000;

/// How many requests in a row an address may send before it waits for each.
// From reports of users; nothing is documented.
const BURST: u32 = 30;

pub(super) fn answer(request: &RestRequest, source: Source<'_>) -> Answer {
    let is_refused = |window: &Window| source.client.is_refused(*window, BURST);
    let result = match LIMITS.rest.iter().any(is_refused) {
        false => result(request, source),
        true => Err("EGeneral:Too many requests"),
    };
    // Refusals have status 200, too, and no result.
    let body = match result {
        Ok(result) => format!(r#"{{"error":[],"result":{result}}}"#),
        Err(error) => format!(r#"{{"error":["{error}"]}}"#),
    };
    Answer::new(StatusCode::OK, "application/json; charset=utf-8", body)
}

fn result(request: &RestRequest, source: Source<'_>) -> Result<String, &'static str> {
    match (&request.method, request.path.as_str()) {
        (&Method::GET, "/0/public/Time") => Ok(json!({"unixtime": now() / 1_000_000}).to_string()),
        (&Method::GET, "/0/public/SystemStatus") => {
            // Seconds, here.
            let time = form::time(now() / 1_000_000 * 1_000_000).replace(".000000", "");
            Ok(json!({"status": "online", "timestamp": time}).to_string())
        }
        (&Method::GET, "/0/public/AssetPairs") => asset_pairs(request, source),
        (&Method::GET, "/0/public/Trades") => trades(request, source),
        _ => Err("EGeneral:Unknown method"),
    }
}

fn asset_pairs(request: &RestRequest, source: Source<'_>) -> Result<String, &'static str> {
    let mut pairs = Map::new();
    match request.parameter("pair") {
        None => {
            for instrument in source.market.instruments() {
                let names = Names::of(instrument);
                pairs.insert(format!("{}.d", names.key), dark_pool(&names));
                pairs.insert(names.key.clone(), pair(instrument, &names));
            }
        }
        Some(list) => {
            for name in list.split(',') {
                let instrument = find(name, source)?;
                let names = Names::of(instrument);
                pairs.insert(names.key.clone(), pair(instrument, &names));
            }
        }
    }
    Ok(Value::from(pairs).to_string())
}

fn pair(instrument: &Instrument, names: &Names) -> Value {
    json!({
        "altname": names.altname,
        "wsname": names.wsname,
        "aclass_base": "currency",
        "aclass_quote": "currency",
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": instrument.price_scale,
        "lot_decimals": instrument.quantity_scale,
        "lot_multiplier": 1,
        "ordermin": "0.00005",
        "costmin": "0.5",
        "tick_size": instrument.price(1).to_string(),
        "status": if instrument.open { "online" } else { "cancel_only" },
        "execution_venue": "international",
    })
}

/// A pair without a stream, as there were in 2021.
fn dark_pool(names: &Names) -> Value {
    json!({"altname": format!("{}.d", names.altname), "aclass_base": "currency", "lot": "unit"})
}

/// The oldest first: those after `since`, or the newest there are.
fn trades(request: &RestRequest, source: Source<'_>) -> Result<String, &'static str> {
    let invalid = "EGeneral:Invalid arguments";
    let number = |name| {
        let value = request.parameter(name).map(str::parse::<u64>);
        value.transpose().map_err(|_| invalid)
    };
    let count = number("count")?.map_or(MOST_TRADES, |count| count as usize);
    if !(1..=MOST_TRADES).contains(&count) {
        return Err(invalid);
    }
    let since = number("since")?;
    let name = request.parameter("pair").ok_or(invalid)?;
    let instrument = find(name, source)?;
    let all = source.market.trades(&instrument.symbol, MOST_TRADES);
    let all = all.unwrap_or_default();
    let chosen: Vec<&Trade> = match since {
        Some(since) => {
            let later = all.iter().filter(|trade| nanos(trade) > since);
            later.take(count).collect()
        }
        None => all.iter().skip(all.len().saturating_sub(count)).collect(),
    };
    let last = chosen
        .last()
        .map_or(since.unwrap_or_default(), |it| nanos(it));
    let rows: Vec<_> = chosen.iter().map(|trade| row(trade, instrument)).collect();
    let rows = rows.join(",");
    // The name of version 2 is repeated; asked by another, the pair is called by its key.
    let key = match name == instrument.symbol {
        true => name.to_owned(),
        false => Names::of(instrument).key,
    };
    Ok(format!(r#"{{"{key}":[{rows}],"last":"{last}"}}"#))
}

//     ["83930.30000","0.00005100",1790359840.9392912,"s","l","",109118758]
fn row(trade: &Trade, instrument: &Instrument) -> String {
    let price = padded(instrument.price(trade.level.price));
    let quantity = instrument.quantity(trade.level.quantity);
    let side = if trade.buyer_is_maker { "s" } else { "b" };
    let (seconds, micros) = (trade.time / 1_000_000, trade.time % 1_000_000);
    let id = trade.id;
    format!(r#"["{price}","{quantity}",{seconds}.{micros:06},"{side}","m","",{id}]"#)
}

/// At least five decimals.
fn padded(mut price: Decimal) -> Decimal {
    price.rescale(price.scale().max(5));
    price
}

fn nanos(trade: &Trade) -> u64 {
    trade.time * 1000
}

/// An instrument, by any of its names.
fn find<'a>(name: &str, source: Source<'a>) -> Result<&'a Instrument, &'static str> {
    let mut instruments = source.market.instruments();
    let is_called = |instrument: &&Instrument| {
        let Names {
            wsname,
            altname,
            key,
        } = Names::of(instrument);
        [&*instrument.symbol, &wsname, &altname, &key].contains(&name)
    };
    instruments
        .find(is_called)
        .ok_or("EQuery:Unknown asset pair")
}
