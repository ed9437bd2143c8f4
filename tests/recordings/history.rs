//! The trades of the past over REST.

use serde_json::{Value, json};
use testkit::mock::RestRequest;

use super::capture::Dialect;
use super::reading::Trade;

/// The answer to a request for trades of the past. `trades` are all there are of the symbol, the oldest
/// first.
pub(super) fn answer(dialect: Dialect, request: &RestRequest, trades: &[&Trade]) -> String {
    let number = |key: &str| {
        let value = request.parameter(key);
        value.map(|value| value.parse::<u64>().unwrap())
    };
    match dialect {
        Dialect::Binance => {
            let from_id = number("fromId").unwrap();
            let wanted = trades.iter().filter(|trade| from_id <= trade.id);
            wanted
                .map(|trade| binance(trade))
                .collect::<Value>()
                .to_string()
        }
        Dialect::Kraken(_) => {
            let since = number("since").unwrap_or_default();
            let at = |trade: &Trade| trade.timestamp_ns.unwrap().cast_unsigned();
            let wanted = trades.iter().filter(|trade| since < at(trade));
            let rows: Vec<_> = wanted.map(|trade| kraken(trade)).collect();
            let (rows, last) = (
                rows.join(","),
                trades.last().map_or(since, |trade| at(trade)),
            );
            let pair = request.parameter("pair").unwrap();
            format!(r#"{{"error":[],"result":{{"{pair}":[{rows}],"last":"{last}"}}}}"#)
        }
        Dialect::Okx2022 => {
            let after = number("after").unwrap();
            let wanted = trades.iter().rev().filter(|trade| trade.id < after);
            let rows: Value = wanted.map(|trade| okx(trade)).collect();
            json!({"code": "0", "msg": "", "data": rows}).to_string()
        }
    }
}

fn binance(trade: &Trade) -> Value {
    json!({
        "id": trade.id,
        "price": trade.price,
        "qty": trade.amount,
        "time": millis(trade),
        "isBuyerMaker": trade.side == "sell",
        "isBestMatch": true,
    })
}

fn kraken(trade: &Trade) -> String {
    // By hand: a floating point number has not all digits of the time.
    let micros = trade.timestamp_ns.unwrap() / 1_000;
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (
        Trade {
            price, amount, id, ..
        },
        side,
    ) = (trade, &trade.side[..1]);
    format!(r#"["{price}","{amount}",{seconds}.{micros:06},"{side}","l","",{id}]"#)
}

fn okx(trade: &Trade) -> Value {
    json!({
        "side": trade.side,
        "sz": trade.amount,
        "px": trade.price,
        "tradeId": trade.id.to_string(),
        "ts": millis(trade).to_string(),
    })
}

fn millis(trade: &Trade) -> i64 {
    trade.timestamp_ns.unwrap() / 1_000_000
}
