//! Whether the other side is still there. Time is paused.

use std::time::Duration;

use futures_util::future::join;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use transport::{Dialer, Message, WebSocket, WsDialer, WsErrorKind, chain};

use crate::common::{client, exchange, open, request};

const SECOND: Duration = Duration::from_secs(1);

/// An exchange that reads, and so answers pings; and when it reads what, in seconds after the upgrade.
fn attentive() -> (impl Dialer + 'static, UnboundedReceiver<(u64, Frame)>) {
    let (sender, seen) = unbounded_channel();
    let exchange = exchange(move |mut socket: WebSocketStream<DuplexStream>| {
        let sender = sender.clone();
        async move {
            let start = Instant::now();
            while let Some(Ok(frame)) = socket.next().await {
                let _ = sender.send((start.elapsed().as_secs(), frame));
            }
        }
    });
    (exchange, seen)
}

async fn dial(exchange: impl Dialer + 'static) -> WebSocket {
    client(exchange)
        .dial(request("ws://h.example/"))
        .await
        .unwrap()
}

/// Reads until the end: what it was, after how long, and how many messages came before.
async fn end(socket: &mut WebSocket) -> (WsErrorKind, String, Duration, usize) {
    let start = Instant::now();
    let mut messages = 0;
    loop {
        match socket.next().await.unwrap() {
            Ok(_) => messages += 1,
            Err(error) => {
                let why = chain(&error).to_string();
                return (error.kind(), why, start.elapsed(), messages);
            }
        }
    }
}

/// The times at which pings arrive while the connection is read for `time`.
async fn pings(
    mut socket: WebSocket,
    mut seen: UnboundedReceiver<(u64, Frame)>,
    time: Duration,
) -> Vec<u64> {
    let reading = async { while let Some(Ok(_)) = socket.next().await {} };
    assert!(
        timeout(time, reading).await.is_err(),
        "the connection ended"
    );
    let mut times = Vec::new();
    while let Ok((at, frame)) = seen.try_recv() {
        times.extend(frame.is_ping().then_some(at));
    }
    times
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_is_pinged_and_lasts() {
    let (exchange, seen) = attentive();
    let socket = dial(exchange).await;
    assert_eq!(pings(socket, seen, 90 * SECOND).await, [20, 40, 60, 80]);
}

#[tokio::test(start_paused = true)]
async fn who_sends_needs_no_ping_unless_nothing_comes_back() {
    let (exchange, seen) = attentive();
    let (mut sink, stream) = dial(exchange).await.split();
    let sending = async {
        let mut ticks = interval(5 * SECOND);
        loop {
            ticks.tick().await;
            sink.send(Message::text("hello")).await.unwrap();
        }
    };
    let socket = stream.for_each(async |_| {});
    let both = join(sending, socket);
    assert!(timeout(41 * SECOND, both).await.is_err());
    let mut seen = seen;
    let mut times = Vec::new();
    while let Ok((at, frame)) = seen.try_recv() {
        times.extend(frame.is_ping().then_some(at));
    }
    assert_eq!(times, [20, 40]);
}

#[tokio::test(start_paused = true)]
async fn the_interval_and_the_wait_can_be_set_and_a_request_has_the_last_word() {
    let (pinged, seen) = attentive();
    let with_seven = client(pinged).with_ping_interval(7 * SECOND);
    let socket = with_seven.dial(request("ws://h.example/")).await.unwrap();
    assert_eq!(pings(socket, seen, 15 * SECOND).await, [7, 14]);

    let (unpinged, seen) = attentive();
    let with_seven = client(unpinged).with_ping_interval(7 * SECOND);
    let mut none = request("ws://h.example/");
    none.ping_interval = Some(Duration::ZERO);
    let socket = with_seven.dial(none).await.unwrap();
    assert!(pings(socket, seen, 3600 * SECOND).await.is_empty());

    let silent = exchange(async |mut socket: WebSocketStream<DuplexStream>| {
        let _ = socket.get_mut().read_to_end(&mut Vec::new()).await;
    });
    let impatient = client(silent)
        .with_ping_interval(3 * SECOND)
        .with_ping_timeout(2 * SECOND);
    let mut socket = impatient.dial(request("ws://h.example/")).await.unwrap();
    assert_eq!(end(&mut socket).await.2, 5 * SECOND);

    // Who is known not to answer pings is pinged all the same.
    let (sender, seen) = unbounded_channel();
    let silent = exchange(move |mut socket: WebSocketStream<DuplexStream>| {
        let sender = sender.clone();
        async move {
            let start = Instant::now();
            let mut ping = [0; 6];
            while socket.get_mut().read_exact(&mut ping).await.is_ok() {
                let _ = sender.send((start.elapsed().as_secs(), Frame::Ping("".into())));
            }
        }
    });
    let silent = client(silent);
    let mut patient = request("ws://h.example/");
    patient.ping_timeout = Some(Duration::ZERO);
    let socket = silent.dial(patient).await.unwrap();
    assert_eq!(pings(socket, seen, 90 * SECOND).await, [20, 40, 60, 80]);
}

#[tokio::test(start_paused = true)]
async fn who_answers_neither_a_ping_nor_anything_else_is_dead_after_30_s() {
    let mut socket = open(b"\x81\x02ok", true).await;
    let (kind, why, elapsed, messages) = end(&mut socket).await;
    assert_eq!((kind, messages), (WsErrorKind::Unresponsive, 1));
    assert_eq!(elapsed, 30 * SECOND);
    assert_eq!(
        why,
        "keep the websocket open: the other side is unresponsive: nothing arrived for 30s, not even the answer to a ping"
    );
}

/// Sends these bytes every second, and reads nothing if `is_deaf`, or else answers nothing.
async fn every_second(frames: &'static [u8], is_deaf: bool) -> WebSocket {
    let exchange = exchange(move |socket: WebSocketStream<DuplexStream>| async move {
        let (mut read, mut write) = tokio::io::split(socket.into_inner());
        let sending = async {
            while write.write_all(frames).await.is_ok() {
                sleep(SECOND).await;
            }
        };
        let reading = async {
            if !is_deaf {
                let _ = read.read_to_end(&mut Vec::new()).await;
            }
        };
        join(sending, reading).await;
    });
    dial(exchange).await
}

#[tokio::test(start_paused = true)]
async fn data_is_an_answer_and_pings_are_none() {
    let mut socket = every_second(b"\x81\x02ok", false).await;
    let reading = end(&mut socket);
    assert!(timeout(300 * SECOND, reading).await.is_err());

    // It may well have stopped reading.
    let mut socket = every_second(b"\x89\x01x", false).await;
    let (kind, _, elapsed, _) = end(&mut socket).await;
    assert_eq!((kind, elapsed), (WsErrorKind::Unresponsive, 30 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_long_message_in_parts_is_an_answer_while_it_goes_on() {
    // The first part, and then ever more of it.
    let exchange = exchange(async |mut socket: WebSocketStream<DuplexStream>| {
        let stream = socket.get_mut();
        stream.write_all(b"\x01\x01x").await.unwrap();
        for _second in 0..120 {
            sleep(SECOND).await;
            stream.write_all(b"\x00\x01x").await.unwrap();
        }
        stream.write_all(b"\x80\x01x").await.unwrap();
    });
    let message = dial(exchange).await.next().await.unwrap().unwrap();
    assert_eq!(message.as_text().unwrap().len(), 122);
}

/// Sends `header`, and then a byte every second, as long as anybody listens; answers nothing.
async fn drip(header: &'static [u8]) -> WebSocket {
    dial(exchange(
        move |socket: WebSocketStream<DuplexStream>| async move {
            let mut stream = socket.into_inner();
            stream.write_all(header).await.unwrap();
            while stream.write_all(b"x").await.is_ok() {
                sleep(SECOND).await;
            }
        },
    ))
    .await
}

// yjs/y-websocket#203 and sockjs/sockjs-node#169 end connections in the middle of a long message, and so
// for ever.
#[tokio::test(start_paused = true)]
async fn a_frame_that_arrives_slowly_is_an_answer_unless_it_is_a_ping() {
    let mut socket = drip(b"\x81\x7d").await;
    let start = Instant::now();
    let message = socket.next().await.unwrap().unwrap();
    assert_eq!(message.as_text().unwrap().len(), 125);
    assert_eq!(start.elapsed(), 124 * SECOND);

    let (kind, _, elapsed, _) = end(&mut drip(b"\x89\x7d").await).await;
    assert_eq!((kind, elapsed), (WsErrorKind::Unresponsive, 30 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn who_sends_and_reads_nothing_is_dead_though_it_sends_data() {
    let socket = every_second(b"\x81\x02ok", true).await;
    let (mut sink, stream) = socket.split();
    // More than the pipe holds.
    let sending = sink.send(Message::text("x".repeat(1 << 20)));
    let mut stream = stream;
    let start = Instant::now();
    let reading = async {
        loop {
            if let Err(error) = stream.next().await.unwrap() {
                break (error.kind(), chain(&error).to_string());
            }
        }
    };
    let (sent, (kind, why)) = join(sending, reading).await;
    assert_eq!(
        (kind, start.elapsed()),
        (WsErrorKind::Unresponsive, 30 * SECOND)
    );
    assert!(why.ends_with("nothing could be sent for 30s"), "{why}");
    // And does not leave the sender waiting.
    assert_eq!(sent.unwrap_err().kind(), WsErrorKind::Broken);
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_is_alive() {
    let exchange = exchange(async |mut socket: WebSocketStream<DuplexStream>| {
        let stream = socket.get_mut();
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(1..) = stream.read(&mut bytes).await {
            sleep(10 * SECOND).await;
        }
    });
    let client = client(exchange).with_ping_interval(Duration::ZERO);
    let (mut sink, mut stream) = client
        .dial(request("ws://h.example/"))
        .await
        .unwrap()
        .split();
    let sending = async {
        sink.send(Message::text("x".repeat(1 << 20))).await.unwrap();
    };
    tokio::select! {
        () = sending => {}
        end = stream.next() => panic!("{end:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_latest_ping_is_answered_while_nothing_can_be_sent() {
    const PINGS: u16 = 5_000;
    let (sender, mut pongs) = unbounded_channel();
    let exchange = exchange(move |mut socket: WebSocketStream<DuplexStream>| {
        let sender = sender.clone();
        async move {
            let (mut read, mut write) = tokio::io::split(socket.get_mut());
            for id in 0..PINGS {
                let payload = [&id.to_be_bytes(), [0; 123].as_slice()].concat();
                let ping = [b"\x89\x7d", payload.as_slice()].concat();
                write.write_all(&ping).await.unwrap();
            }
            // The end of what is to be read before anything is.
            write.write_all(b"\x81\x02ok").await.unwrap();
            sleep(SECOND).await;
            let mut bytes = vec![0; 1 << 20];
            read.read_exact(&mut bytes[..64 * 1024]).await.unwrap();
            drop((read, write));
            while let Some(Ok(frame)) = socket.next().await {
                sender.send(frame).unwrap();
            }
        }
    });
    let mut socket = dial(exchange).await;
    // Fills the pipe, so that no pong fits. The frame is as long as the pipe.
    let filler = Message::Binary(vec![0; 64 * 1024 - 8].into());
    socket.send(filler).await.unwrap();
    let mut pings = 0;
    while let Message::Ping(_) = socket.next().await.unwrap().unwrap() {
        pings += 1;
    }
    assert_eq!(pings, PINGS);
    let reading = async { while let Some(Ok(_)) = socket.next().await {} };
    assert!(timeout(2 * SECOND, reading).await.is_err());
    let mut answered = Vec::new();
    while let Ok(Frame::Pong(id)) = pongs.try_recv() {
        answered.push(u16::from_be_bytes([id[0], id[1]]));
    }
    // The first one was under way.
    assert_eq!(answered, [0, PINGS - 1]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_what_is_no_message_ends_the_connection() {
    for (begin, frame) in [
        (&b""[..], &b"\x89\x00"[..]),
        (b"", b"\x8a\x00"),
        (b"\x01\x00", b"\x00\x00"),
    ] {
        let exchange = exchange(
            move |mut socket: WebSocketStream<DuplexStream>| async move {
                let (mut read, mut write) = tokio::io::split(socket.get_mut());
                write.write_all(begin).await.unwrap();
                let many = frame.repeat(1000);
                let sending = async { while write.write_all(&many).await.is_ok() {} };
                join(sending, read.read_to_end(&mut Vec::new()))
                    .await
                    .1
                    .unwrap();
            },
        );
        let mut socket = dial(exchange).await;
        let (kind, why, elapsed, _) = end(&mut socket).await;
        assert_eq!((kind, elapsed), (WsErrorKind::Protocol, Duration::ZERO));
        assert!(why.ends_with("more than 10000 control frames and empty fragments in 20s"));
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_frames_in_a_longer_time_are_no_flood() {
    let mut socket = every_second(b"\x8a\x00", false).await;
    let reading = end(&mut socket);
    assert!(timeout(30_000 * SECOND, reading).await.is_err());
}
