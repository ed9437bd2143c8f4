//! The mock of Binance.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use feeds::{Binance, Exchange};
use http::StatusCode;
use serde_json::{Value, json};
use testkit::{ExchangeTransport, Fault, MockExchange, Replay};

use super::client::{Rest, Ws, trades};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn rest_answers_like_the_exchange() {
    let exchange = Binance::mock()
        .tick_interval(Duration::from_millis(1))
        .start()
        .await
        .unwrap();
    let rest = Rest::of(&exchange);
    assert_eq!(rest.json("/api/v3/ping").await, json!({}));

    let micros = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros();
    let time = rest.json("/api/v3/time").await["serverTime"]
        .as_u64()
        .unwrap();
    assert!(u128::from(time).abs_diff(micros) < 10_000_000, "{time}");

    let info = rest.json("/api/v3/exchangeInfo").await;
    let status = |name: &str| {
        let symbols = info["symbols"].as_array().unwrap();
        let row = symbols.iter().find(|row| row["symbol"] == name).unwrap();
        row["status"].clone()
    };
    assert_eq!(status("BTCUSDT"), "TRADING");
    assert_eq!(status("LUNABTC"), "BREAK");
    let some = "/api/v3/exchangeInfo?symbols=%5B%22ETHUSDT%22,%22BTCUSDT%22%5D";
    let some = rest.json(some).await;
    assert_eq!(some["symbols"][0]["baseAsset"], "ETH");
    assert_eq!(some["symbols"].as_array().unwrap().len(), 2);
    assert_eq!(some["symbols"][1]["filters"][0]["tickSize"], "0.01000000");

    let depth = rest.json("/api/v3/depth?symbol=BTCUSDT&limit=5").await;
    assert_eq!(keys(&depth), ["asks", "bids", "lastUpdateId"]);
    assert!(depth["lastUpdateId"].is_u64());
    let bids = depth["bids"].as_array().unwrap();
    assert_eq!(bids.len(), 5);
    let price = |level: &Value| level[0].as_str().unwrap().to_owned();
    assert!(price(&bids[0]) > price(&bids[4]), "bids descend");
    assert_eq!(price(&bids[0]).split('.').nth(1).unwrap().len(), 8);

    let newest = trades(&rest, "/api/v3/trades?symbol=BTCUSDT&limit=5").await;
    let id = |trade: &Value| trade["id"].as_u64().unwrap();
    assert_eq!(id(&newest[4]), id(&newest[0]) + 4, "oldest first");
    assert!(newest[0]["time"].as_u64().unwrap() > 1_000_000_000_000_000);
    let from = id(&newest[2]);
    let path = format!("/api/v3/historicalTrades?symbol=BTCUSDT&limit=2&fromId={from}");
    let older = rest.json(&path).await;
    assert_eq!([id(&older[0]), id(&older[1])], [from, from + 1]);
}

#[tokio::test]
async fn rest_refuses_like_the_exchange_and_counts_weight() {
    let exchange = Binance::mock().start().await.unwrap();
    let rest = Rest::of(&exchange);
    for (path, code) in [
        ("/api/v3/depth?symbol=NOPE", -1121),
        ("/api/v3/depth?symbol=LUNABTC", -1121),
        ("/api/v3/depth", -1102),
        ("/api/v3/depth?symbol=BTCUSDT&limit=x", -1100),
        ("/api/v3/exchangeInfo?symbol=NOPE", -1121),
        ("/api/v3/exchangeInfo?symbols=nonsense", -1100),
        ("/api/v3/trades?symbol=NOPE", -1121),
        ("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=x", -1100),
    ] {
        let (status, _, body) = rest.get(path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["code"], code, "{path}");
    }
    assert_eq!(rest.get("/api/v1/depth").await.0, StatusCode::NOT_FOUND);
    let used = |answer: &(StatusCode, http::HeaderMap, String)| {
        let used = answer.1["x-mbx-used-weight-1m"].to_str().unwrap();
        used.parse::<u64>().unwrap()
    };
    // The count starts again at a full minute; a test that meets one looks again.
    let grown = async || {
        let rest = Rest::of(&exchange);
        let before = used(&rest.get("/api/v3/ping").await);
        let after = used(&rest.get("/api/v3/depth?symbol=BTCUSDT&limit=1000").await);
        after.checked_sub(before)
    };
    let weight = match grown().await {
        Some(weight) => weight,
        None => grown().await.unwrap(),
    };
    assert_eq!(weight, 50);
}

#[tokio::test]
async fn a_recording_has_its_snapshots() {
    let replay = Replay::new(Vec::<String>::new()).snapshot("BTCUSDT", "recorded");
    let exchange = Binance::mock().replay(replay).start().await.unwrap();
    let rest = Rest::of(&exchange);
    let (_, _, body) = rest.get("/api/v3/depth?symbol=BTCUSDT").await;
    assert_eq!(body, "recorded");
}

async fn exchange() -> MockExchange {
    Binance::mock().start().await.unwrap()
}

#[tokio::test]
async fn each_stream_has_its_recorded_form() {
    let exchange = exchange().await;
    let path = "/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms";
    let mut ws = Ws::open(&exchange, path).await;
    for (stream, start) in [
        ("btcusdt@trade", r#"{"e":"trade","E":1"#),
        ("btcusdt@bookTicker", r#"{"u":"#),
        ("btcusdt@depth@100ms", r#"{"e":"depthUpdate","E":1"#),
    ] {
        let start = format!(r#"{{"stream":"{stream}","data":{start}"#);
        let mut text = ws.text().await;
        while !text.starts_with(&start) {
            text = ws.text().await;
        }
        assert!(text.contains(r#""s":"BTCUSDT""#), "{text}");
        let event: Value = serde_json::from_str(&text).unwrap();
        if let Some(time) = event["data"]["E"].as_u64() {
            assert!(time < 10_000_000_000_000, "milliseconds: {time}");
        }
    }
    let path = "/ws/btcusdt@depth?timeUnit=MICROSECOND";
    let event = Ws::open(&exchange, path).await.json().await;
    assert!(event["data"].is_null(), "not wrapped");
    assert!(event["E"].as_u64().unwrap() > 1_000_000_000_000_000);
}

#[tokio::test]
async fn trades_have_contiguous_ids_and_the_exchanges_keys() {
    let exchange = Binance::mock()
        .tick_interval(Duration::from_millis(1))
        .start()
        .await
        .unwrap();
    let mut ws = Ws::open(&exchange, "/ws/ethusdt@trade").await;
    let mut last = None;
    for _ in 0..20 {
        let trade = ws.json().await;
        let keys: Vec<_> = trade.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 9, "{keys:?}");
        let id = trade["t"].as_u64().unwrap();
        assert!(last.is_none_or(|last| id == last + 1));
        last = Some(id);
    }
}

#[tokio::test]
async fn subscriptions_come_and_go_on_an_open_connection() {
    let exchange = exchange().await;
    let mut ws = Ws::open(&exchange, "/ws").await;
    assert!(ws.is_silent().await);
    ws.say(r#"{"method":"SUBSCRIBE","params":["solusdt@depth"],"id":1}"#)
        .await;
    assert_eq!(ws.text().await, r#"{"result":null,"id":1}"#);
    assert!(ws.text().await.contains("SOLUSDT"));
    ws.say(r#"{"method":"UNSUBSCRIBE","params":["solusdt@depth"],"id":2}"#)
        .await;
    while ws.text().await != r#"{"result":null,"id":2}"# {}
    assert!(ws.is_silent().await);
    ws.say("{").await;
    assert!(ws.text().await.starts_with(r#"{"error":{"code":3,"#));

    let records = exchange.ledger().connections();
    assert_eq!(records[0].transport, ExchangeTransport::WebSocket);
    assert_eq!(records[0].requests[0].path, "/ws");
    assert_eq!(records[0].messages_received.len(), 3);
    assert!(records[0].messages_sent >= 4);
}

#[tokio::test]
async fn unknown_and_closed_symbols_are_silent() {
    let exchange = exchange().await;
    let mut ws = Ws::open(&exchange, "/stream?streams=nopeusdt@depth/lunabtc@depth").await;
    assert!(ws.is_silent().await);
    assert_eq!(Ws::refused(&exchange, "/nope").await, 404);
}

#[tokio::test]
async fn a_connection_that_talks_too_much_is_closed() {
    let exchange = exchange().await;
    let mut ws = Ws::open(&exchange, "/ws").await;
    for id in 0..6 {
        ws.say(&format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#))
            .await;
    }
    assert_eq!(
        ws.close_frame().await,
        (1008, "Too many requests".to_owned())
    );
}

#[tokio::test]
async fn a_shutdown_is_announced() {
    let exchange = exchange().await;
    let mut combined = Ws::open(&exchange, "/stream").await;
    let mut raw = Ws::open(&exchange, "/ws").await;
    exchange.shutdown_notice();
    let notice = combined.json().await;
    assert_eq!(notice["stream"], "!serverShutdown");
    assert_eq!(notice["data"]["e"], "serverShutdown");
    assert_eq!(raw.json().await["e"], "serverShutdown");
}

#[tokio::test]
async fn a_recording_is_played_by_stream() {
    let frame = |stream, kind| format!(r#"{{"stream":"{stream}","data":{{"e":"{kind}"}}}}"#);
    let frames = [
        frame("a@depth", "depthUpdate"),
        frame("b@trade", "trade"),
        frame("a@trade", "trade"),
        "noise".to_owned(),
    ];
    let exchange = Binance::mock().replay(Replay::new(frames.clone()));
    let exchange = exchange.start().await.unwrap();
    exchange.inject(Fault::DropDepth(1));
    let mut ws = Ws::open(&exchange, "/stream?streams=a@depth/a@trade").await;
    for frame in &frames[2..] {
        assert_eq!(ws.text().await, *frame);
    }
}

#[tokio::test]
async fn limits_are_those_of_the_codec() {
    let limits = *Binance::default().limits();
    let exchange = exchange().await;
    let streams = |count: u32| {
        let names: Vec<_> = (0..count).map(|n| format!("{n:x}@t")).collect();
        format!("/stream?streams={}", names.join("/"))
    };
    let most = limits.streams.unwrap();
    Ws::open(&exchange, &streams(most)).await;
    assert_eq!(Ws::refused(&exchange, &streams(most + 1)).await, 400);
    let path = |length: usize| format!("/ws/{}", "x".repeat(length - "/ws/".len()));
    let longest = limits.url.unwrap();
    Ws::open(&exchange, &path(longest)).await;
    assert_eq!(Ws::refused(&exchange, &path(longest + 1)).await, 414);

    let rest = Rest::of(&exchange);
    let deepest = "/api/v3/depth?symbol=BTCUSDT&limit=5000";
    let mut answered = 0;
    let (headers, body) = loop {
        let (status, headers, body) = rest.get(deepest).await;
        if status == 429 {
            break (headers, body);
        }
        answered += 250;
    };
    assert!(answered >= limits.rest[0].units, "{answered}");
    let seconds: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((30..=60).contains(&seconds), "{seconds}");
    assert!(
        body.contains("current limit is 6000 request weight per 1 MINUTE"),
        "{body}"
    );
}

#[tokio::test]
async fn one_that_goes_on_after_429_is_banned_in_the_words_of_the_exchange() {
    let exchange = exchange().await;
    let rest = Rest::of(&exchange);
    let banned = loop {
        let (status, headers, body) = rest.get("/api/v3/depth?symbol=BTCUSDT&limit=5000").await;
        match status.as_u16() {
            200 | 429 => {}
            418 => break (headers, body),
            other => panic!("{other}"),
        }
    };
    let (headers, body) = banned;
    let seconds: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((110..=120).contains(&seconds), "{seconds}");
    let until = body.split_once("IP banned until ").unwrap().1;
    let until: u64 = until.split_once(". Please").unwrap().0.parse().unwrap();
    assert!(until > 1_700_000_000_000, "milliseconds: {until}");
    assert_eq!(Ws::refused(&exchange, "/ws").await, 418);
    let all = exchange.violations();
    let first = &all[0];
    assert_eq!((first.limit, first.allowed), ("weight", 6000));
    assert!(all.iter().filter(|it| it.limit == "weight").count() >= 20);
}

#[tokio::test]
async fn every_limit_of_a_connection_is_a_violation_of_its_own() {
    let exchange = exchange().await;
    let mut ws = Ws::open(&exchange, "/ws").await;
    let long = format!(
        r#"{{"method":"SUBSCRIBE","params":["{}"]}}"#,
        "x".repeat(5000)
    );
    ws.say(&long).await;
    assert!(ws.text().await.contains("line 1 column 4096"));
    Ws::refused(&exchange, &format!("/ws/{}", "x".repeat(9000))).await;
    let streams: Vec<_> = (0..1025).map(|n| format!("{n:x}@t")).collect();
    Ws::refused(&exchange, &format!("/ws/{}", streams.join("/"))).await;
    let found: Vec<_> = exchange
        .violations()
        .iter()
        .map(|it| (it.limit, it.found, it.allowed))
        .collect();
    let expected = [
        ("request", long.len() as u64, 4096),
        ("url", 9004, 8004),
        ("streams", 1025, 1024),
    ];
    assert_eq!(found, expected);
}
