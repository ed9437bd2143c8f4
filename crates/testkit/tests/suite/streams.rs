//! WebSocket of both exchanges.

use std::time::Duration;

use bytes::Bytes;
use testkit::{ExchangeTransport, MockExchange, Replay, TestCa};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::exchange_client::Ws;
use crate::raw_client::in_time;

async fn binance() -> MockExchange {
    MockExchange::binance().start().await.unwrap()
}

async fn backpack() -> MockExchange {
    MockExchange::backpack().start().await.unwrap()
}

#[tokio::test]
async fn binance_sends_each_stream_in_its_recorded_form() {
    let exchange = binance().await;
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
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
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
async fn binance_trades_have_contiguous_ids_and_the_exchanges_keys() {
    let exchange = MockExchange::binance()
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
async fn backpack_sends_data_first_with_sorted_keys_and_microseconds() {
    let exchange = backpack().await;
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
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
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
async fn subscriptions_come_and_go_on_an_open_connection() {
    let exchange = binance().await;
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
    let exchange = backpack().await;
    let mut ws = Ws::open(&exchange, "").await;
    ws.say(r#"{"method":"SUBSCRIBE","params":["depth.HNT_USDC","trade.NOPE"]}"#)
        .await;
    assert!(ws.is_silent().await);
    let exchange = binance().await;
    let mut ws = Ws::open(&exchange, "/stream?streams=nopeusdt@depth/lunabtc@depth").await;
    assert!(ws.is_silent().await);
}

#[tokio::test]
async fn an_unknown_path_is_refused_in_the_handshake() {
    for (exchange, path) in [(binance().await, "/nope"), (backpack().await, "/ws")] {
        let error = Ws::try_open(&exchange, None, path).await.err().unwrap();
        let Error::Http(response) = error else {
            panic!("{error}");
        };
        assert_eq!(response.status(), 404);
        assert_eq!(response.body().as_deref(), Some(b"not found".as_slice()));
    }
}

#[tokio::test]
async fn pings_are_sent_and_a_missing_pong_ends_the_connection() {
    let exchange = MockExchange::binance()
        .ping_interval(Duration::from_millis(20))
        .pong_timeout(Duration::from_millis(500))
        .start()
        .await
        .unwrap();
    let mut ws = Ws::open(&exchange, "/ws").await;
    // Reading answers the pings, which keeps the connection open beyond the limit.
    for _ in 0..30 {
        let message = ws.next().await.unwrap().unwrap();
        assert!(matches!(message, Message::Ping(payload) if !payload.is_empty()));
    }
    let mut deaf = Ws::open(&exchange, "/ws").await.into_stream();
    let mut bytes = Vec::new();
    in_time(deaf.read_to_end(&mut bytes)).await.unwrap();
    // Code 1008 in network order, and the reason.
    assert!(bytes.ends_with(b"\x03\xf0Pong timeout"), "{bytes:?}");
}

#[tokio::test]
async fn a_pong_that_answers_no_ping_keeps_nothing_alive() {
    let exchange = MockExchange::backpack()
        .ping_interval(Duration::from_millis(10))
        .pong_timeout(Duration::from_millis(400))
        .start()
        .await
        .unwrap();
    let mut deaf = Ws::open(&exchange, "").await;
    for _ in 0..5 {
        deaf.send(Message::Pong(Bytes::from_static(b"other"))).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    in_time(exchange.ledger().wait_for(|all| all[0].closed)).await;
}

#[tokio::test]
async fn binance_closes_a_connection_that_talks_too_much() {
    let exchange = binance().await;
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
async fn a_shutdown_is_announced_as_each_exchange_does() {
    let exchange = binance().await;
    let mut combined = Ws::open(&exchange, "/stream").await;
    let mut raw = Ws::open(&exchange, "/ws").await;
    exchange.shutdown_notice();
    let notice = combined.json().await;
    assert_eq!(notice["stream"], "!serverShutdown");
    assert_eq!(notice["data"]["e"], "serverShutdown");
    assert_eq!(raw.json().await["e"], "serverShutdown");

    let exchange = backpack().await;
    let mut ws = Ws::open(&exchange, "").await;
    exchange.shutdown_notice();
    assert_eq!(ws.close_frame().await.0, 1001);
}

#[tokio::test]
async fn a_cut_ends_all_streams_without_a_close_frame_and_new_ones_are_accepted() {
    let ca = TestCa::new().unwrap();
    let exchange = MockExchange::binance()
        .tls(ca.server_config(&[]).unwrap())
        .start()
        .await
        .unwrap();
    let open = || Ws::try_open(&exchange, Some(&ca), "/ws/btcusdt@depth");
    let mut streams = [open().await.unwrap(), open().await.unwrap()];
    exchange.cut_streams().await;
    assert!(exchange.ledger().connections().iter().all(|one| one.closed));
    for ws in &mut streams {
        let end = loop {
            match ws.next().await {
                Some(Ok(Message::Close(_))) => panic!("a farewell"),
                Some(Ok(_)) => {}
                end => break end,
            }
        };
        assert!(end.is_none_or(|end| end.is_err()));
    }
    open().await.unwrap().text().await;
}

#[tokio::test]
async fn dropping_the_exchange_ends_connections_and_frees_both_ports() {
    let exchange = binance().await;
    let (ledger, addresses) = (
        exchange.ledger(),
        [exchange.rest_addr(), exchange.ws_addr()],
    );
    let _ws = Ws::open(&exchange, "/ws").await;
    drop(exchange);
    in_time(ledger.wait_for(|all| all[0].closed)).await;
    for address in addresses {
        TcpListener::bind(address).await.unwrap();
    }
}

#[tokio::test]
async fn a_replay_is_played_in_order_to_each_client_from_the_beginning() {
    let frame = |stream, number| format!(r#"{{"stream":"{stream}","data":{{"u":{number}}}}}"#);
    let mut frames: Vec<_> = (0..200).map(|n| frame("a@bookTicker", n)).collect();
    frames.insert(100, frame("b@bookTicker", 100));
    for pace in [None, Some(Duration::from_millis(1))] {
        let mut replay = Replay::new(frames.clone());
        if let Some(pace) = pace {
            replay = replay.pace(pace);
        }
        let exchange = MockExchange::binance()
            .replay(replay)
            .start()
            .await
            .unwrap();
        for _ in 0..2 {
            let mut ws = Ws::open(&exchange, "/stream").await;
            assert!(ws.is_silent().await, "nothing before a subscription");
            ws.say(r#"{"method":"SUBSCRIBE","params":["a@bookTicker"],"id":1}"#)
                .await;
            assert_eq!(ws.text().await, r#"{"result":null,"id":1}"#);
            for number in 0..200 {
                assert_eq!(ws.text().await, frame("a@bookTicker", number));
            }
            assert!(ws.is_silent().await, "nothing after the last");
        }
    }
}
