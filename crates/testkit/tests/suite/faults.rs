//! Exchanges that misbehave on demand.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use testkit::mock::Conduct;
use testkit::{Fault, MockExchange};
use tokio_tungstenite::tungstenite::Error;

use crate::exchange_client::{Rest, Ws};
use crate::raw_client::{connect, in_time};
use crate::ticks;

async fn subscribed() -> (MockExchange, Ws) {
    let exchange = ticks::exchange().start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/ticks").await;
    ws.say("hello").await;
    assert_eq!(ws.text().await, "heard hello");
    (exchange, ws)
}

/// First and last id of the next book change.
async fn ids(ws: &mut Ws) -> (u64, u64) {
    let text = ws.text().await;
    let (first, last) = text.split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().unwrap())
}

#[tokio::test]
async fn a_dropped_book_change_leaves_a_gap() {
    let (exchange, mut ws) = subscribed().await;
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
    let (exchange, mut ws) = subscribed().await;
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
    let (exchange, mut ws) = subscribed().await;
    ids(&mut ws).await;
    exchange.inject(Fault::Mute);
    while !ws.is_silent().await {}
    ws.say("nonsense").await;
    assert_eq!(ws.text().await, "heard nonsense");
    exchange.resume();
    ids(&mut ws).await;
}

#[tokio::test]
async fn one_stream_or_one_symbol_alone_falls_silent() {
    let (exchange, mut ws) = subscribed().await;
    let of_streams = |text: &str| Fault::MuteStreams {
        containing: text.to_owned(),
    };
    let of_symbol = |pair: &str| Fault::MuteSymbol {
        pair: pair.to_owned(),
    };
    for (other, this) in [
        (of_streams("other"), of_streams("tick")),
        (of_symbol("A-C"), of_symbol("A-B")),
    ] {
        exchange.inject(other);
        ids(&mut ws).await;
        exchange.inject(this);
        while !ws.is_silent().await {}
        exchange.resume();
        ids(&mut ws).await;
    }
}

#[tokio::test]
async fn a_broken_message_ends_in_the_middle_of_a_whole_frame() {
    let exchange = MockExchange::echo().start().await.unwrap();
    let mut ws = Ws::open(&exchange, "").await;
    exchange.inject(Fault::Break(2));
    for (said, heard) in [("{\"a\":1}", "{\"a"), ("aéé", "a"), ("whole", "whole")] {
        ws.say(said).await;
        assert_eq!(ws.text().await, heard);
    }
}

#[tokio::test]
async fn a_restart_ends_everything_refuses_for_a_while_and_listens_at_the_same_ports() {
    let (exchange, mut ws) = subscribed().await;
    let addresses = [exchange.rest_addr(), exchange.ws_addr()];
    let refused = async {
        for address in addresses {
            while connect(address).await.is_ok() {}
        }
    };
    let down = Duration::from_millis(200);
    tokio::join!(exchange.restart(down), in_time(refused));
    assert!(exchange.ledger().connections()[0].closed);
    while let Some(Ok(_)) = ws.next().await {}
    assert_eq!([exchange.rest_addr(), exchange.ws_addr()], addresses);
    let mut rest = Rest::connect(&exchange, None).await;
    assert_eq!(rest.get("/AB").await.0, StatusCode::OK);
    Ws::open(&exchange, "/ticks").await;
}

#[tokio::test]
async fn planned_faults_come_again_and_again_at_the_speed_of_the_exchange() {
    let faults = "cut=1m,error=1m,ban=1m/30s".parse().unwrap();
    let exchange = ticks::exchange().faults(faults).speed(2000.0);
    let exchange = exchange.start().await.unwrap();
    let mut seen = BTreeSet::new();
    in_time(async {
        while !seen.is_superset(&BTreeSet::from([200, 403, 503])) {
            let mut rest = Rest::connect(&exchange, None).await;
            seen.insert(rest.get("/AB").await.0.as_u16());
        }
        for _ in 0..3 {
            let mut ws = loop {
                // Banned for some of the time.
                if let Ok(ws) = Ws::try_open(&exchange, None, "/ticks").await {
                    break ws;
                }
            };
            while let Some(Ok(_)) = ws.next().await {}
        }
    })
    .await;
}

#[tokio::test]
async fn every_stream_is_closed_with_the_code_it_was_told() {
    let (exchange, mut ws) = subscribed().await;
    exchange.inject(Fault::CloseFrame { code: 1012 });
    assert_eq!(ws.close_frame().await.0, 1012);
    Ws::open(&exchange, "/ticks").await;
}

#[tokio::test]
async fn handshakes_are_answered_with_the_substitute_as_often_as_told() {
    let (exchange, _) = subscribed().await;
    for (told, seen) in [(451, 451), (403, 403), (200, 500), (5, 500)] {
        exchange.inject(Fault::UpgradeStatus {
            status: told,
            body: "{\"code\": 0}".to_owned(),
            count: 1,
        });
        let error = Ws::try_open(&exchange, None, "/ticks").await.err().unwrap();
        let Error::Http(response) = error else {
            panic!("{error}");
        };
        assert_eq!(response.status(), seen);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(
            response.body().as_deref(),
            Some(b"{\"code\": 0}".as_slice())
        );
        Ws::open(&exchange, "/ticks").await;
    }
}

#[tokio::test]
async fn a_substitute_takes_the_place_of_as_many_answers_as_it_shall() {
    let restricted = r#"{"code":0,"msg":"Service unavailable from a restricted location"}"#;
    for retry_after in [None, Some(3)] {
        let exchange = ticks::exchange_with(Conduct {
            retry_after,
            ..Conduct::default()
        });
        let exchange = exchange.start().await.unwrap();
        let mut rest = Rest::connect(&exchange, None).await;
        exchange.inject(Fault::RestStatus {
            status: 451,
            body: restricted.to_owned(),
            count: 2,
        });
        for _ in 0..2 {
            let (status, headers, body) = rest.get("/AB").await;
            assert_eq!((status.as_u16(), body.as_str()), (451, restricted));
            assert_eq!(headers["content-type"], "application/json");
        }
        assert_eq!(rest.get("/AB").await.0, StatusCode::OK);
        exchange.inject(Fault::RestStatus {
            status: 429,
            body: "<html>".to_owned(),
            count: u32::MAX,
        });
        let (status, headers, _) = rest.get("/AB").await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(headers["content-type"], "text/html");
        let told = headers.get("retry-after").map(|it| it.to_str().unwrap());
        assert_eq!(told, retry_after.map(|_| "3"));
        exchange.resume();
        assert_eq!(rest.get("/AB").await.0, StatusCode::OK);
    }
}
