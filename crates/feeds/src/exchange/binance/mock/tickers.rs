//! Binance's prices of one, several or all symbols in one answer.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use testkit::mock::{Answer, Day, RestRequest, Source, now};

use super::padded;
use super::rest::{invalid_symbol, no_page, ok, refuse, wanted};

/// The weight and the answer. What does not trade is left out where no symbol is named, which is assumed.
pub(super) fn answer(request: &RestRequest, source: Source<'_>) -> (u32, Result<Answer, Answer>) {
    let mini = request.parameter("type").map(|form| form == "MINI");
    let row: fn(&Day) -> Map<String, Value> = match request.path.as_str() {
        "/api/v3/ticker/bookTicker" => book_ticker,
        "/api/v3/ticker/price" => price,
        "/api/v3/ticker/24hr" if mini == Some(true) => mini_day,
        "/api/v3/ticker/24hr" => day,
        _ => return (1, Ok(no_page())),
    };
    let symbols = match wanted(request) {
        Ok(symbols) => symbols,
        Err(refusal) => return (2, Err(refusal)),
    };
    //     symbols        1    2 to 20    21 to 100    more, or all
    //     24hr           2    2          40           80
    //     the others     2    4          4            4
    let is_of_day = request.path.ends_with("24hr");
    let weight = match symbols.as_ref().map(Vec::len) {
        Some(0..=1) => 2,
        Some(0..=20) if is_of_day => 2,
        Some(0..=100) if is_of_day => 40,
        _ if is_of_day => 80,
        _ => 4,
    };
    if request.parameter("symbol").is_some() && request.parameter("symbols").is_some() {
        let message = "Combination of optional parameters invalid. Recommendation: ''";
        return (weight, Err(refuse(-1128, message)));
    }
    let rows = match symbols {
        None => Some(source.market.days()),
        Some(symbols) => symbols.iter().map(|it| source.market.day(it)).collect(),
    };
    let answer = rows.ok_or_else(invalid_symbol).and_then(|days| {
        let mut rows: Vec<_> = days.iter().map(|day| Value::from(row(day))).collect();
        // One symbol by `symbol` is no list.
        let answer = match request.parameter("symbol").and_then(|_| rows.pop()) {
            Some(row) => row,
            None => Value::from(rows),
        };
        ok(answer.to_string())
    });
    (weight, answer)
}

//     {"symbol":"LTCBTC","bidPrice":"4.00000000","bidQty":"431.00000000","askPrice":"4.00000200",
//      "askQty":"9.00000000"}
fn book_ticker(day: &Day) -> Map<String, Value> {
    let at = |level: u64| text(day.instrument.price(level));
    let of = |level: u64| text(day.instrument.quantity(level));
    keys(json!({
        "symbol": day.instrument.symbol,
        "bidPrice": at(day.quote.bid.price),
        "bidQty": of(day.quote.bid.quantity),
        "askPrice": at(day.quote.ask.price),
        "askQty": of(day.quote.ask.quantity),
    }))
}

fn price(day: &Day) -> Map<String, Value> {
    let price = text(day.instrument.price(day.last_price()));
    keys(json!({"symbol": day.instrument.symbol, "price": price}))
}

//     {"symbol":"BNBBTC","openPrice":"99.00000000","highPrice":"100.00000000","lowPrice":"0.10000000",
//      "lastPrice":"4.00000200","volume":"8913.30000000","quoteVolume":"15.30000000",
//      "openTime":1499783499040,"closeTime":1499869899040,"firstId":28385,"lastId":28460,"count":76}
/// The ids are -1 while there is no trade.
fn mini_day(day: &Day) -> Map<String, Value> {
    let at = |price: u64| text(day.instrument.price(price));
    let id = |id: u64| if day.count == 0 { json!(-1) } else { json!(id) };
    keys(json!({
        "symbol": day.instrument.symbol,
        "openPrice": at(day.open),
        "highPrice": at(day.high),
        "lowPrice": at(day.low),
        "lastPrice": at(day.last_price()),
        "volume": text(day.base_volume()),
        "quoteVolume": text(day.quote_volume()),
        "openTime": day.since / 1000,
        "closeTime": now() / 1000,
        "firstId": id(day.first_id),
        "lastId": id(day.last.as_ref().map_or(0, |trade| trade.id)),
        "count": day.count,
    }))
}

fn day(day: &Day) -> Map<String, Value> {
    let at = |price: u64| day.instrument.price(price);
    let (open, last) = (at(day.open), at(day.last_price()));
    let change = last - open;
    let mut percent = change * Decimal::ONE_HUNDRED / open;
    percent.rescale(3);
    let average = day.quote_volume().checked_div(day.base_volume());
    let last_quantity = day.last.as_ref().map_or(0, |trade| trade.level.quantity);
    let mut row = mini_day(day);
    row.extend(book_ticker(day));
    row.extend(keys(json!({
        "priceChange": text(change),
        "priceChangePercent": percent.to_string(),
        "weightedAvgPrice": text(average.unwrap_or_default()),
        "prevClosePrice": text(open),
        "lastQty": text(day.instrument.quantity(last_quantity)),
    })));
    row
}

fn keys(row: Value) -> Map<String, Value> {
    match row {
        Value::Object(keys) => keys,
        _ => Map::new(),
    }
}

fn text(number: Decimal) -> String {
    padded(number).to_string()
}
