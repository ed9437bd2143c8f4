//! Backpack's REST interface, public market data.

use std::sync::Arc;

use http::{Method, StatusCode};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use testkit::mock::{
    Answer, Day, Instrument, Level, MarketKind, RestRequest, Side, Source, json_levels, now,
};

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn answer(request: &RestRequest, source: Source<'_>) -> Answer {
    let answer = match (&request.method, request.path.as_str()) {
        (&Method::GET, "/api/v1/status") => ok(r#"{"message":null,"status":"Ok"}"#),
        (&Method::GET, "/api/v1/ping") => Ok(Answer::new(StatusCode::OK, TEXT, "pong")),
        (&Method::GET, "/api/v1/time") => {
            let time = (now() / 1000).to_string();
            Ok(Answer::new(StatusCode::OK, TEXT, time))
        }
        (&Method::GET, "/api/v1/markets") => markets(request, source),
        (&Method::GET, "/api/v1/market") => {
            find(request, source).and_then(|instrument| ok(market(&instrument).to_string()))
        }
        (&Method::GET, "/api/v1/depth") => depth(request, source),
        (&Method::GET, "/api/v1/trades") => trades(request, 0, source),
        (&Method::GET, "/api/v1/trades/history") => {
            offset(request).and_then(|offset| trades(request, offset, source))
        }
        (&Method::GET, "/api/v1/ticker") => ticker(request, source),
        (&Method::GET, "/api/v1/tickers") => {
            let tickers: Vec<Value> = source.market.days().iter().map(day).collect();
            ok(Value::from(tickers).to_string())
        }
        _ => Err(Answer::not_found()),
    };
    answer.unwrap_or_else(|refusal| refusal)
}

fn markets(request: &RestRequest, source: Source<'_>) -> Result<Answer, Answer> {
    let kind = request.parameter("marketType");
    let markets: Vec<Value> = source
        .market
        .instruments()
        .iter()
        .filter(|instrument| kind.is_none_or(|kind| kind == market_type(instrument)))
        .map(|instrument| market(instrument))
        .collect();
    ok(Value::from(markets).to_string())
}

fn market(instrument: &Instrument) -> Value {
    let tick = instrument.price(1).to_string();
    let lot = instrument.quantity(1).to_string();
    json!({
        "baseSymbol": instrument.base,
        "createdAt": "2025-01-21T06:34:54.691858",
        "filters": {
            "price": {"maxPrice": null, "minPrice": tick, "tickSize": tick},
            "quantity": {"maxQuantity": null, "minQuantity": lot, "stepSize": lot},
        },
        "fundingInterval": match instrument.kind {
            MarketKind::Spot => Value::Null,
            MarketKind::Perpetual => json!(3_600_000),
        },
        "marketType": market_type(instrument),
        "orderBookState": if instrument.open { "Open" } else { "Closed" },
        "quoteSymbol": instrument.quote,
        "rwaMarketType": null,
        "symbol": instrument.symbol,
        "visible": true,
    })
}

fn market_type(instrument: &Instrument) -> &'static str {
    match instrument.kind {
        MarketKind::Spot => "SPOT",
        MarketKind::Perpetual => "PERP",
    }
}

/// Prices without padding, bids ascending, and the id as text.
fn depth(request: &RestRequest, source: Source<'_>) -> Result<Answer, Answer> {
    // The limits are a list, not a range.
    let limit = match request.parameter("limit") {
        None => usize::MAX,
        Some("5") => 5,
        Some("10") => 10,
        Some("20") => 20,
        Some("50") => 50,
        Some("100") => 100,
        Some("500") => 500,
        Some("1000") => 1000,
        Some(_) => return Err(bad_limit("DepthLimit")),
    };
    let instrument = find(request, source)?;
    if let Some(recorded) = source.recorded_snapshot(&instrument.symbol) {
        return ok(recorded);
    }
    let snapshot = source
        .market
        .snapshot(&instrument.symbol)
        .ok_or_else(not_traded)?;
    let asks: Vec<Level> = snapshot.book.best_first(Side::Ask).take(limit).collect();
    let mut bids: Vec<Level> = snapshot.book.best_first(Side::Bid).take(limit).collect();
    // The best bid is the last one, and what the limit leaves out is still the worst.
    bids.reverse();
    let json = |levels: Vec<Level>| json_levels(levels.into_iter(), &snapshot.instrument, unpadded);
    let (asks, bids, id, time) = (json(asks), json(bids), snapshot.id, snapshot.time);
    ok(format!(
        r#"{{"asks":{asks},"bids":{bids},"lastUpdateId":"{id}","timestamp":{time}}}"#
    ))
}

fn ticker(request: &RestRequest, source: Source<'_>) -> Result<Answer, Answer> {
    let instrument = find(request, source)?;
    let of_day = source.market.day(&instrument.symbol);
    ok(day(&of_day.ok_or_else(not_traded)?).to_string())
}

//     {"firstPrice":"103.68","high":"104.96","lastPrice":"100.67","low":"100.57","priceChange":"-3.01",
//      "priceChangePercent":"-0.029032","quoteVolume":"1163648.1557","symbol":"SOL_USDC",
//      "trades":"3872","volume":"11355.78"}
/// What a day was like: everything is text.
fn day(day: &Day) -> Value {
    let at = |ticks: u64| unpadded(day.instrument.price(ticks));
    let (first, last) = (at(day.open), at(day.last_price()));
    let change = last - first;
    json!({
        "firstPrice": first.to_string(),
        "high": at(day.high).to_string(),
        "lastPrice": last.to_string(),
        "low": at(day.low).to_string(),
        "priceChange": unpadded(change).to_string(),
        "priceChangePercent": (change / first).round_dp(6).to_string(),
        "quoteVolume": unpadded(day.quote_volume()).to_string(),
        "symbol": day.instrument.symbol,
        "trades": day.count.to_string(),
        "volume": unpadded(day.base_volume()).to_string(),
    })
}

/// How many of the newest trades are skipped.
fn offset(request: &RestRequest) -> Result<usize, Answer> {
    match request.parameter("offset").map(str::parse) {
        None => Ok(0),
        Some(Ok(offset)) => Ok(offset),
        Some(Err(_)) => {
            let text = "failed to parse parameter `offset`: invalid digit found in string";
            Err(Answer::new(StatusCode::BAD_REQUEST, "text/plain", text))
        }
    }
}

/// The newest first.
fn trades(request: &RestRequest, offset: usize, source: Source<'_>) -> Result<Answer, Answer> {
    let limit = match request.parameter("limit").map(str::parse::<usize>) {
        None => 100,
        Some(Ok(limit @ 1..=1000)) => limit,
        Some(_) => return Err(bad_limit("TradeLimit")),
    };
    let instrument = find(request, source)?;
    let trades = source
        .market
        .trades(&instrument.symbol, limit.saturating_add(offset))
        .unwrap_or_default();
    let trades: Vec<Value> = trades
        .iter()
        .rev()
        .skip(offset)
        .map(|trade| {
            let price = instrument.price(trade.level.price);
            let quantity = instrument.quantity(trade.level.quantity);
            json!({
                "id": trade.id,
                "isBuyerMaker": trade.buyer_is_maker,
                "price": unpadded(price).to_string(),
                "quantity": unpadded(quantity).to_string(),
                "quoteQuantity": unpadded(price * quantity).to_string(),
                // Milliseconds here, microseconds in `depth` and in the streams.
                "timestamp": trade.time / 1000,
            })
        })
        .collect();
    ok(Value::from(trades).to_string())
}

fn find(request: &RestRequest, source: Source<'_>) -> Result<Arc<Instrument>, Answer> {
    let symbol = request.parameter("symbol").ok_or_else(|| {
        let text = "failed to parse parameter `symbol`: Missing required parameter";
        Answer::new(StatusCode::BAD_REQUEST, "text/plain", text)
    })?;
    source.market.find(symbol).ok_or_else(|| {
        refuse(
            StatusCode::BAD_REQUEST,
            "INVALID_CLIENT_REQUEST",
            "Invalid market symbol",
        )
    })
}

fn unpadded(number: Decimal) -> Decimal {
    number.normalize()
}

fn bad_limit(kind: &str) -> Answer {
    let text = format!(
        "failed to parse parameter `limit`: failed to parse \"{kind}\": Expect a valid enumeration value."
    );
    Answer::new(StatusCode::BAD_REQUEST, "text/plain", text)
}

fn not_traded() -> Answer {
    refuse(StatusCode::NOT_FOUND, "RESOURCE_NOT_FOUND", "Not Found")
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = json!({"code": code, "message": message}).to_string();
    Answer::new(status, JSON, body)
}

fn ok(body: impl Into<bytes::Bytes>) -> Result<Answer, Answer> {
    Ok(Answer::new(StatusCode::OK, JSON, body))
}
