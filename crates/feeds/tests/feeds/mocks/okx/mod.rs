//! OKX, whose books begin in the stream.

mod data;

use std::time::{Duration, Instant};

use feeds::{Exchange, Okx};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use testkit::{MockExchange, MockExchangeBuilder};

use super::client::{Rest, Ws};

const PATH: &str = "/ws/v5/public";

/// One in which nothing happens.
pub(super) fn quiet() -> MockExchangeBuilder {
    Okx::mock().tick_interval(Duration::from_secs(3600))
}

pub(super) async fn open(exchange: MockExchangeBuilder) -> (MockExchange, Ws) {
    let exchange = exchange.start().await.unwrap();
    let ws = Ws::open(&exchange, PATH).await;
    (exchange, ws)
}

pub(super) fn request(op: &str, id: &str, args: &[(&str, &str)]) -> String {
    let arg = |(channel, symbol): &(&str, &str)| json!({"channel": channel, "instId": symbol});
    let args: Vec<_> = args.iter().map(arg).collect();
    json!({"op": op, "id": id, "args": args}).to_string()
}

/// The next message, which must be about an event.
pub(super) async fn event(ws: &mut Ws) -> Value {
    let mut message = ws.json().await;
    let connection = message.as_object_mut().unwrap().remove("connId");
    let connection = connection.unwrap_or_else(|| panic!("{message}"));
    assert_eq!(connection.as_str().unwrap().len(), 8);
    message
}

async fn refused(ws: &mut Ws, text: &str) -> Value {
    ws.say(text).await;
    let message = event(ws).await;
    assert_eq!(message["event"], "error", "{message}");
    message
}

pub(super) fn decimal(value: &Value) -> Decimal {
    let text = value.as_str().unwrap();
    let number: Decimal = text.parse().unwrap();
    assert_eq!(text, number.normalize().to_string(), "not padded");
    number
}

pub(super) fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn refusals_read_as_recorded_and_leave_the_connection_open() {
    let (_exchange, mut ws) = open(quiet()).await;
    let subscribe = |channel, symbol| request("subscribe", "ob1", &[(channel, symbol)]);
    assert_eq!(
        refused(&mut ws, &subscribe("books", "NOPE-USDT")).await,
        json!({"event": "error", "msg": "Subscribe failed, wrong URL or channel:books,instId:NOPE-USDT doesn't exist. Please use the correct URL, channel and parameters referring to API document.", "code": "60018", "id": "ob1"})
    );
    let candles = refused(&mut ws, &subscribe("candle1m", "BTC-USDT")).await;
    assert_eq!(candles["code"], "60018");
    let login = refused(&mut ws, &subscribe("books-l2-tbt", "BTC-USDT")).await;
    assert_eq!(
        (&login["code"], &login["msg"]),
        (&json!("60011"), &json!("Please log in"))
    );
    for (text, code) in [
        ("nonsense", "60012"),
        (r#"{"op":"subscribe","argss":[]}"#, "60012"),
        (r#"{"op":"jump","args":[{}]}"#, "60012"),
        (r#"{"op":"subscribe","id":"a-b","args":[{}]}"#, "60033"),
        (r#"{"op":"subscribe","id":7,"args":[{}]}"#, "60033"),
        ("PING", "60012"),
    ] {
        let message = refused(&mut ws, text).await;
        assert_eq!(
            (&message["code"], &message["id"]),
            (&json!(code), &Value::Null),
            "{text}"
        );
    }
    let args = [("books", "NOPE-USDT"), ("tickers", "BTC-USDT")];
    assert_eq!(
        refused(&mut ws, &request("subscribe", "2", &args)).await["id"],
        "2"
    );
    assert_eq!(event(&mut ws).await["event"], "subscribe");
    let ticker = ws.json().await;
    assert!(decimal(&ticker["data"][0]["bidPx"]) < decimal(&ticker["data"][0]["askPx"]));
}

#[tokio::test]
async fn operations_are_counted_by_argument() {
    let (_exchange, mut ws) = open(quiet()).await;
    let operations = Okx::default().limits().operations.unwrap().units;
    let args = vec![("books", "OLD-USDT"); operations as usize / 3];
    for op in ["subscribe", "unsubscribe", "subscribe"] {
        ws.say(&request(op, "1", &args)).await;
        for _ in &args {
            assert_eq!(event(&mut ws).await["event"], op);
        }
    }
    let one_more = request("unsubscribe", "2", &args[..1]);
    assert_eq!(refused(&mut ws, &one_more).await["code"], "60014");
}

#[tokio::test]
async fn a_request_that_is_too_long_closes_the_connection() {
    let (_exchange, mut ws) = open(quiet()).await;
    let longest = Okx::default().limits().request.unwrap();
    let invalid = "x".repeat(longest);
    assert_eq!(refused(&mut ws, &invalid).await["code"], "60012");
    ws.say(&format!("{invalid}x")).await;
    assert_eq!(ws.close_frame().await.0, 1009);
}

#[tokio::test]
async fn one_dial_more_than_allowed_is_refused() {
    let (exchange, _ws) = open(quiet()).await;
    let mut refused = 0;
    for _ in 0..Okx::default().limits().dials.unwrap().units {
        refused = Ws::refused(&exchange, "/nope").await;
    }
    assert_eq!(refused, 429);
}

#[tokio::test]
async fn each_endpoint_has_its_budget() {
    let exchange = quiet().start().await.unwrap();
    let rest = Rest::of(&exchange);
    let mut answered = 0;
    let body = loop {
        let (status, _, body) = rest.get("/api/v5/public/time").await;
        if status == 429 {
            break body;
        }
        answered += 1;
    };
    assert!(answered >= 10, "{answered}");
    assert_eq!(body, r#"{"msg":"Too Many Requests","code":"50011"}"#);
    rest.json("/api/v5/public/instruments?instType=SPOT").await;
}

#[tokio::test]
async fn a_text_ping_keeps_a_silent_connection_open() {
    let limit = Duration::from_millis(500);
    let (_exchange, mut ws) = open(quiet().idle_limit(limit)).await;
    let start = Instant::now();
    while start.elapsed() < limit * 2 {
        ws.say("ping").await;
        assert_eq!(ws.text().await, "pong");
    }
    let closed = ws.close_frame().await;
    assert_eq!(closed, (4004, "No data received in 30s".to_owned()));
}

#[tokio::test]
async fn a_shutdown_is_a_notice() {
    let (exchange, mut ws) = open(quiet()).await;
    exchange.shutdown_notice();
    let notice = event(&mut ws).await;
    assert_eq!(
        (&notice["event"], &notice["code"]),
        (&json!("notice"), &json!("64008"))
    );
    ws.say("ping").await;
    assert_eq!(ws.text().await, "pong", "still open");
    for path in ["/", "/ws/v5/private"] {
        assert_eq!(Ws::refused(&exchange, path).await, 404);
    }
}

#[tokio::test]
async fn rest_answers_and_refuses_like_okx() {
    let exchange = quiet().start().await.unwrap();
    let rest = Rest::of(&exchange);
    let time = rest.json("/api/v5/public/time").await;
    assert!(number(&time["data"][0]["ts"]) > 1_000_000_000_000);
    let listed = rest.json("/api/v5/public/instruments?instType=SPOT").await;
    let states: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["instId"].as_str().unwrap(),
                row["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            ("BTC-USDT", "live"),
            ("ETH-USDT", "live"),
            ("SOL-USDT", "live"),
            ("OLD-USDT", "suspend"),
            ("", "preopen")
        ]
    );
    assert_eq!(listed["data"][0]["tickSz"], "0.1");
    for (path, status, code) in [
        ("market/history-trades?instId=NOPE-USDT", 200, "51001"),
        ("market/history-trades", 400, "50014"),
        ("market/history-trades?instId=BTC-USDT&type=3", 200, "51000"),
        (
            "market/history-trades?instId=BTC-USDT&after=x",
            200,
            "51000",
        ),
        ("public/instruments", 400, "50014"),
        ("public/instruments?instType=X", 200, "51000"),
        ("nope", 404, "404"),
    ] {
        let (answered, _, body) = rest.get(&format!("/api/v5/{path}")).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (answered.as_u16(), &body["code"]),
            (status, &json!(code)),
            "{path}"
        );
        assert_eq!(body["data"], json!([]));
    }
}
