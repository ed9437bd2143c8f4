//! Who waits is woken, whatever else was dropped: as with tokio-tungstenite.

use std::io::Cursor;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::{unconstrained, yield_now};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, OpCode};
use tokio_tungstenite::{WebSocketStream, accept_async};
use transport::{Message, WebSocket, WsDialer};

use crate::common::{Piped, client, exchange, key, read_head, request};

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_though_a_sender_in_another_task_has_given_up() {
    let go_on = Arc::new(Notify::new());
    let (goes_on, (sender, mut seen)) = (Arc::clone(&go_on), unbounded_channel());
    let slow = exchange(move |mut socket: WebSocketStream<DuplexStream>| {
        let (goes_on, sender) = (Arc::clone(&goes_on), sender.clone());
        async move {
            goes_on.notified().await;
            socket.send(Frame::Ping("id".into())).await.unwrap();
            goes_on.notified().await;
            while let Some(Ok(frame)) = socket.next().await {
                let _ = sender.send(frame);
            }
        }
    });
    let socket = client(slow).dial(request("ws://h.example/")).await.unwrap();
    let (mut sink, mut stream) = socket.split();
    let reading = tokio::spawn(async move { while stream.next().await.is_some() {} });
    // More than the pipe holds.
    let long = Message::text("x".repeat(1 << 20));
    let sending = tokio::spawn(async move {
        let gives_up = timeout(Duration::from_secs(1), sink.send(long)).await;
        assert!(gives_up.is_err());
        sink
    });
    yield_now().await;
    go_on.notify_one();
    let _sink = sending.await.unwrap();
    go_on.notify_one();
    let answered = async {
        loop {
            if let Frame::Pong(id) = seen.recv().await.unwrap() {
                break id;
            }
        }
    };
    let id = timeout(Duration::from_secs(1), answered).await;
    assert_eq!(id.expect("the reader is woken"), "id");
    reading.abort();
}

#[tokio::test]
async fn a_dial_that_is_dropped_at_any_point_leaves_nothing_open() {
    let (sender, mut ends) = unbounded_channel();
    let exchange = Piped::new(move |mut stream: DuplexStream| {
        let sender = sender.clone();
        async move {
            let head = read_head(&mut stream).await;
            let accept = derive_accept_key(key(&head).unwrap().as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            for byte in answer.bytes() {
                if stream.write_u8(byte).await.is_err() {
                    break;
                }
                yield_now().await;
            }
            let _ = stream.read_to_end(&mut Vec::new()).await;
            sender.send(()).unwrap();
        }
    });
    let client = client(exchange);
    for polls in 1.. {
        let mut dial = client.dial(request("ws://h.example/"));
        let mut is_done = false;
        for _ in 0..polls {
            is_done = dial.as_mut().now_or_never().is_some();
            if is_done {
                break;
            }
            yield_now().await;
        }
        drop(dial);
        ends.recv().await.unwrap();
        if is_done {
            return;
        }
    }
}

#[derive(Debug, Clone)]
enum Op {
    /// Begins to send as many bytes, if nothing is being sent.
    Send(usize),
    /// Drops what is being sent.
    Drop,
    /// The peer sends a ping.
    Ping,
    /// The peer reads as many bytes.
    Read(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => prop_oneof![0..200_usize, 60_000..300_000_usize].prop_map(Op::Send),
        2 => Just(Op::Drop),
        3 => Just(Op::Ping),
        3 => prop_oneof![1..200_usize, 1000..100_000_usize].prop_map(Op::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_dropped_nobody_waits_who_would_not_with_tokio_tungstenite(
        ops in vec(op(), 0..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        // Tasks of one thread, polled here and only when they are woken.
        let (ours, theirs) = runtime.block_on(unconstrained(async {
            (ours(&ops).await, theirs(&ops).await)
        }));
        prop_assert_eq!(ours, theirs);
    }
}

async fn ours(ops: &[Op]) -> Outcome {
    let (sender, receiver) = std::sync::mpsc::channel();
    let exchange = Piped::new(move |stream: DuplexStream| {
        let sender = sender.clone();
        async move {
            let stream = accept_async(stream).await.unwrap().into_inner();
            sender.send(stream).unwrap();
        }
    });
    let socket: WebSocket = client(exchange)
        .dial(request("ws://h.example/"))
        .await
        .unwrap();
    let peer = receiver.recv().unwrap();
    Play::new(socket, peer, |len| Message::text("x".repeat(len))).run(ops)
}

async fn theirs(ops: &[Op]) -> Outcome {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    Play::new(socket, far, |len| Frame::text("x".repeat(len))).run(ops)
}

/// What has come of a script.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// A sender waits although the peer has read everything.
    is_waiting: bool,
    /// How many pings were read.
    pings: usize,
    /// The last ping that was answered.
    last_pong: Option<Vec<u8>>,
}

/// A task that is polled when it was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn woken() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A connection whose halves are two tasks, and its peer.
struct Play<S, M> {
    stream: SplitStream<S>,
    reader: Arc<Flag>,
    sink: SplitSink<S, M>,
    message: fn(usize) -> M,
    /// What is being sent, until it has been taken.
    sending: Option<Option<M>>,
    sender: Arc<Flag>,
    peer: DuplexStream,
    received: Vec<u8>,
    pinged: u8,
    pings: usize,
}

impl<S, M> Play<S, M>
where
    S: Stream + Sink<M> + Unpin,
{
    fn new(socket: S, peer: DuplexStream, message: fn(usize) -> M) -> Self {
        let (sink, stream) = socket.split();
        Self {
            stream,
            reader: Flag::woken(),
            sink,
            message,
            sending: None,
            sender: Arc::default(),
            peer,
            received: Vec::new(),
            pinged: 0,
            pings: 0,
        }
    }

    fn run(mut self, ops: &[Op]) -> Outcome {
        self.settle();
        for op in ops {
            match op {
                Op::Send(len) if self.sending.is_none() => {
                    self.sending = Some(Some((self.message)(*len)));
                    self.sender = Flag::woken();
                }
                Op::Send(_) => {}
                // As a future of `send` is dropped: nobody polls for it any more.
                Op::Drop => self.sending = None,
                Op::Ping => {
                    let ping = [0x89, 1, self.pinged];
                    self.peer.write_all(&ping).now_or_never().unwrap().unwrap();
                    self.pinged += 1;
                }
                Op::Read(len) => {
                    self.read(*len);
                }
            }
            self.settle();
        }
        // In the end, the peer reads all there is. Nobody is dropped or woken by anything else.
        while self.read(64 * 1024) > 0 {
            self.settle();
        }
        Outcome {
            is_waiting: self.sending.is_some(),
            pings: self.pings,
            last_pong: last_pong(&self.received),
        }
    }

    /// Polls whoever is woken, until nobody is.
    fn settle(&mut self) {
        loop {
            if self.reader.take() {
                let waker = Waker::from(Arc::clone(&self.reader));
                let mut cx = Context::from_waker(&waker);
                while self.stream.poll_next_unpin(&mut cx).is_ready() {
                    self.pings += 1;
                }
            } else if self.sending.is_some() && self.sender.take() {
                self.send();
            } else {
                return;
            }
        }
    }

    /// As a future of `send`.
    fn send(&mut self) {
        let waker = Waker::from(Arc::clone(&self.sender));
        let mut cx = Context::from_waker(&waker);
        let Some(message) = &mut self.sending else {
            return;
        };
        if message.is_some() {
            if self.sink.poll_ready_unpin(&mut cx).is_pending() {
                return;
            }
            if let Some(message) = message.take() {
                assert!(self.sink.start_send_unpin(message).is_ok());
            }
        }
        if self.sink.poll_flush_unpin(&mut cx).is_ready() {
            self.sending = None;
        }
    }

    fn read(&mut self, len: usize) -> usize {
        let mut bytes = vec![0; len];
        let mut buf = ReadBuf::new(&mut bytes);
        let mut cx = Context::from_waker(Waker::noop());
        let _: Poll<_> = Pin::new(&mut self.peer).poll_read(&mut cx, &mut buf);
        self.received.extend(buf.filled());
        buf.filled().len()
    }
}

/// The payload of the last pong in what a client has sent.
fn last_pong(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut last = None;
    while !bytes.is_empty() {
        let mut cursor = Cursor::new(bytes);
        let (header, len) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
        let start = cursor.position() as usize;
        // Of a message whose future was dropped, tokio-tungstenite may leave the rest unsent.
        let Some((payload, rest)) = bytes[start..].split_at_checked(len as usize) else {
            break;
        };
        if header.opcode == OpCode::Control(Control::Pong) {
            let mask = header.mask.unwrap();
            let plain = payload.iter().zip(mask.iter().cycle());
            last = Some(plain.map(|(byte, mask)| byte ^ mask).collect());
        }
        bytes = rest;
    }
    last
}
