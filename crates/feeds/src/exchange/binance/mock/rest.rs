//! Binance's REST interface, public market data.

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use testkit::mock::{Answer, Ban, Instrument, RestRequest, Side, Source, json_levels, now};

use super::super::WEIGHT;
use super::{in_unit, padded, tickers};

const JSON: &str = "application/json;charset=UTF-8";

pub(super) fn answer(request: &RestRequest, source: Source<'_>) -> Answer {
    // Weights as documented. They are told in a header of every answer, refusals included.
    let (weight, answer) = match (&request.method, request.path.as_str()) {
        (&Method::GET, "/api/v3/ping") => (1, ok("{}")),
        (&Method::GET, "/api/v3/time") => {
            let time = in_unit(now(), wants_micros(&request.headers));
            (1, ok(format!(r#"{{"serverTime":{time}}}"#)))
        }
        (&Method::GET, "/api/v3/exchangeInfo") => (20, exchange_info(request, source)),
        (&Method::GET, "/api/v3/depth") => depth(request, source),
        (&Method::GET, "/api/v3/trades" | "/api/v3/historicalTrades") => {
            (25, trades(request, source))
        }
        (&Method::GET, path) if path.starts_with("/api/v3/ticker/") => {
            tickers::answer(request, source)
        }
        _ => (1, Ok(no_page())),
    };
    // Per address, so that each proxy has a count of its own.
    let spent = source.client.spend(WEIGHT, weight);
    let answer = match spent.refused {
        None => answer.unwrap_or_else(|refusal| refusal),
        Some(seconds) => too_much(seconds),
    };
    answer
        .with_header("x-mbx-used-weight", spent.used.into())
        .with_header("x-mbx-used-weight-1m", spent.used.into())
}

pub(super) fn no_page() -> Answer {
    let page = "<html><body><h2>404 Not found</h2></body></html>";
    Answer::new(StatusCode::NOT_FOUND, "text/html", page)
}

/// As recorded.
pub(super) fn banned(ban: Ban) -> Answer {
    let until = ban.until;
    let message = format!(
        "Way too much request weight used; IP banned until {until}. Please use the websocket for live updates to avoid bans."
    );
    let body = json!({"code": -1003, "msg": message}).to_string();
    Answer::new(StatusCode::IM_A_TEAPOT, JSON, body).with_header("retry-after", ban.seconds)
}

/// As recorded, when the limit was another. `seconds` are those until the next window.
fn too_much(seconds: u64) -> Answer {
    let limit = WEIGHT.units;
    let message = format!(
        "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
    );
    let body = json!({"code": -1003, "msg": message}).to_string();
    Answer::new(StatusCode::TOO_MANY_REQUESTS, JSON, body).with_header("retry-after", seconds)
}

fn exchange_info(request: &RestRequest, source: Source<'_>) -> Result<Answer, Answer> {
    let status = request.parameter("symbolStatus");
    let instruments = match wanted(request)? {
        None => source.market.instruments(),
        Some(symbols) => symbols
            .iter()
            .map(|symbol| source.market.find(symbol))
            .collect::<Option<_>>()
            .ok_or_else(invalid_symbol)?,
    };
    let symbols: Vec<Value> = instruments
        .iter()
        .filter(|it| status.is_none_or(|status| status == self::status(it)))
        .map(|it| symbol_info(it))
        .collect();
    let info = json!({
        "timezone": "UTC",
        "serverTime": in_unit(now(), wants_micros(&request.headers)),
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT.units},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
        ],
        "exchangeFilters": [],
        "symbols": symbols,
    });
    ok(info.to_string())
}

/// The symbols that a request names, if it names any.
pub(super) fn wanted(request: &RestRequest) -> Result<Option<Vec<String>>, Answer> {
    let symbols = match (request.parameter("symbol"), request.parameter("symbols")) {
        (Some(symbol), _) => vec![symbol.to_owned()],
        (None, Some(list)) => serde_json::from_str(list).map_err(|_| {
            refuse(-1100, "Illegal characters found in parameter 'symbols'; legal range is '^\\[(\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}){0,1}\\]$'.")
        })?,
        (None, None) => return Ok(None),
    };
    Ok(Some(symbols))
}

fn status(instrument: &Instrument) -> &'static str {
    if instrument.open { "TRADING" } else { "BREAK" }
}

fn symbol_info(instrument: &Instrument) -> Value {
    let tick = padded(instrument.price(1)).to_string();
    let lot = padded(instrument.quantity(1)).to_string();
    json!({
        "symbol": instrument.symbol,
        "status": status(instrument),
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": true,
        "ocoAllowed": true,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000000.00000000", "stepSize": lot},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": true, "maxNotional": "9000000.00000000", "applyMaxToMarket": false, "avgPriceMins": 5},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    })
}

fn depth(request: &RestRequest, source: Source<'_>) -> (u32, Result<Answer, Answer>) {
    let limit = match limit(request, 100, 5000) {
        Ok(limit) => limit,
        Err(refusal) => return (5, Err(refusal)),
    };
    //     limit     up to 100    500    1000    5000
    //     weight    5            25     50      250
    let weight = match limit {
        0..=100 => 5,
        101..=500 => 25,
        501..=1000 => 50,
        _ => 250,
    };
    (weight, depth_of(request, source, limit))
}

fn depth_of(request: &RestRequest, source: Source<'_>, limit: usize) -> Result<Answer, Answer> {
    let symbol = symbol(request)?;
    if let Some(recorded) = source.recorded_snapshot(symbol) {
        return ok(recorded);
    }
    // Assumed for a symbol that is not traded.
    let snapshot = source.market.snapshot(symbol).ok_or_else(invalid_symbol)?;
    let levels = |side| {
        let levels = snapshot.book.best_first(side).take(limit);
        json_levels(levels, &snapshot.instrument, padded)
    };
    let (id, bids, asks) = (snapshot.id, levels(Side::Bid), levels(Side::Ask));
    ok(format!(
        // By hand, since the order of the keys is a part of what is imitated.
        r#"{{"lastUpdateId":{id},"bids":{bids},"asks":{asks}}}"#
    ))
}

fn trades(request: &RestRequest, source: Source<'_>) -> Result<Answer, Answer> {
    let symbol = symbol(request)?;
    let limit = limit(request, 500, 1000)?;
    let instrument = source.market.find(symbol).ok_or_else(invalid_symbol)?;
    // `fromId` is for the older ones. The market remembers only so many.
    let from_id = request.parameter("fromId").map(str::parse::<u64>);
    let from_id = from_id.transpose().map_err(|_| illegal("fromId"))?;
    let newest = if from_id.is_some() { usize::MAX } else { limit };
    let trades = source
        .market
        .trades(symbol, newest)
        .ok_or_else(invalid_symbol)?;
    let trades: Vec<Value> = trades
        .iter()
        .filter(|trade| from_id.is_none_or(|from_id| from_id <= trade.id))
        .take(limit)
        .map(|trade| {
            let price = instrument.price(trade.level.price);
            let quantity = instrument.quantity(trade.level.quantity);
            json!({
                "id": trade.id,
                "price": padded(price).to_string(),
                "qty": padded(quantity).to_string(),
                "quoteQty": padded(price * quantity).to_string(),
                "time": in_unit(trade.time, wants_micros(&request.headers)),
                "isBuyerMaker": trade.buyer_is_maker,
                "isBestMatch": true,
            })
        })
        .collect();
    ok(Value::from(trades).to_string())
}

fn symbol(request: &RestRequest) -> Result<&str, Answer> {
    request.parameter("symbol").ok_or_else(|| {
        refuse(
            -1102,
            "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
        )
    })
}

/// More than `most` is taken as `most`.
fn limit(request: &RestRequest, default: usize, most: usize) -> Result<usize, Answer> {
    match request.parameter("limit") {
        None => Ok(default),
        Some(limit) => match limit.parse::<usize>() {
            Ok(limit) => Ok(limit.min(most)),
            Err(_) => Err(illegal("limit")),
        },
    }
}

fn illegal(parameter: &str) -> Answer {
    let message = format!(
        "Illegal characters found in parameter '{parameter}'; legal range is '^[0-9]{{1,20}}$'."
    );
    refuse(-1100, &message)
}

fn wants_micros(headers: &HeaderMap) -> bool {
    headers
        .get("x-mbx-time-unit")
        .is_some_and(|unit| unit.as_bytes().eq_ignore_ascii_case(b"microsecond"))
}

pub(super) fn invalid_symbol() -> Answer {
    refuse(-1121, "Invalid symbol.")
}

pub(super) fn refuse(code: i32, message: &str) -> Answer {
    let body = json!({"code": code, "msg": message}).to_string();
    Answer::new(StatusCode::BAD_REQUEST, JSON, body)
}

pub(super) fn ok(body: impl Into<bytes::Bytes>) -> Result<Answer, Answer> {
    Ok(Answer::new(StatusCode::OK, JSON, body))
}
