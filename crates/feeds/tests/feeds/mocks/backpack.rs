//! The mock of Backpack.

use std::time::Duration;

use feeds::Backpack;
use serde_json::{Value, json};
use testkit::{MockExchange, Replay};

use super::client::{Rest, Ws, trades};

async fn exchange() -> MockExchange {
    Backpack::mock().start().await.unwrap()
}

#[tokio::test]
async fn rest_answers_like_the_exchange() {
    let exchange = Backpack::mock()
        .tick_interval(Duration::from_millis(1))
        .start()
        .await
        .unwrap();
    let rest = Rest::of(&exchange);
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

    let trades = trades(&rest, "/api/v1/trades?symbol=SOL_USDC&limit=5").await;
    let id = |trade: &Value| trade["id"].as_u64().unwrap();
    assert_eq!(id(&trades[0]), id(&trades[4]) + 4, "newest first");
}

#[tokio::test]
async fn rest_refuses_like_the_exchange() {
    let exchange = exchange().await;
    let rest = Rest::of(&exchange);
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
async fn a_recording_has_its_snapshots() {
    let replay = Replay::new(Vec::<String>::new()).snapshot("SOL_USDC", "recorded");
    let exchange = Backpack::mock().replay(replay).start().await.unwrap();
    let rest = Rest::of(&exchange);
    let (_, _, body) = rest.get("/api/v1/depth?symbol=SOL_USDC").await;
    assert_eq!(body, "recorded");
}

#[tokio::test]
async fn data_is_first_with_sorted_keys_and_microseconds() {
    let exchange = exchange().await;
    let mut ws = Ws::open(&exchange, "").await;
    ws.say(
        r#"{"method":"SUBSCRIBE","params":["trade.SOL_USDC_PERP","bookTicker.SOL_USDC_PERP","depth.SOL_USDC_PERP","depth.200ms.SOL_USDC"],"id":1}"#,
    )
    .await;
    for stream in [
        "trade.SOL_USDC_PERP",
        "bookTicker.SOL_USDC_PERP",
        "depth.SOL_USDC_PERP",
        "depth.200ms.SOL_USDC",
    ] {
        let end = format!(r#","stream":"{stream}"}}"#);
        let mut text = ws.text().await;
        while !text.ends_with(&end) {
            assert!(
                text.starts_with(r#"{"data":{""#),
                "no acknowledgement: {text}"
            );
            text = ws.text().await;
        }
        let event: Value = serde_json::from_str(&text).unwrap();
        let data = &event["data"];
        let mut places: Vec<_> = data
            .as_object()
            .unwrap()
            .keys()
            .map(|key| (key.clone(), text.find(&format!(r#""{key}":"#)).unwrap()))
            .collect();
        places.sort();
        assert!(places.is_sorted_by_key(|(_, place)| *place), "{text}");
        assert!(data["E"].as_u64().unwrap() > 1_000_000_000_000_000);
        if stream == "depth.SOL_USDC_PERP" {
            assert_eq!(data["U"], data["u"]);
        }
    }
}

#[tokio::test]
async fn unknown_and_closed_symbols_are_silent() {
    let exchange = exchange().await;
    let mut ws = Ws::open(&exchange, "").await;
    ws.say(r#"{"method":"SUBSCRIBE","params":["depth.HNT_USDC","trade.NOPE"]}"#)
        .await;
    assert!(ws.is_silent().await);
    assert_eq!(Ws::refused(&exchange, "/ws").await, 404);
}

#[tokio::test]
async fn a_shutdown_is_not_announced() {
    let exchange = exchange().await;
    let mut ws = Ws::open(&exchange, "").await;
    exchange.shutdown_notice();
    assert_eq!(ws.close_frame().await.0, 1001);
}
