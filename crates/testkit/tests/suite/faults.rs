//! Exchanges that misbehave on demand.

use testkit::{Fault, MockExchange};
use tokio_tungstenite::tungstenite::Error;

use crate::exchange_client::Ws;

async fn backpack() -> (MockExchange, Ws) {
    let exchange = MockExchange::backpack().start().await.unwrap();
    let mut ws = Ws::open(&exchange, "").await;
    ws.say(r#"{"method":"SUBSCRIBE","params":["depth.200ms.SOL_USDC"]}"#)
        .await;
    (exchange, ws)
}

/// First and last id of the next book change.
async fn ids(ws: &mut Ws) -> (u64, u64) {
    let event = ws.json().await;
    let id = |key: &str| event["data"][key].as_u64().unwrap();
    (id("U"), id("u"))
}

#[tokio::test]
async fn a_dropped_book_change_leaves_a_gap() {
    let (exchange, mut ws) = backpack().await;
    let (_, mut last) = ids(&mut ws).await;
    exchange.inject(Fault::DropDepth(2));
    let mut gaps = 0;
    for _ in 0..20 {
        let (first, next) = ids(&mut ws).await;
        assert!(first > last);
        gaps += u32::from(first > last + 1);
        last = next;
    }
    assert_eq!(gaps, 1, "two changes in a row");
}

#[tokio::test]
async fn a_doubled_book_change_comes_twice() {
    let (exchange, mut ws) = backpack().await;
    let mut last = ids(&mut ws).await;
    exchange.inject(Fault::DuplicateDepth(1));
    let mut doubles = 0;
    for _ in 0..20 {
        let next = ids(&mut ws).await;
        doubles += u32::from(next == last);
        last = next;
    }
    assert_eq!(doubles, 1);
}

#[tokio::test]
async fn a_mute_exchange_still_answers_and_speaks_again_after_resume() {
    let (exchange, mut ws) = backpack().await;
    ids(&mut ws).await;
    exchange.inject(Fault::Mute);
    while !ws.is_silent().await {}
    ws.say("nonsense").await;
    assert!(ws.text().await.contains("Parse error"));
    exchange.resume();
    ids(&mut ws).await;
}

#[tokio::test]
async fn every_stream_is_closed_with_the_code_it_was_told() {
    let (exchange, mut ws) = backpack().await;
    exchange.inject(Fault::CloseFrame { code: 1012 });
    assert_eq!(ws.close_frame().await.0, 1012);
    Ws::open(&exchange, "").await;
}

#[tokio::test]
async fn handshakes_are_answered_with_the_substitute_as_often_as_told() {
    let (exchange, _) = backpack().await;
    for (told, seen) in [(451, 451), (403, 403), (200, 500), (5, 500)] {
        exchange.inject(Fault::UpgradeStatus {
            status: told,
            body: "{\"code\": 0}".to_owned(),
            count: 1,
        });
        let error = Ws::try_open(&exchange, None, "").await.err().unwrap();
        let Error::Http(response) = error else {
            panic!("{error}");
        };
        assert_eq!(response.status(), seen);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(
            response.body().as_deref(),
            Some(b"{\"code\": 0}".as_slice())
        );
        Ws::open(&exchange, "").await;
    }
}
