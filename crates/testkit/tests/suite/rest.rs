//! REST of every exchange.

use http::{Method, StatusCode};
use serde_json::Value;
use testkit::{ExchangeTransport, MockExchange, TestCa};

use crate::exchange_client::Rest;
use crate::raw_client::in_time;
use crate::ticks;

#[tokio::test]
async fn a_request_is_answered_by_the_protocol_from_the_market() {
    let exchange = ticks::exchange().start().await.unwrap();
    let mut rest = Rest::connect(&exchange, None).await;
    let (status, _, body) = rest.get("/AB").await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.parse::<u64>().unwrap() >= 1_000_000_000, "{body}");
    assert_eq!(rest.get("/CD").await.0, StatusCode::NOT_FOUND);
    assert_eq!(exchange.pairs(), ["A-B"]);
}

#[tokio::test]
async fn the_echo_tells_what_arrived_and_the_ledger_that_it_was_one_connection() {
    let ca = TestCa::new().unwrap();
    let exchange = MockExchange::echo()
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
