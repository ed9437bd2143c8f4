//! What arrives on an open connection, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, Stream, StreamExt};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use transport::{Message, WsDialer, WsErrorKind};
use transport_ws::Hooks;

use crate::common::{client, exchange, open, request};

const TEXT_OK: &[u8] = b"\x81\x02ok";

#[tokio::test]
async fn a_close_ends_the_stream_and_a_cut_is_an_error() {
    let goodbye = [TEXT_OK, b"\x88\x05\x03\xf4bye"].concat();
    let mut socket = open(&goodbye, false).await;
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("ok"));
    let close = Message::Close(Some((1012, "bye".to_owned())));
    assert_eq!(socket.next().await.unwrap().unwrap(), close);
    assert!(socket.next().await.is_none());

    for cut in [
        TEXT_OK,
        b"\x81\x02ok\x81",
        b"\x81\x02ok\x81\x05hel",
        b"\x81\x02ok\x01\x02he",
    ] {
        let mut socket = open(cut, false).await;
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("ok"));
        let error = socket.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), WsErrorKind::Broken, "{cut:?}");
        assert!(socket.next().await.is_none());
    }
}

#[tokio::test]
async fn frames_that_break_the_protocol_are_told_from_those_too_large() {
    for (frames, kind) in [
        // Reserved bits, a reserved operation, a mask from a server, a fragmented ping.
        (&b"\xf1\x02ok"[..], WsErrorKind::Protocol),
        (b"\x83\x02ok", WsErrorKind::Protocol),
        (b"\x81\x82\0\0\0\0ok", WsErrorKind::Protocol),
        (b"\x09\x02ok", WsErrorKind::Protocol),
        // A continuation of nothing, and text that is no UTF-8.
        (b"\x80\x02ok", WsErrorKind::Protocol),
        (b"\x81\x02\xff\xff", WsErrorKind::Protocol),
        // 17 MiB, and 2^63 - 1 bytes.
        (
            b"\x82\x7f\x00\x00\x00\x00\x01\x10\x00\x00",
            WsErrorKind::TooLarge,
        ),
        (
            b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
            WsErrorKind::TooLarge,
        ),
    ] {
        let mut socket = open(frames, true).await;
        let error = socket.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), kind, "{frames:?}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn a_text_that_has_arrived_as_a_whole_is_told_beforehand() {
    for (frames, told) in [
        (&b"\x81\x02ok\x81\x02ok\x81\x02o"[..], [1, 0]),
        (b"\x81\x02ok\x81\x7e\0\x02ok\x81\x7e\0", [1, 0]),
        (b"\x81\x02ok\x89\0\x81\x02ok", [0, 1]),
        (b"\x81\x02ok\x88\0\x81\x02ok", [0, 0]),
    ] {
        let mut socket = open(frames, true).await;
        for told in told {
            socket.next().await.unwrap().unwrap();
            assert_eq!(socket.size_hint().0, told, "{frames:?}");
        }
    }
}

#[tokio::test]
async fn the_longest_message_can_be_set() {
    let whole = b"\x81\x05hello\x81\x05hello\x81\x06hello!";
    let in_parts = b"\x81\x05hello\x01\x03hel\x80\x02lo\x01\x03hel\x80\x03lo!";
    for frames in [&whole[..], in_parts] {
        let exchange = exchange(move |mut socket| async move {
            socket.get_mut().write_all(frames).await.unwrap();
            while let Some(Ok(_)) = socket.next().await {}
        });
        let client = client(exchange).with_max_message(5);
        let mut socket = client.dial(request("ws://h.example/")).await.unwrap();
        for _message in 0..2 {
            let hello = Message::text("hello");
            assert_eq!(socket.next().await.unwrap().unwrap(), hello);
        }
        let error = socket.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), WsErrorKind::TooLarge);
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn fragments_are_joined_and_control_frames_between_them_are_seen() {
    let frames = b"\x01\x02he\x89\x01!\x00\x02ll\x80\x01o\x82\x00";
    let mut socket = open(frames, true).await;
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::Ping("!".into())
    );
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text("hello")
    );
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::Binary("".into())
    );
}

#[tokio::test]
async fn a_ping_is_answered_by_reading_on() {
    let (sender, mut seen) = unbounded_channel();
    let pinging = exchange(move |mut socket: WebSocketStream<DuplexStream>| {
        let sender = sender.clone();
        async move {
            let ping = tokio_tungstenite::tungstenite::Message::Ping("id".into());
            socket.send(ping).await.unwrap();
            while let Some(Ok(frame)) = socket.next().await {
                sender.send(frame).unwrap();
            }
        }
    });
    let mut socket = client(pinging)
        .dial(request("ws://h.example/"))
        .await
        .unwrap();
    tokio::select! {
        all = async { while socket.next().await.is_some() {} } => all,
        pong = seen.recv() => {
            let expected = tokio_tungstenite::tungstenite::Message::Pong("id".into());
            assert_eq!(pong, Some(expected));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_does_not_make_a_sender_in_another_task_wait_for_ever() {
    let read = Arc::new(Notify::new());
    let reads = Arc::clone(&read);
    let slow = exchange(move |mut socket: WebSocketStream<DuplexStream>| {
        let reads = Arc::clone(&reads);
        async move {
            socket.send(Frame::Ping("id".into())).await.unwrap();
            reads.notified().await;
            while let Some(Ok(_)) = socket.next().await {}
        }
    });
    let socket = client(slow).dial(request("ws://h.example/")).await.unwrap();
    let (mut sink, mut stream) = socket.split();
    // More than the pipe holds.
    let long = Message::text("x".repeat(1 << 20));
    let sending = tokio::spawn(async move { sink.send(long).await });
    yield_now().await;
    let ping = stream.next().await.unwrap().unwrap();
    assert_eq!(ping, Message::Ping("id".into()));
    assert!(!sending.is_finished());
    // The answer to the ping has to wait, too.
    let wait = Duration::from_secs(1);
    assert!(timeout(wait, stream.next()).await.is_err());

    read.notify_one();
    let sent = timeout(wait, sending).await;
    sent.expect("the sender is woken").unwrap().unwrap();
}

#[tokio::test]
async fn an_exchange_that_says_farewell_and_waits_is_answered() {
    let (sender, mut seen) = unbounded_channel();
    let leaving = exchange(move |mut socket: WebSocketStream<DuplexStream>| {
        let sender = sender.clone();
        async move {
            socket.send(Frame::Close(None)).await.unwrap();
            while let Some(Ok(frame)) = socket.next().await {
                sender.send(frame).unwrap();
            }
        }
    });
    let mut socket = client(leaving)
        .dial(request("ws://h.example/"))
        .await
        .unwrap();
    let farewell = socket.next().await.unwrap().unwrap();
    assert_eq!(farewell, Message::Close(None));
    assert!(socket.next().await.is_none());
    assert_eq!(seen.recv().await, Some(Frame::Close(None)));
}

#[tokio::test]
async fn what_is_sent_before_the_exchange_answers_a_farewell_still_arrives() {
    let chatty = exchange(async |mut socket: WebSocketStream<DuplexStream>| {
        while let Some(Ok(frame)) = socket.next().await {
            if frame.is_text() {
                socket.send(Frame::text("late")).await.unwrap();
            }
        }
    });
    let mut socket = client(chatty)
        .dial(request("ws://h.example/"))
        .await
        .unwrap();
    socket.feed(Message::text("last")).await.unwrap();
    socket.close().await.unwrap();
    let late = socket.next().await.unwrap().unwrap();
    assert_eq!(late.as_text(), Some("late"));
    let farewell = socket.next().await.unwrap().unwrap();
    assert!(matches!(farewell, Message::Close(_)));
    assert!(socket.next().await.is_none());
}

#[tokio::test]
async fn sending_on_a_connection_that_is_over_is_an_error_and_no_panic() {
    let mut socket = open(b"\x88\x00", false).await;
    while socket.next().await.is_some() {}
    for message in [
        Message::text("late"),
        Message::Ping("".into()),
        Message::Close(None),
    ] {
        let error = socket.send(message).await.unwrap_err();
        assert_eq!(error.kind(), WsErrorKind::Broken);
    }
}

#[tokio::test]
async fn text_that_is_no_utf_8_is_not_sent() {
    let mut socket = open(b"", true).await;
    let error = socket
        .send(Message::Text(vec![0xFF].into()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), WsErrorKind::Protocol);
    socket.send(Message::text("fine")).await.unwrap();
}

#[tokio::test]
async fn every_kind_of_message_reaches_the_exchange_as_it_is() {
    let (sender, mut arrived) = unbounded_channel();
    let exchange = exchange(move |mut stream: WebSocketStream<DuplexStream>| {
        let sender = sender.clone();
        async move {
            while let Some(Ok(frame)) = stream.next().await {
                sender.send(frame).unwrap();
            }
        }
    });
    let mut socket = client(exchange)
        .dial(request("ws://h.example/"))
        .await
        .unwrap();
    for (message, frame) in [
        (Message::text("hello"), Frame::text("hello")),
        (Message::Binary("b".into()), Frame::binary("b")),
        (Message::Ping("1".into()), Frame::Ping("1".into())),
        (Message::Pong("2".into()), Frame::Pong("2".into())),
    ] {
        socket.send(message).await.unwrap();
        assert_eq!(arrived.recv().await, Some(frame));
    }
    let farewell = Message::Close(Some((1000, "bye".to_owned())));
    socket.send(farewell).await.unwrap();
    let close = arrived.recv().await.unwrap();
    assert!(matches!(close, Frame::Close(Some(close)) if close.reason == "bye"));
}

#[tokio::test]
async fn text_that_is_no_utf8_is_not_sent() {
    let mut socket = open(TEXT_OK, true).await;
    let error = socket
        .send(Message::Text((&b"\xff"[..]).into()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), WsErrorKind::Protocol);
    socket.close().await.unwrap();
}

#[tokio::test]
async fn debug_shows_what_a_client_has_and_nothing_of_what_it_says() {
    let hooks = Hooks::default();
    assert_eq!(
        format!("{hooks:?}"),
        "Hooks { authenticator: false, observer: false }"
    );
    let shown = format!("{:?}", client(exchange(async |_| ())).with_hooks(hooks));
    assert_eq!(shown, "WsClient { timeout: 10s, .. }");
}

#[tokio::test]
async fn without_a_limit_a_length_that_is_only_announced_takes_no_memory() {
    for (frames, kind) in [
        (
            b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
            WsErrorKind::TooLarge,
        ),
        (
            b"\x81\x7f\x0f\xff\xff\xff\xff\xff\xff\xff",
            WsErrorKind::Broken,
        ),
    ] {
        let exchange = exchange(move |mut socket| async move {
            socket.get_mut().write_all(frames).await.unwrap();
        });
        let client = client(exchange).with_max_message(usize::MAX);
        let mut socket = client.dial(request("ws://h.example/")).await.unwrap();
        let error = socket.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), kind, "{frames:?}");
    }
}
