//! OKX's REST interface, public market data.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::mock::{Answer, Instrument, RestRequest, Source, Trade, now};

use super::super::limits::{HISTORY_TRADES, INSTRUMENTS, TICKERS, TIME};
use super::stream::{day_entry, side};
use super::unpadded;

const JSON: &str = "application/json";
/// The most trades in one answer.
const TRADES: usize = 100;

pub(super) fn answer(request: &RestRequest, source: Source<'_>) -> Answer {
    let (window, answer) = match (&request.method, request.path.as_str()) {
        (&Method::GET, "/api/v5/public/time") => {
            let millis = (now() / 1000).to_string();
            (Some(TIME), Ok(vec![json!({"ts": millis})]))
        }
        (&Method::GET, "/api/v5/public/instruments") => {
            (Some(INSTRUMENTS), instruments(request, source))
        }
        (&Method::GET, "/api/v5/market/history-trades") => {
            (Some(HISTORY_TRADES), trades(request, source))
        }
        (&Method::GET, "/api/v5/market/tickers") => (Some(TICKERS), tickers(request, source)),
        (&Method::GET, "/api/v5/market/ticker") => (Some(TICKERS), ticker(request, source)),
        // Assumed.
        _ => (None, Err(refuse(StatusCode::NOT_FOUND, "404", "Not Found"))),
    };
    if let Some(window) = window
        && source.client.spend(window, 1).refused.is_some()
    {
        // As recorded: no data.
        let body = r#"{"msg":"Too Many Requests","code":"50011"}"#;
        return Answer::new(StatusCode::TOO_MANY_REQUESTS, JSON, body);
    }
    let envelope = |data| json!({"code": "0", "data": data, "msg": ""});
    answer.map_or_else(
        |refusal| refusal,
        |data: Vec<Value>| Answer::new(StatusCode::OK, JSON, envelope(data).to_string()),
    )
}

/// Whether a request is about spot, which is all that is here.
fn is_spot(request: &RestRequest) -> Result<bool, Answer> {
    match request.parameter("instType") {
        Some("SPOT") => Ok(true),
        Some("MARGIN" | "SWAP" | "FUTURES" | "OPTION") => Ok(false),
        Some(_) => Err(refused("51000", "Parameter instType error")),
        None => Err(empty("instType")),
    }
}

fn tickers(request: &RestRequest, source: Source<'_>) -> Result<Vec<Value>, Answer> {
    let days = match is_spot(request)? {
        true => source.market.days(),
        false => Vec::new(),
    };
    Ok(days.iter().map(|day| day_entry(day, now())).collect())
}

fn ticker(request: &RestRequest, source: Source<'_>) -> Result<Vec<Value>, Answer> {
    let symbol = request.parameter("instId").ok_or_else(|| empty("instId"))?;
    let day = source.market.day(symbol).ok_or_else(no_instrument)?;
    Ok(vec![day_entry(&day, now())])
}

fn instruments(request: &RestRequest, source: Source<'_>) -> Result<Vec<Value>, Answer> {
    if !is_spot(request)? {
        return Ok(Vec::new());
    }
    let mut rows: Vec<_> = source
        .market
        .instruments()
        .iter()
        .map(|it| row(it))
        .collect();
    // Listed ahead of its first trade, as one was seen: with a state, and little else.
    rows.push(json!({
        "baseCcy": "NEW", "instId": "", "instType": "SPOT", "listTime": "1790400000000",
        "lotSz": "", "minSz": "", "quoteCcy": "USDT", "state": "preopen", "tickSz": "",
    }));
    Ok(rows)
}

fn row(instrument: &Instrument) -> Value {
    let lot = unpadded(instrument.quantity(1)).to_string();
    json!({
        "baseCcy": instrument.base,
        "expTime": "",
        "instId": instrument.symbol,
        "instIdCode": null,
        "instType": "SPOT",
        "listTime": "1606468572000",
        "lotSz": lot,
        "minSz": lot,
        "openType": "call_auction",
        "quoteCcy": instrument.quote,
        "ruleType": "normal",
        "state": if instrument.open { "live" } else { "suspend" },
        "tickSz": unpadded(instrument.price(1)).to_string(),
        "upcChg": [],
    })
}

/// The newest first, each by itself: nothing is told as one here.
fn trades(request: &RestRequest, source: Source<'_>) -> Result<Vec<Value>, Answer> {
    let symbol = request.parameter("instId").ok_or_else(|| empty("instId"))?;
    let instrument = source.market.find(symbol).ok_or_else(no_instrument)?;
    let by_time = match request.parameter("type") {
        None | Some("1") => false,
        Some("2") => true,
        Some(_) => return Err(refused("51000", "Parameter type error")),
    };
    let number = |name| match request.parameter(name).map(str::parse::<u64>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(refused("51000", &format!("Parameter {name} error"))),
    };
    let (after, before) = (number("after")?, number("before")?);
    let limit = number("limit")?.and_then(|limit| usize::try_from(limit).ok());
    let place = |trade: &Trade| if by_time { trade.time / 1000 } else { trade.id };
    let is_within = |trade: &&Trade| {
        after.is_none_or(|after| place(trade) < after)
            && before.is_none_or(|before| place(trade) > before)
    };
    let made = source.market.trades(symbol, usize::MAX).unwrap_or_default();
    let rows = made.iter().rev().filter(is_within).map(|trade| {
        json!({
            "instId": symbol,
            "px": unpadded(instrument.price(trade.level.price)).to_string(),
            "side": side(trade),
            "source": "0",
            "sz": unpadded(instrument.quantity(trade.level.quantity)).to_string(),
            "tradeId": trade.id.to_string(),
            "ts": (trade.time / 1000).to_string(),
        })
    });
    Ok(rows.take(limit.unwrap_or(TRADES).min(TRADES)).collect())
}

fn no_instrument() -> Answer {
    let message = "Instrument ID, Instrument ID code, or Spread ID doesn't exist.";
    refused("51001", message)
}

fn empty(name: &str) -> Answer {
    let message = format!("Parameter {name} can not be empty");
    refuse(StatusCode::BAD_REQUEST, "50014", &message)
}

/// A refusal as nearly all of them are: with the status of success.
fn refused(code: &str, message: &str) -> Answer {
    refuse(StatusCode::OK, code, message)
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = json!({"code": code, "data": [], "msg": message}).to_string();
    Answer::new(status, JSON, body)
}
