//! Kraken: its WebSocket and its REST interface.

use std::time::Duration;

use feeds::Kraken;
use http::StatusCode;
use serde_json::{Value, json};
use testkit::{Fault, MockExchange, Replay};

use super::client::{Rest, Ws};

/// An exchange, a connection to it, and what it said first.
async fn open() -> (MockExchange, Ws, Value) {
    let exchange = Kraken::mock()
        .tick_interval(Duration::from_millis(2))
        .start()
        .await
        .unwrap();
    let mut ws = Ws::open(&exchange, "/v2").await;
    let status = ws.json().await;
    (exchange, ws, status)
}

/// A reply without its times.
fn untimed(mut reply: Value) -> Value {
    let keys = reply.as_object_mut().unwrap();
    for key in ["time_in", "time_out"] {
        let time = keys.remove(key).unwrap();
        let time = time.as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z') && time.len() == 27);
    }
    reply
}

/// The answer to a request that begins nothing.
async fn ask(ws: &mut Ws, request: &str) -> Value {
    ws.say(request).await;
    loop {
        let message = ws.json().await;
        if message["method"].is_string() {
            return untimed(message);
        }
    }
}

/// The next message of a channel.
async fn next(ws: &mut Ws, channel: &str, kind: &str) -> String {
    let start = format!(r#"{{"channel":"{channel}","type":"{kind}","data":[{{"symbol":""#);
    loop {
        let text = ws.text().await;
        if text.starts_with(&start) {
            return text;
        }
    }
}

#[tokio::test]
async fn a_connection_begins_with_the_status_and_each_symbol_is_acknowledged() {
    let (_exchange, mut ws, status) = open().await;
    assert_eq!(status["channel"], "status");
    assert_eq!(status["data"][0]["system"], "online");
    let id = status["data"][0]["connection_id"].as_u64().unwrap();
    assert!(i64::try_from(id).is_err(), "{id}");

    ws.say(r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","XBT/USD","DOGE/USD"],"depth":25},"req_id":7}"#)
        .await;
    let acknowledged = |symbol: &str| {
        json!({"method": "subscribe", "req_id": 7, "success": true, "result":
            {"channel": "book", "depth": 25, "snapshot": true, "symbol": symbol}})
    };
    assert_eq!(untimed(ws.json().await), acknowledged("BTC/USD"));
    assert_eq!(
        untimed(ws.json().await),
        json!({"error": "Currency pair not supported XBT/USD", "method": "subscribe",
            "req_id": 7, "success": false, "symbol": "XBT/USD"})
    );
    assert_eq!(untimed(ws.json().await), acknowledged("DOGE/USD"));
    for symbol in ["BTC/USD", "DOGE/USD"] {
        let snapshot = ws.json().await;
        assert_eq!(snapshot["type"], "snapshot");
        let book = &snapshot["data"][0];
        assert_eq!(book["symbol"], symbol);
        for side in ["bids", "asks"] {
            assert_eq!(book[side].as_array().unwrap().len(), 25);
        }
        assert!(u32::try_from(book["checksum"].as_u64().unwrap()).is_ok());
    }
    next(&mut ws, "book", "update").await;
}

#[tokio::test]
async fn refusals_read_as_recorded_and_heartbeats_go_on() {
    let (exchange, mut ws, _) = open().await;
    for (request, error) in [
        (
            r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":27}}"#,
            "Subscription depth not supported",
        ),
        (
            r#"{"method":"subscribe","params":{"channel":"executions","symbol":["BTC/USD"]}}"#,
            "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",
        ),
    ] {
        let refusal = json!({"error": error, "method": "subscribe", "success": false});
        assert_eq!(ask(&mut ws, request).await, refusal);
    }
    assert_eq!(ws.text().await, r#"{"channel":"heartbeat"}"#);
    for request in ["nonsense", "{}", r#"{"method":"subscribe"}"#] {
        assert_eq!(ask(&mut ws, request).await["success"], false);
    }
    assert_eq!(Ws::refused(&exchange, "/v1").await, 404);
}

#[tokio::test]
async fn only_a_subscription_after_the_end_of_another_brings_a_snapshot() {
    let (_exchange, mut ws, _) = open().await;
    let subscribe = r#"{"method":"subscribe","params":{"channel":"book","symbol":["ETH/USD"]}}"#;
    let unsubscribe =
        r#"{"method":"unsubscribe","params":{"channel":"book","symbol":["ETH/USD"],"depth":10}}"#;
    assert_eq!(ask(&mut ws, subscribe).await["result"]["depth"], 10);
    next(&mut ws, "book", "snapshot").await;
    assert_eq!(
        ask(&mut ws, subscribe).await,
        json!({"error": "Already subscribed", "method": "subscribe", "success": false,
            "symbol": "ETH/USD"})
    );
    let other = unsubscribe.replace("10", "25");
    assert_eq!(
        ask(&mut ws, &other).await["success"],
        false,
        "of another depth"
    );
    assert_eq!(
        ask(&mut ws, unsubscribe).await,
        json!({"method": "unsubscribe", "success": true, "result":
            {"channel": "book", "depth": 10, "symbol": "ETH/USD"}})
    );
    ws.say(subscribe).await;
    let acknowledged = ws.json().await;
    assert_eq!(acknowledged["success"], true, "nothing in between");
    assert_eq!(ws.json().await["type"], "snapshot");
}

#[tokio::test]
async fn a_ticker_is_sent_with_each_trade_unless_quotes_are_asked_for() {
    for (trigger, told) in [("", "trades"), (r#","event_trigger":"bbo""#, "bbo")] {
        let (_exchange, mut ws, _) = open().await;
        let request = format!(
            r#"{{"method":"subscribe","params":{{"channel":"ticker","symbol":["BTC/USD"]{trigger}}}}}"#
        );
        let result = &ask(&mut ws, &request).await["result"];
        assert_eq!(result["event_trigger"], told);
        let snapshot = next(&mut ws, "ticker", "snapshot").await;
        assert!(snapshot.contains(r#""bid_qty":"#));
        let first: Value = serde_json::from_str(&next(&mut ws, "ticker", "update").await).unwrap();
        let data = &first["data"][0];
        assert!(data["bid"].as_f64().unwrap() < data["ask"].as_f64().unwrap());
    }
}

#[tokio::test]
async fn trades_have_contiguous_ids_and_their_history_is_told_on_request() {
    let (_exchange, mut ws, _) = open().await;
    let request = r#"{"method":"subscribe","params":{"channel":"trade","symbol":["SOL/USD"]}}"#;
    assert_eq!(ask(&mut ws, request).await["result"]["snapshot"], false);
    let mut ids = Vec::new();
    while ids.len() < 20 {
        let text = next(&mut ws, "trade", "update").await;
        let trades: Value = serde_json::from_str(&text).unwrap();
        for trade in trades["data"].as_array().unwrap() {
            ids.push(trade["trade_id"].as_u64().unwrap());
            assert!(["buy", "sell"].contains(&trade["side"].as_str().unwrap()));
        }
    }
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");

    ask(&mut ws, &request.replace("subscribe", "unsubscribe")).await;
    let with_history = request.replace("]}", r#"],"snapshot":true}"#);
    ask(&mut ws, &with_history).await;
    let history: Value = serde_json::from_str(&next(&mut ws, "trade", "snapshot").await).unwrap();
    let history = history["data"].as_array().unwrap();
    let last = history.last().unwrap()["trade_id"].as_u64().unwrap();
    assert!(last >= ids[19] && history.len() <= 50);
}

#[tokio::test]
async fn a_ping_is_answered_and_an_end_is_announced() {
    let (exchange, mut ws, _) = open().await;
    assert_eq!(
        ask(&mut ws, r#"{"method":"ping","req_id":101}"#).await,
        json!({"method": "pong", "req_id": 101})
    );
    exchange.shutdown_notice();
    let status = ws.json().await;
    let maintenance = &status["data"][0]["upcoming_maintenance"][0];
    assert_eq!(maintenance["recommended_action"], "disconnect_and_wait");
    assert_eq!(maintenance["time_to_start_s"], 30);
}

#[tokio::test]
async fn a_mute_exchange_acknowledges_and_withholds_the_snapshot() {
    let (exchange, mut ws, _) = open().await;
    exchange.inject(Fault::Mute);
    let request = r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#;
    assert_eq!(ask(&mut ws, request).await["success"], true);
    assert_eq!(ws.text().await, r#"{"channel":"heartbeat"}"#);
    exchange.resume();
    next(&mut ws, "book", "update").await;
}

#[tokio::test]
async fn a_recording_is_played_without_a_word_of_the_mock_between() {
    let recorded = [r#"{"channel":"status"}"#, r#"{"channel":"heartbeat"}"#];
    let exchange = Kraken::mock()
        .ping_interval(Duration::from_millis(1))
        .replay(Replay::new(recorded))
        .start()
        .await
        .unwrap();
    let mut ws = Ws::open(&exchange, "/v2").await;
    let request = r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/CHF"]}}"#;
    assert_eq!(ask(&mut ws, request).await["success"], true);
    for text in recorded {
        assert_eq!(ws.text().await, text);
    }
    assert!(ws.is_silent().await);
}

#[tokio::test]
async fn pairs_have_three_names_and_trades_are_told_from_page_to_page() {
    let (exchange, mut ws, _) = open().await;
    let rest = Rest::of(&exchange);
    let time = rest.json("/0/public/Time").await;
    assert!(time["result"]["unixtime"].as_u64().unwrap() > 1_700_000_000);
    let pairs = rest.json("/0/public/AssetPairs").await;
    for (key, altname, wsname, status) in [
        ("XXBTZUSD", "XBTUSD", "XBT/USD", "online"),
        ("XDGUSD", "XDGUSD", "XDG/USD", "online"),
        ("SOLUSD", "SOLUSD", "SOL/USD", "online"),
        ("ACAEUR", "ACAEUR", "ACA/EUR", "cancel_only"),
    ] {
        let row = &pairs["result"][key];
        assert_eq!(
            [&row["altname"], &row["wsname"], &row["status"]],
            [altname, wsname, status]
        );
        assert!(pairs["result"][format!("{key}.d")]["wsname"].is_null());
    }

    ask(
        &mut ws,
        r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#,
    )
    .await;
    let mut cursor = "0".to_owned();
    let mut ids = Vec::new();
    for _ in 0..5 {
        let live = next(&mut ws, "trade", "update").await;
        let live: Value = serde_json::from_str(&live).unwrap();
        let path = format!("/0/public/Trades?pair=BTC%2FUSD&count=1000&since={cursor}");
        let page = rest.json(&path).await["result"].take();
        let trades = page["BTC/USD"].as_array().unwrap();
        ids.extend(trades.iter().map(|trade| trade[6].as_u64().unwrap()));
        page["last"].as_str().unwrap().clone_into(&mut cursor);
        let live = live["data"][0]["trade_id"].as_u64().unwrap();
        assert!(ids.contains(&live), "one numbering: {live} in {ids:?}");
    }
    let by_altname = rest.json("/0/public/Trades?pair=XBTUSD&count=1").await;
    let rows = by_altname["result"]["XXBTZUSD"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    let (price, quantity) = (rows[0][0].as_str().unwrap(), rows[0][1].as_str().unwrap());
    let decimals = |text: &str| text.split('.').nth(1).unwrap().len();
    assert_eq!((decimals(price), decimals(quantity)), (5, 8));
}

#[tokio::test]
async fn rest_refuses_with_status_200_and_after_a_burst() {
    let (exchange, _ws, _) = open().await;
    let rest = Rest::of(&exchange);
    for (path, error) in [
        ("/0/public/Trades?pair=NOPE", "EQuery:Unknown asset pair"),
        (
            "/0/public/AssetPairs?pair=NOPE",
            "EQuery:Unknown asset pair",
        ),
        ("/0/public/Trades", "EGeneral:Invalid arguments"),
        (
            "/0/public/Trades?pair=XBTUSD&since=x",
            "EGeneral:Invalid arguments",
        ),
        ("/0/public/Nope", "EGeneral:Unknown method"),
    ] {
        let (status, _, body) = rest.get(path).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body, format!(r#"{{"error":["{error}"]}}"#), "{path}");
    }
    let refused = r#"{"error":["EGeneral:Too many requests"]}"#;
    let mut answers = 5;
    while rest.get("/0/public/Time").await.2 != refused {
        answers += 1;
    }
    assert!(answers >= 30, "{answers}");
}
