//! REST of both exchanges.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{ExchangeTransport, Fault, MockExchange, Replay, TestCa};

use crate::exchange_client::Rest;
use crate::raw_client::in_time;

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Waits for the first trades of a symbol.
async fn trades(rest: &mut Rest, path: &str) -> Vec<Value> {
    in_time(async {
        loop {
            let trades = rest.json(path).await;
            if trades.as_array().unwrap().len() == 5 {
                return trades.as_array().unwrap().clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn binance_answers_like_binance() {
    let exchange = MockExchange::binance()
        .tick_interval(Duration::from_millis(1))
        .start()
        .await
        .unwrap();
    let mut rest = Rest::connect(&exchange, None).await;
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

    let trades = trades(&mut rest, "/api/v3/trades?symbol=BTCUSDT&limit=5").await;
    let id = |trade: &Value| trade["id"].as_u64().unwrap();
    assert_eq!(id(&trades[4]), id(&trades[0]) + 4, "oldest first");
    assert!(trades[0]["time"].as_u64().unwrap() > 1_000_000_000_000_000);
}

#[tokio::test]
async fn binance_refuses_like_binance_and_counts_weight_per_address() {
    let exchange = MockExchange::binance().start().await.unwrap();
    let mut rest = Rest::connect(&exchange, None).await;
    for (path, code) in [
        ("/api/v3/depth?symbol=NOPE", -1121),
        ("/api/v3/depth?symbol=LUNABTC", -1121),
        ("/api/v3/depth", -1102),
        ("/api/v3/depth?symbol=BTCUSDT&limit=x", -1100),
        ("/api/v3/exchangeInfo?symbol=NOPE", -1121),
        ("/api/v3/exchangeInfo?symbols=nonsense", -1100),
        ("/api/v3/trades?symbol=NOPE", -1121),
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
        let mut rest = Rest::connect(&exchange, None).await;
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
async fn backpack_answers_like_backpack() {
    let exchange = MockExchange::backpack()
        .tick_interval(Duration::from_millis(1))
        .start()
        .await
        .unwrap();
    let mut rest = Rest::connect(&exchange, None).await;
    let status = json!({"message": null, "status": "Ok"});
    assert_eq!(rest.json("/api/v1/status").await, status);
    let (_, headers, body) = rest.get("/api/v1/ping").await;
    assert_eq!(
        (body.as_str(), &headers["content-type"]),
        ("pong", &"text/plain; charset=utf-8".parse().unwrap())
    );
    assert!(rest.get("/api/v1/time").await.2.parse::<u64>().unwrap() > 1_000_000_000_000);

    let markets = rest.json("/api/v1/markets").await;
    let state = |name: &str| {
        let markets = markets.as_array().unwrap();
        let row = markets.iter().find(|row| row["symbol"] == name).unwrap();
        row["orderBookState"].clone()
    };
    assert_eq!(state("SOL_USDC"), "Open");
    assert_eq!(state("HNT_USDC"), "Closed");
    let perps = rest.json("/api/v1/markets?marketType=PERP").await;
    assert_eq!(perps.as_array().unwrap().len(), 1);
    assert_eq!(perps[0]["symbol"], "SOL_USDC_PERP");
    let market = rest.json("/api/v1/market?symbol=BTC_USDC").await;
    assert_eq!(market["filters"]["price"]["tickSize"], "0.1");

    let depth = rest.json("/api/v1/depth?symbol=SOL_USDC&limit=20").await;
    assert!(depth["lastUpdateId"].is_string() && depth["timestamp"].is_u64());
    let bids = depth["bids"].as_array().unwrap();
    assert_eq!(bids.len(), 20);
    let number = |text: &Value| text.as_str().unwrap().parse::<f64>().unwrap();
    assert!(number(&bids[0][0]) < number(&bids[19][0]), "bids ascend");
    for level in bids.iter().flat_map(|level| level.as_array().unwrap()) {
        let text = level.as_str().unwrap();
        assert!(
            !text.contains('.') || !text.ends_with('0'),
            "unpadded: {text}"
        );
    }
    let all = rest.json("/api/v1/depth?symbol=SOL_USDC").await;
    assert!(
        number(&all["bids"].as_array().unwrap().last().unwrap()[0]) < number(&all["asks"][0][0])
    );

    let trades = trades(&mut rest, "/api/v1/trades?symbol=SOL_USDC&limit=5").await;
    let id = |trade: &Value| trade["id"].as_u64().unwrap();
    assert_eq!(id(&trades[0]), id(&trades[4]) + 4, "newest first");
}

#[tokio::test]
async fn backpack_refuses_like_backpack() {
    let exchange = MockExchange::backpack().start().await.unwrap();
    let mut rest = Rest::connect(&exchange, None).await;
    for (path, status, text) in [
        ("/api/v1/depth?symbol=NOPE", 400, "Invalid market symbol"),
        ("/api/v1/depth", 400, "failed to parse parameter `symbol`"),
        (
            "/api/v1/depth?symbol=SOL_USDC&limit=30",
            400,
            "\"DepthLimit\"",
        ),
        ("/api/v1/depth?symbol=HNT_USDC", 404, "RESOURCE_NOT_FOUND"),
        (
            "/api/v1/trades?symbol=SOL_USDC&limit=0",
            400,
            "failed to parse parameter `limit`",
        ),
        ("/api/v3/depth", 404, "not found"),
    ] {
        let (got, headers, body) = rest.get(path).await;
        assert_eq!(got, status, "{path}");
        assert!(body.contains(text), "{path}: {body}");
        assert!(!headers.contains_key("x-mbx-used-weight"));
    }
}

#[tokio::test]
async fn the_echo_tells_what_arrived_and_the_ledger_that_it_was_one_connection() {
    let ca = TestCa::new().unwrap();
    let exchange = MockExchange::binance()
        .tls(ca.server_config(&[]).unwrap())
        .start()
        .await
        .unwrap();
    let mut rest = Rest::connect(&exchange, Some(&ca)).await;
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
        let (status, _, body) = rest.send(method.clone(), "/echo?a=1", "hello").await;
        assert_eq!(status, StatusCode::OK);
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(told["method"], method.as_str());
        assert_eq!(told["path"], "/echo?a=1");
        assert_eq!(told["body"], "hello");
        assert_eq!(told["headers"]["host"], "exchange.test");
        assert!(told["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    }
    let connections = exchange.ledger().connections();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0].transport, ExchangeTransport::Rest);
    assert_eq!(connections[0].requests.len(), 4);
    assert_eq!(connections[0].requests[1].method, Method::POST);
    assert_eq!(connections[0].requests[1].path, "/echo?a=1");
    assert_eq!(connections[0].requests[1].headers["host"], "exchange.test");
    drop(rest);
    in_time(exchange.ledger().wait_for(|all| all[0].closed)).await;
}

#[tokio::test]
async fn a_substitute_takes_the_place_of_as_many_answers_as_it_shall() {
    let restricted = r#"{"code":0,"msg":"Service unavailable from a restricted location"}"#;
    for (exchange, path, retry_after) in [
        (MockExchange::binance(), "/api/v3/ping", true),
        (MockExchange::backpack(), "/api/v1/ping", false),
    ] {
        let exchange = exchange.start().await.unwrap();
        let mut rest = Rest::connect(&exchange, None).await;
        exchange.inject(Fault::RestStatus {
            status: 451,
            body: restricted.to_owned(),
            count: 2,
        });
        for _ in 0..2 {
            let (status, headers, body) = rest.get(path).await;
            assert_eq!((status.as_u16(), body.as_str()), (451, restricted));
            assert_eq!(headers["content-type"], "application/json");
        }
        assert_eq!(rest.get(path).await.0, StatusCode::OK);
        exchange.inject(Fault::RestStatus {
            status: 429,
            body: "<html>".to_owned(),
            count: u32::MAX,
        });
        let (status, headers, _) = rest.get(path).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(headers["content-type"], "text/html");
        assert_eq!(headers.contains_key("retry-after"), retry_after);
        exchange.resume();
        assert_eq!(rest.get(path).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_replay_serves_its_snapshots_as_they_were_recorded() {
    let replay = || Replay::new(Vec::<String>::new()).snapshot("BTCUSDT", "recorded 1");
    let exchange = MockExchange::binance()
        .replay(replay())
        .start()
        .await
        .unwrap();
    let mut rest = Rest::connect(&exchange, None).await;
    let (_, _, body) = rest.get("/api/v3/depth?symbol=BTCUSDT").await;
    assert_eq!(body, "recorded 1");
    let replay = replay().snapshot("SOL_USDC", "recorded 2");
    let exchange = MockExchange::backpack()
        .replay(replay)
        .start()
        .await
        .unwrap();
    let mut rest = Rest::connect(&exchange, None).await;
    let (_, _, body) = rest.get("/api/v1/depth?symbol=SOL_USDC").await;
    assert_eq!(body, "recorded 2");
}
