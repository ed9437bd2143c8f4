//! Kraken's REST interface, public market data.

use std::sync::Arc;

use http::{Method, StatusCode};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use testkit::mock::{Answer, Day, Instrument, Level, RestRequest, Source, Trade, now};
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
        (&Method::GET, "/0/public/Ticker") => tickers(request, source),
        _ => Err("EGeneral:Unknown method"),
    }
}

fn asset_pairs(request: &RestRequest, source: Source<'_>) -> Result<String, &'static str> {
    let mut pairs = Map::new();
    match request.parameter("pair") {
        None => {
            for instrument in source.market.instruments() {
                let names = Names::of(&instrument);
                pairs.insert(format!("{}.d", names.key), dark_pool(&names));
                pairs.insert(names.key.clone(), pair(&instrument, &names));
            }
        }
        Some(list) => {
            for name in list.split(',') {
                let instrument = find(name, source)?;
                let names = Names::of(&instrument);
                pairs.insert(names.key.clone(), pair(&instrument, &names));
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

/// Of the pairs that are named, or of all that trade.
fn tickers(request: &RestRequest, source: Source<'_>) -> Result<String, &'static str> {
    let days = match request.parameter("pair") {
        None => source.market.days(),
        Some(list) => {
            let named = list.split(',').map(|name| find(name, source));
            let named = named.collect::<Result<Vec<_>, _>>()?;
            let days = named.iter().filter_map(|it| source.market.day(&it.symbol));
            days.collect()
        }
    };
    let tickers = days.iter().map(|day| {
        let Names { key, .. } = Names::of(&day.instrument);
        (key, ticker(day))
    });
    Ok(Value::from(tickers.collect::<Map<_, _>>()).to_string())
}

//     {"a":["30300.10000","1","1.000"],"b":["30300.00000","1","1.000"],
//      "c":["30303.20000","0.00067643"],"v":["4083.67001100","4412.73601799"],
//      "p":["30706.77771","30689.13205"],"t":[34619,38907],"l":["29868.30000","29868.30000"],
//      "h":["31631.00000","31631.00000"],"o":"30502.80000"}
/// Best ask and bid with their quantity in whole lots and in lots, the last trade, and of today and of
/// the last 24 hours, which are the same here, the volume, the average price, the number of trades, the
/// lowest and the highest price; the first price of today.
fn ticker(day: &Day) -> Value {
    let price = |ticks: u64| padded(day.instrument.price(ticks)).to_string();
    let level = |level: Level| {
        let quantity = day.instrument.quantity(level.quantity);
        let whole = quantity.trunc().normalize().to_string();
        json!([price(level.price), whole, format!("{quantity:.3}")])
    };
    let twice = |text: String| json!([text, text]);
    let last = day.last.as_ref().map_or(0, |trade| trade.level.quantity);
    let average = day.quote_volume().checked_div(day.base_volume());
    json!({
        "a": level(day.quote.ask),
        "b": level(day.quote.bid),
        "c": [price(day.last_price()), day.instrument.quantity(last).to_string()],
        "v": twice(day.base_volume().to_string()),
        "p": twice(format!("{:.5}", average.unwrap_or_default())),
        "t": [day.count, day.count],
        "l": twice(price(day.low)),
        "h": twice(price(day.high)),
        "o": price(day.open),
    })
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
    let all = source.market.trades(&instrument.symbol, usize::MAX);
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
    let rows: Vec<_> = chosen.iter().map(|trade| row(trade, &instrument)).collect();
    let rows = rows.join(",");
    // The name of version 2 is repeated; asked by another, the pair is called by its key.
    let key = match name == instrument.symbol {
        true => name.to_owned(),
        false => Names::of(&instrument).key,
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
fn find(name: &str, source: Source<'_>) -> Result<Arc<Instrument>, &'static str> {
    let mut instruments = source.market.instruments().into_iter();
    let is_called = |instrument: &Arc<Instrument>| {
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
