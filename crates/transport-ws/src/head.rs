//! The answer to the upgrade, and not a byte more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::Connection;

// An answer to an upgrade has a few hundred bytes.
const READ: usize = 4096;
/// What a head begins with.
const MAGIC: &[u8] = b"HTTP/";

/// A head of more bytes is read as it comes. tungstenite refuses it.
const MAX_HEAD: usize = 64 * 1024;

//     HTTP/1.1 101 Switching Protocols
//     Upgrade: websocket
//     Connection: Upgrade
//     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
//     (empty line)                                            read up to here
//     81 02 6f 6b                                             stays in `behind`
//
// tokio-tungstenite reads in large pieces and keeps what is left over in its own stream. That
// stream is dropped here, so it must not be given more than the head. Nor less: it takes a head in
// many small pieces for an attack, and parses it anew for each.
/// A connection of which only the head of a response is read, and not before it is there: whoever
/// parses it can be dropped without taking the first frames along.
pub(crate) struct Head<'a> {
    connection: &'a mut Connection,
    /// What has arrived and was not read: in the end, what stands behind the head.
    behind: &'a mut BytesMut,
    /// How many bytes of `behind` are to be read.
    due: usize,
    /// How many bytes of `behind` have been searched for the end of the head.
    searched: usize,
    /// Where in `behind` the line begins that is being searched.
    line: usize,
}

impl<'a> Head<'a> {
    /// The head of what `connection` says next; what arrives behind it is left in `behind`.
    pub(crate) fn new(connection: &'a mut Connection, behind: &'a mut BytesMut) -> Self {
        Self {
            connection,
            behind,
            due: 0,
            searched: 0,
            line: 0,
        }
    }

    /// Whether something of `behind` is to be read: all through the first empty line, which ends a
    /// head (RFC 9112, section 2.1), or everything if it is no head.
    //
    // Empty lines before a head are read one by one.
    fn search(&mut self) -> bool {
        let unsearched = self.behind.iter().enumerate().skip(self.searched);
        for (place, _) in unsearched.filter(|(_, byte)| **byte == b'\n') {
            let line = self.behind.get(self.line..=place);
            self.line = place + 1;
            if matches!(line, Some(b"\r\n" | b"\n")) {
                self.due = place + 1;
                return true;
            }
        }
        self.searched = self.behind.len();
        let is_head = self.behind.iter().zip(MAGIC).all(|(is, shall)| is == shall)
            // The beginning of an empty line before it.
            || **self.behind == *b"\r";
        if !is_head || self.searched > MAX_HEAD {
            self.due = self.searched;
        }
        self.due > 0
    }

    /// Reads until something is to be handed out, or nothing follows.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.due == 0 && !self.search() {
            let mut bytes = [0; READ];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut *self.connection).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                self.due = self.behind.len();
                break;
            }
            self.behind.extend_from_slice(read.filled());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Head<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_due(cx))?;
        // A caller with a small buffer comes again for the rest.
        let len = self.due.min(buf.remaining());
        buf.put_slice(&self.behind.split_to(len));
        self.due -= len;
        (self.searched, self.line) = (0, 0);
        Poll::Ready(Ok(()))
    }
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
    use futures_util::FutureExt;
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
        let mut reader = Head::new(&mut connection, &mut behind);
        while seen.len() < head.len() {
            let mut bytes = [0; 16];
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
    async fn a_head_is_read_when_all_of_it_is_there_and_anything_else_at_once() {
        for (bytes, is_read) in [
            (
                &b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: web"[..],
                false,
            ),
            (b"HTT", false),
            (b"\r", false),
            (b"SSH-2.0-OpenSSH_9.6\r\n", true),
            (b"\x05", true),
            (b"HTML", true),
        ] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            theirs.write_all(bytes).await.unwrap();
            let mut connection = Connection::new(ours);
            let mut behind = BytesMut::new();
            let mut reader = Head::new(&mut connection, &mut behind);
            let read = reader.read(&mut [0; 64]).now_or_never();
            assert_eq!(read.map(Result::unwrap), is_read.then_some(bytes.len()));
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
