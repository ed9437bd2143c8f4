//! WebSocket of every exchange.

use std::time::Duration;

use bytes::Bytes;
use testkit::mock::Conduct;
use testkit::{ExchangeTransport, MockExchange, Replay, TestCa};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use transport::Window;

use crate::exchange_client::Ws;
use crate::raw_client::in_time;
use crate::ticks;

#[tokio::test]
async fn the_echo_says_back_what_it_hears() {
    let exchange = MockExchange::echo().start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/any?path").await;
    for text in ["one", "two"] {
        ws.say(text).await;
        assert_eq!(ws.text().await, text);
    }
    let records = exchange.ledger().connections();
    assert_eq!(records[0].transport, ExchangeTransport::WebSocket);
    assert_eq!(records[0].requests[0].path, "/any?path");
    assert_eq!(records[0].messages_received, ["one", "two"]);
    assert_eq!(records[0].messages_sent, 2);
}

#[tokio::test]
async fn the_protocol_refuses_in_the_handshake() {
    let exchange = ticks::exchange().start().await.unwrap();
    assert_eq!(
        Ws::refused(&exchange, "/nope").await,
        (404, "not found".to_owned())
    );
}

/// An exchange that pings all the time and waits so long for pongs, and a client.
async fn pinged(pong_timeout: Duration) -> (MockExchange, Ws) {
    let exchange = ticks::exchange()
        .ping_interval(Duration::from_millis(20))
        .pong_timeout(pong_timeout);
    let exchange = exchange.start().await.unwrap();
    let ws = Ws::open(&exchange, "/ticks").await;
    (exchange, ws)
}

#[tokio::test]
async fn pings_are_sent_and_a_missing_pong_ends_the_connection() {
    let (exchange, mut ws) = pinged(Duration::from_millis(500)).await;
    // Reading answers the pings, which keeps the connection open beyond the limit.
    for _ in 0..30 {
        let message = ws.next().await.unwrap().unwrap();
        assert!(matches!(message, Message::Ping(payload) if !payload.is_empty()));
    }
    let mut deaf = Ws::open(&exchange, "/ticks").await.into_stream();
    let mut bytes = Vec::new();
    in_time(deaf.read_to_end(&mut bytes)).await.unwrap();
    // Code 1008 in network order, and the reason.
    assert!(bytes.ends_with(b"\x03\xf0no pong"), "{bytes:?}");
}

#[tokio::test]
async fn a_pong_that_has_arrived_counts_however_late_it_is_read() {
    let (_exchange, mut ws) = pinged(Duration::from_secs(60)).await;
    for _ in 0..30 {
        let message = ws.next().await.unwrap().unwrap();
        let Message::Ping(payload) = message else {
            panic!("{message:?}");
        };
        ws.send(Message::Pong(payload)).await;
        // The exchange gets to nothing for two minutes.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(120)).await;
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_pong_that_answers_no_ping_keeps_nothing_alive() {
    let exchange = MockExchange::echo()
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
async fn a_connection_is_closed_for_what_is_not_allowed() {
    let conduct = Conduct {
        messages: Some(Window::new("messages", 2, Duration::from_secs(3600))),
        message_size: Some(10),
        ..Conduct::default()
    };
    let exchange = ticks::exchange_with(conduct).start().await.unwrap();
    for (texts, code, reason) in [
        (&["1", "2", "3"][..], 1008, "too many messages"),
        (&["0123456789", "0123456789a"], 1009, "message too big"),
    ] {
        let mut ws = Ws::open(&exchange, "/ticks").await;
        for text in texts {
            ws.say(text).await;
        }
        assert_eq!(ws.close_frame().await, (code, reason.to_owned()));
    }
}

#[tokio::test]
async fn a_connection_is_closed_when_it_is_idle_or_old() {
    let limit = Some(Duration::from_millis(100));
    let (idle, old) = (
        Conduct {
            idle: limit,
            ..Conduct::default()
        },
        Conduct {
            rollover: limit,
            ..Conduct::default()
        },
    );
    for (conduct, code, reason) in [(idle, 1008, "idle"), (old, 1001, "too old")] {
        let exchange = ticks::exchange_with(conduct).start().await.unwrap();
        let mut ws = Ws::open(&exchange, "/ticks").await;
        assert_eq!(ws.close_frame().await, (code, reason.to_owned()));
    }
}

#[tokio::test]
async fn dials_are_counted_and_urls_measured() {
    let conduct = Conduct {
        url: Some("/ticks?12".len()),
        dials: Some(Window::new("dials", 3, Duration::from_secs(3600))),
        ..Conduct::default()
    };
    let exchange = ticks::exchange_with(conduct).start().await.unwrap();
    Ws::open(&exchange, "/ticks?12").await;
    assert_eq!(Ws::refused(&exchange, "/ticks?123").await.0, 414);
    assert_eq!(Ws::refused(&exchange, "/nope").await.0, 404);
    assert_eq!(Ws::refused(&exchange, "/ticks").await.0, 429);
}

#[tokio::test]
async fn a_shutdown_without_a_notice_is_a_close_frame() {
    let exchange = MockExchange::echo().start().await.unwrap();
    let mut ws = Ws::open(&exchange, "").await;
    exchange.shutdown_notice();
    assert_eq!(ws.close_frame().await.0, 1001);
}

#[tokio::test]
async fn a_cut_ends_all_streams_without_a_close_frame_and_new_ones_are_accepted() {
    let ca = TestCa::new().unwrap();
    let exchange = ticks::exchange()
        .tls(ca.server_config(&[]).unwrap())
        .start()
        .await
        .unwrap();
    let open = || Ws::try_open(&exchange, Some(&ca), "/ticks");
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
    let mut new = open().await.unwrap();
    new.say("hello").await;
    assert_eq!(new.text().await, "heard hello");
}

#[tokio::test]
async fn dropping_the_exchange_ends_connections_and_frees_both_ports() {
    let exchange = MockExchange::echo().start().await.unwrap();
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
    let frame = |stream, number| format!("{stream} {number}");
    let mut frames: Vec<_> = (0..200).map(|n| frame("ticks", n)).collect();
    frames.insert(100, frame("other", 100));
    for pace in [None, Some(Duration::from_millis(1))] {
        let mut replay = Replay::new(frames.clone());
        if let Some(pace) = pace {
            replay = replay.pace(pace);
        }
        let exchange = ticks::exchange().replay(replay).start().await.unwrap();
        for _ in 0..2 {
            let mut ws = Ws::open(&exchange, "/ticks").await;
            assert!(ws.is_silent().await, "nothing before a subscription");
            ws.say("hello").await;
            assert_eq!(ws.text().await, "heard hello");
            for number in 0..200 {
                assert_eq!(ws.text().await, frame("ticks", number));
            }
            assert!(ws.is_silent().await, "nothing after the last");
        }
    }
}
