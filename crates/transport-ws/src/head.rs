//! The answer to the upgrade, and not a byte more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::Connection;

// An answer to an upgrade has a few hundred bytes.
const READ: usize = 4096;

//     HTTP/1.1 101 Switching Protocols
//     Upgrade: websocket
//     Connection: Upgrade
//     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
//     (empty line)                                            read up to here
//     81 02 6f 6b                                             stays in `behind`
//
// tokio-tungstenite reads in large pieces and keeps what is left over in its own stream. That
// stream is dropped here, so it must not be given more than the head.
/// A connection of which only the head of a response is read: whoever parses it can be dropped
/// without taking the first frames along.
pub(crate) struct Head<'a> {
    connection: &'a mut Connection,
    /// What has arrived behind the head.
    behind: &'a mut BytesMut,
}

impl<'a> Head<'a> {
    /// The head of what `connection` says next; what arrives behind it is left in `behind`.
    pub(crate) fn new(connection: &'a mut Connection, behind: &'a mut BytesMut) -> Self {
        Self { connection, behind }
    }
}

impl AsyncRead for Head<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { connection, behind } = &mut *self;
        if behind.is_empty() {
            let mut bytes = [0; READ];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut **connection).poll_read(cx, &mut read))?;
            behind.extend_from_slice(read.filled());
        }
        // A caller with a small buffer comes again, and `behind` still holds the rest of the head.
        let len = through_empty_line(behind).min(buf.remaining());
        buf.put_slice(&behind.split_to(len));
        Poll::Ready(Ok(()))
    }
}

/// How many of the bytes there are through the first empty line, which ends a head (RFC 9112,
/// section 2.1). All of them if there is none.
///
/// What begins in the middle of a line, and so only looks like an empty one, makes one more read
/// necessary and no difference.
fn through_empty_line(bytes: &[u8]) -> usize {
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if matches!(line, b"\r\n" | b"\n") {
            break;
        }
    }
    end
}

impl AsyncWrite for Head<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.connection).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.connection).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const FRAMES: &[u8] = b"\x81\x04\r\n\r\n\x81\x01\n";

    /// What a reader gets that stops at the end of `head`, if `head` and frames arrive in pieces of
    /// `size`, and what is left of the frames.
    async fn read(head: &str, size: usize) -> (Vec<u8>, Vec<u8>) {
        let (ours, mut theirs) = tokio::io::duplex(size);
        let all = [head.as_bytes(), FRAMES].concat();
        let sender = tokio::spawn(async move { theirs.write_all(&all).await });
        let mut connection = Connection::new(ours);
        let mut behind = BytesMut::new();
        let mut seen = Vec::new();
        while seen.len() < head.len() {
            let mut bytes = [0; 16];
            let mut reader = Head::new(&mut connection, &mut behind);
            let len = reader.read(&mut bytes).await.unwrap();
            seen.extend(&bytes[..len]);
        }
        let mut rest = behind.to_vec();
        connection.read_to_end(&mut rest).await.unwrap();
        sender.await.unwrap().unwrap();
        (seen, rest)
    }

    #[tokio::test]
    async fn nothing_behind_the_head_is_read_however_it_is_cut() {
        for head in [
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n",
            "\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n",
        ] {
            for size in 1..=head.len() + FRAMES.len() {
                let (seen, rest) = read(head, size).await;
                assert_eq!(seen, head.as_bytes(), "{size}");
                assert_eq!(rest, FRAMES, "{size}");
            }
        }
    }

    #[tokio::test]
    async fn an_end_is_an_end() {
        let (ours, theirs) = tokio::io::duplex(8);
        drop(theirs);
        let mut connection = Connection::new(ours);
        let mut behind = BytesMut::new();
        let mut reader = Head::new(&mut connection, &mut behind);
        assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
