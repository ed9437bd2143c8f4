//! The smallest exchange.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use transport::Io;

use super::read_head;

/// A frame with a text message (RFC 6455, section 5.2).
const TEXT_OK: &[u8] = b"\x81\x02ok";

/// Answers one REST request, or one upgrade, with "ok"; stays until the client leaves. Returns the
/// head of the request.
pub(crate) async fn answer(mut stream: impl Io) -> String {
    let head = read_head(&mut stream).await;
    let reply = match key(&head) {
        Some(key) => {
            let accept = derive_accept_key(key.as_bytes());
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            [head.as_bytes(), TEXT_OK].concat()
        }
        None => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
    };
    stream.write_all(&reply).await.unwrap();
    stream.flush().await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    head
}

/// The key in the head of an upgrade.
pub(crate) fn key(head: &str) -> Option<&str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then_some(value)
    })
}
