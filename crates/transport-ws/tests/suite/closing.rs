//! How a connection ends (RFC 6455, sections 5.5.1 and 7).

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use transport::{Message, WebSocket, WsDialer, WsErrorKind, chain};

use crate::common::{client, exchange, open, request};

/// A connection to an exchange that sends `frames` and goes on reading, and the codes of the closes
/// that it reads; 1006 for an end without a close (section 7.1.5).
async fn farewells(frames: &[u8]) -> (WebSocket, UnboundedReceiver<u16>) {
    let (sender, codes) = unbounded_channel();
    let frames = frames.to_vec();
    let exchange = exchange(move |mut socket: WebSocketStream<DuplexStream>| {
        let (sender, frames) = (sender.clone(), frames.clone());
        async move {
            socket.get_mut().write_all(&frames).await.unwrap();
            let code = loop {
                match socket.next().await {
                    Some(Ok(Frame::Close(close))) => {
                        break close.map_or(1005, |CloseFrame { code, .. }| code.into());
                    }
                    Some(Ok(_)) => {}
                    _ => break 1006,
                }
            };
            sender.send(code).unwrap();
        }
    });
    let client = client(exchange);
    let socket = client.dial(request("ws://h.example/")).await.unwrap();
    (socket, codes)
}

fn close(code: u16) -> Vec<u8> {
    [b"\x88\x05".as_slice(), &code.to_be_bytes(), b"bye"].concat()
}

#[tokio::test]
async fn a_close_is_answered_before_anybody_can_drop_the_connection() {
    let (mut socket, mut codes) = farewells(&close(1001)).await;
    let farewell = Message::Close(Some((1001, "bye".to_owned())));
    assert_eq!(socket.next().await.unwrap().unwrap(), farewell);
    drop(socket);
    assert_eq!(codes.recv().await, Some(1001));
}

#[tokio::test]
async fn dropping_a_connection_says_farewell_even_if_much_is_unread() {
    let unread = b"\x81\x02ok".repeat(1000);
    let (socket, mut codes) = farewells(&unread).await;
    drop(socket);
    assert_eq!(codes.recv().await, Some(1000));

    // A task that has used up what it may do in one poll.
    let (socket, mut codes) = farewells(b"").await;
    tokio::spawn(async move {
        while tokio::task::coop::has_budget_remaining() {
            tokio::task::coop::consume_budget().await;
        }
        drop(socket);
    })
    .await
    .unwrap();
    assert_eq!(codes.recv().await, Some(1000));
}

#[tokio::test]
async fn closing_says_that_it_is_a_normal_end() {
    let (mut socket, mut codes) = farewells(b"").await;
    socket.close().await.unwrap();
    assert_eq!(codes.recv().await, Some(1000));
}

#[tokio::test]
async fn a_code_that_no_close_may_carry_is_reported_as_it_arrived() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        let (mut socket, mut codes) = farewells(&close(code)).await;
        let farewell = Message::Close(Some((code, "bye".to_owned())));
        assert_eq!(socket.next().await.unwrap().unwrap(), farewell);
        assert!(socket.next().await.is_none());
        assert_eq!(codes.recv().await, Some(1002), "{code}");
    }
    // One that IANA has registered since, which tungstenite takes for a reserved one.
    let (mut socket, _codes) = farewells(&close(1014)).await;
    let farewell = Message::Close(Some((1014, "bye".to_owned())));
    assert_eq!(socket.next().await.unwrap().unwrap(), farewell);
}

#[tokio::test]
async fn who_breaks_the_protocol_is_told() {
    for (frames, code) in [
        (&b"\x83\x02ok"[..], 1002),
        (b"\x81\x02\xff\xff", 1007),
        (b"\x88\x03\x03\xe8\xff", 1007),
        (b"\x82\x7f\x00\x00\x00\x00\x01\x10\x00\x00", 1009),
    ] {
        let (mut socket, mut codes) = farewells(frames).await;
        socket.next().await.unwrap().unwrap_err();
        assert_eq!(codes.recv().await, Some(code), "{frames:?}");
    }
}

#[tokio::test]
async fn what_would_break_the_protocol_is_not_sent() {
    let mut socket = open(b"", true).await;
    for (message, why) in [
        (
            Message::Close(Some((1006, String::new()))),
            "no close may carry the code 1006",
        ),
        (
            Message::Close(Some((1000, "x".repeat(124)))),
            "a control frame may have 125 bytes, and this has 126",
        ),
        (
            Message::Ping(vec![0; 126].into()),
            "a control frame may have 125 bytes, and this has 126",
        ),
    ] {
        let error = socket.send(message).await.unwrap_err();
        assert_eq!(error.kind(), WsErrorKind::Protocol);
        assert!(chain(&error).to_string().ends_with(why), "{error:?}");
    }
    let longest = Message::Close(Some((1000, "x".repeat(123))));
    socket.send(longest).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_does_not_do_its_part_of_a_farewell_is_not_waited_for() {
    const WAIT: Duration = Duration::from_secs(10);
    // It has said farewell, and keeps the socket open.
    let mut socket = open(&close(1000), true).await;
    socket.next().await.unwrap().unwrap();
    let start = Instant::now();
    assert!(socket.next().await.is_none());
    assert_eq!(start.elapsed(), WAIT);

    // It does not answer ours.
    let mut socket = open(b"", true).await;
    socket.close().await.unwrap();
    let start = Instant::now();
    let error = socket.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), WsErrorKind::Unresponsive);
    assert_eq!(start.elapsed(), WAIT);
}

#[tokio::test]
async fn what_arrived_before_a_write_failed_is_read() {
    // Closed in both directions at once, with a reason in between.
    let exchange = exchange(async |mut socket: WebSocketStream<DuplexStream>| {
        let stream = socket.get_mut();
        stream.read_u8().await.unwrap();
        let ping = b"\x89\x00".as_slice();
        stream
            .write_all(&[ping, &close(1008)].concat())
            .await
            .unwrap();
    });
    let mut socket = client(exchange)
        .dial(request("ws://h.example/"))
        .await
        .unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    tokio::task::yield_now().await;
    let ping = socket.next().await.unwrap().unwrap();
    assert_eq!(ping, Message::Ping("".into()));
    let why = socket.next().await.unwrap().unwrap();
    assert_eq!(why, Message::Close(Some((1008, "bye".to_owned()))));
}
