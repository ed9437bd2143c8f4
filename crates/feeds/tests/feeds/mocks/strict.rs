//! Limits and ends of connections that are an exchange's own.

use std::time::Duration;

use feeds::{Binance, Kraken, Okx};
use testkit::MockExchange;
use transport::{WsDialer, WsRequest};

use super::client::{Rest, Ws, direct};

/// Each limit that was not kept, what was found and what is allowed.
fn told(exchange: &MockExchange) -> Vec<(&'static str, u64, u64)> {
    let all = exchange.violations();
    all.iter()
        .map(|it| (it.limit, it.found, it.allowed))
        .collect()
}

#[tokio::test]
async fn kraken_bans_an_address_that_dials_too_often_from_rest_as_well() {
    let exchange = Kraken::mock().start().await.unwrap();
    let rest = Rest::of(&exchange);
    rest.json("/0/public/Time").await;
    // One client for all of them, since there are so many.
    let streams = direct().websocket();
    for _ in 0..150 {
        let request = WsRequest::new(exchange.ws_url().parse().unwrap());
        streams.dial(request.unwrap()).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(Ws::refused(&exchange, "/v2").await, 429);
    }
    let (status, headers, body) = rest.get("/0/public/Time").await;
    assert_eq!(status, 429);
    assert!(body.starts_with("<!DOCTYPE html>"), "{body}");
    let seconds: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((590..=600).contains(&seconds), "{seconds}");
    let told = told(&exchange);
    assert_eq!(told[0], ("dials", 151, 150));
    // The second handshake and the request, unless one of them was the first to learn of a longer ban.
    assert!(
        told.len() > 1 && told[1..].iter().all(|it| it.0 == "ban"),
        "{told:?}"
    );
}

#[tokio::test]
async fn kraken_closes_what_subscribes_to_nothing_for_a_minute() {
    // A minute in 60 ms, if pings and heartbeats were not slower than that.
    let exchange = Kraken::mock().speed(1000.0).start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/v2").await;
    assert_eq!(ws.json().await["channel"], "status");
    assert_eq!(ws.close_frame().await.0, 1008);
    assert_eq!(told(&exchange), [("idle", 61, 60)]);
}

#[tokio::test]
async fn okx_refuses_the_fourth_dial_of_a_second_and_one_operation_too_many() {
    // A second is an hour, and an hour is five months.
    let exchange = Okx::mock().speed(1.0 / 3600.0).start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/ws/v5/public").await;
    for _ in 0..2 {
        Ws::open(&exchange, "/ws/v5/public").await;
    }
    assert_eq!(Ws::refused(&exchange, "/ws/v5/public").await, 429);
    let args = [r#"{"channel":"trades","instId":"NOPE-USDT"}"#; 240].join(",");
    let request = format!(r#"{{"op":"unsubscribe","args":[{args}]}}"#);
    for _ in 0..3 {
        ws.say(&request).await;
    }
    while !ws.text().await.contains("60014") {}
    assert_eq!(told(&exchange), [("dials", 4, 3), ("operations", 720, 480)]);
}

#[tokio::test]
async fn a_connection_of_binance_is_announced_to_end_before_it_does_at_its_age() {
    // A day in 144 ms.
    let exchange = Binance::mock().speed(600_000.0).start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/stream").await;
    assert_eq!(ws.json().await["data"]["e"], "serverShutdown");
    assert_eq!(ws.close_frame().await.0, 1001);
    // Shorter than the notice.
    let exchange = Binance::mock().rollover(Duration::from_millis(100));
    let exchange = exchange.start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/ws").await;
    assert_eq!(ws.json().await["e"], "serverShutdown");
    assert_eq!(ws.close_frame().await.0, 1001);
    assert_eq!(told(&exchange), []);
}

#[tokio::test]
async fn okx_and_kraken_say_so_before_they_shut_down() {
    let okx = Okx::mock().speed(600.0).idle_limit(Duration::from_secs(60));
    let okx = okx.start().await.unwrap();
    let mut ws = Ws::open(&okx, "/ws/v5/public").await;
    okx.shut_down();
    // A minute in 100 ms.
    assert_eq!(ws.json().await["code"], "64008");
    assert_eq!(ws.close_frame().await.0, 1001);

    let kraken = Kraken::mock().speed(300.0).start().await.unwrap();
    let mut ws = Ws::open(&kraken, "/v2").await;
    assert_eq!(ws.json().await["channel"], "status");
    kraken.shut_down();
    let notice = ws.json().await;
    let phase = &notice["data"][0]["upcoming_maintenance"][0]["phase"];
    assert_eq!(phase, "final_warning_30s");
    assert_eq!(ws.close_frame().await.0, 1001);
}
