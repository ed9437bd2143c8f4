//! Whatever arrives, and in whatever pieces: it is read as tungstenite alone would read it.

use futures_util::StreamExt;
use proptest::collection::vec;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest,
};
use proptest::test_runner::TestCaseError;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, accept_async};
use transport::{Message, WsDialer};

use crate::common::{Piped, client, request};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn frames_are_read_as_tungstenite_reads_them(
        frames in vec(frame(), 0..12),
        cut in any::<proptest::sample::Index>(),
        is_cut in proptest::bool::weighted(0.2),
        size in 1_usize..6000,
    ) {
        let mut bytes = frames.concat();
        if is_cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(check(&bytes, size))?;
    }
}

/// A frame as a server may send it, and some that it must not.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let usual = prop_oneof![
        4 => text().prop_map(|text| header(0x81, text.len(), text)),
        1 => vec(any::<u8>(), 0..200).prop_map(|bytes| header(0x82, bytes.len(), bytes)),
        1 => vec(any::<u8>(), 0..120).prop_map(|bytes| header(0x89, bytes.len(), bytes)),
        1 => vec(any::<u8>(), 0..120).prop_map(|bytes| header(0x8A, bytes.len(), bytes)),
        // A text in two parts, with a ping between them.
        2 => (text(), text()).prop_map(|(first, second)| {
            let first = header(0x01, first.len(), first);
            let second = header(0x80, second.len(), second);
            [first, header(0x89, 0, Vec::new()), second].concat()
        }),
    ];
    let odd = prop_oneof![
        Just(b"\x88\x05\x03\xe8bye".to_vec()),
        Just(b"\x88\x00".to_vec()),
        // A close that carries what is no code: one byte, or text that is not UTF-8.
        Just(b"\x88\x01\x03".to_vec()),
        Just(b"\x88\x03\x03\xe8\xff".to_vec()),
        // Any code.
        any::<u16>().prop_map(|code| [b"\x88\x02".as_slice(), &code.to_be_bytes()].concat()),
        // A ping and a close that are parts, or too long.
        Just(b"\x09\x00".to_vec()),
        Just(b"\x08\x00".to_vec()),
        Just(header(0x89, 126, vec![0; 126])),
        Just(header(0x88, 126, vec![0x03; 126])),
        // A length in more bytes than it needs.
        Just(b"\x81\x7e\x00\x02ok".to_vec()),
        // Not UTF-8, masked, reserved bits, a reserved operation, a part of nothing, a first part.
        Just(b"\x81\x02\xc3\x28".to_vec()),
        Just(b"\x81\x82\0\0\0\0ok".to_vec()),
        Just(b"\xc1\x02ok".to_vec()),
        Just(b"\x83\x02ok".to_vec()),
        Just(b"\x80\x02ok".to_vec()),
        Just(b"\x01\x02ok".to_vec()),
        // Of 2^32 bytes.
        Just(b"\x81\x7f\0\0\0\x01\0\0\0\0".to_vec()),
        vec(any::<u8>(), 0..8),
    ];
    prop_oneof![9 => usual, 1 => odd]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let short = "[a-z\u{e9}\u{20ac}]{0,40}";
    let long = (100_usize..70_000).prop_map(|len| "x".repeat(len));
    prop_oneof![8 => short, 1 => long].prop_map(String::into_bytes)
}

fn header(first: u8, len: usize, payload: Vec<u8>) -> Vec<u8> {
    let mut frame = vec![first];
    match len {
        0..126 => frame.push(len as u8),
        126..65_536 => {
            frame.push(126);
            frame.extend((len as u16).to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

async fn check(bytes: &[u8], size: usize) -> Result<(), TestCaseError> {
    let (ours, theirs) = (ours(bytes, size).await, theirs(bytes, size).await);
    prop_assert_eq!(ours, theirs);
    Ok(())
}

/// What is read, and whether it ended in an error.
type Seen = (Vec<Message>, bool);

async fn ours(bytes: &[u8], size: usize) -> Seen {
    let bytes = bytes.to_vec();
    let exchange = Piped::new(move |stream: DuplexStream| {
        let bytes = bytes.clone();
        async move {
            let stream = accept_async(stream).await.unwrap().into_inner();
            send(stream, bytes, size).await;
        }
    });
    let mut socket = client(exchange)
        .dial(request("ws://h.example/"))
        .await
        .unwrap();
    let mut seen = Vec::new();
    while let Some(message) = socket.next().await {
        match message {
            Ok(message) => seen.push(as_tungstenite(message)),
            Err(_) => return (seen, true),
        }
    }
    (seen, false)
}

/// tungstenite replaces a code that no close may carry (snapview/tungstenite-rs#502).
fn as_tungstenite(message: Message) -> Message {
    match message {
        Message::Close(Some((1000..=1003 | 1007..=1013 | 3000..=4999, _))) => message,
        Message::Close(Some(_)) => Message::Close(Some((1002, "Protocol violation".to_owned()))),
        _ => message,
    }
}

async fn theirs(bytes: &[u8], size: usize) -> Seen {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(send(far, bytes.to_vec(), size));
    let mut socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let mut seen = Vec::new();
    while let Some(frame) = socket.next().await {
        let message = match frame {
            Ok(Frame::Text(text)) => Message::text(text.as_str()),
            Ok(Frame::Binary(bytes)) => Message::Binary(bytes),
            Ok(Frame::Ping(bytes)) => Message::Ping(bytes),
            Ok(Frame::Pong(bytes)) => Message::Pong(bytes),
            // What follows is no failure, and of no interest.
            Ok(Frame::Close(close)) => {
                let close = close.map(|close| (close.code.into(), close.reason.to_string()));
                seen.push(Message::Close(close));
                return (seen, false);
            }
            Ok(Frame::Frame(_)) => unreachable!("not asked for"),
            Err(_) => return (seen, true),
        };
        seen.push(message);
    }
    (seen, false)
}

async fn send(mut stream: DuplexStream, bytes: Vec<u8>, size: usize) {
    for piece in bytes.chunks(size) {
        if stream.write_all(piece).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
}
