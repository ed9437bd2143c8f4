//! What arrives on a connection in front of a body.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::{Connection, malformed_line};

/// The most bytes that the heads of an answer may have, the interim ones included.
const MAX_HEAD: usize = 64 * 1024;

/// Why the head of an answer is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadHead {
    /// Not shown here: what it says may hold a secret.
    #[error("a malformed line in its head")]
    Line(Vec<u8>),
    #[error("its head has more than {} KiB", MAX_HEAD / 1024)]
    TooLong,
}

/// What has arrived since the last request was sent, as far as it stands in front of a body.
#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<Arrived>);

//     begin() -> Heads, empty -> Heads -> Rest
#[derive(Debug, Default)]
enum Arrived {
    Heads(Heads),
    /// A body, or what nobody has asked for.
    #[default]
    Rest,
}

impl Watch {
    /// A request is sent next.
    pub(crate) fn begin(&self) {
        *self.0.lock() = Arrived::Heads(Heads::default());
    }

    /// Whether nothing has arrived since.
    pub(crate) fn is_silent(&self) -> bool {
        match &*self.0.lock() {
            Arrived::Heads(heads) => heads.bytes.is_empty(),
            Arrived::Rest => false,
        }
    }

    fn see(&self, bytes: &[u8]) -> Result<(), BadHead> {
        let mut arrived = self.0.lock();
        let Arrived::Heads(heads) = &mut *arrived else {
            return Ok(());
        };
        if heads.add(bytes)? {
            *arrived = Arrived::Rest;
        }
        Ok(())
    }
}

/// The heads of one answer: any number of interim ones (RFC 9110, section 15.2), and the final one.
#[derive(Debug, Default)]
struct Heads {
    bytes: Vec<u8>,
    /// Where the last head begins.
    head: usize,
    /// Where the last line begins.
    line: usize,
    /// How far the last line has been looked through for its end.
    seen: usize,
}

impl Heads {
    /// Whether the final head is complete with `bytes`.
    fn add(&mut self, bytes: &[u8]) -> Result<bool, BadHead> {
        // Most of what arrives together with a head is body.
        let room = MAX_HEAD.saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if !self.find_end() {
            return match bytes.len() > room {
                true => Err(BadHead::TooLong),
                false => Ok(false),
            };
        }
        let heads = self.bytes.get(..self.line).unwrap_or_default();
        match malformed_line(heads) {
            Some(line) => Err(BadHead::Line(line.to_vec())),
            None => Ok(true),
        }
    }

    /// Whether there is the empty line that ends the final head. Looks at no byte twice.
    fn find_end(&mut self) -> bool {
        loop {
            let rest = self.bytes.get(self.seen..).unwrap_or_default();
            let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
                self.seen = self.bytes.len();
                return false;
            };
            let end = self.seen + length;
            let is_empty = matches!(self.bytes.get(self.line..end), Some(b"" | b"\r"));
            let is_first = self.line == self.head;
            self.seen = end + 1;
            self.line = self.seen;
            // An empty line in front of a head is passed over (RFC 9112, section 2.2).
            if is_empty && (is_first || self.is_interim()) {
                self.head = self.line;
            } else if is_empty {
                return true;
            }
        }
    }

    /// Whether the last head announces another one.
    fn is_interim(&self) -> bool {
        //     HTTP/1.1 103 Early Hints
        let status = self.bytes.get(self.head + 9..).unwrap_or_default();
        status.starts_with(b"1") && !status.starts_with(b"101")
    }
}

/// A connection with a [`Watch`] on what arrives.
#[derive(Debug)]
pub(crate) struct Watched {
    connection: Connection,
    watch: Arc<Watch>,
}

impl Watched {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            watch: Arc::default(),
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.connection).poll_read(cx, buf))?;
        let seen = self
            .watch
            .see(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(seen.map_err(io::Error::other))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of an answer that arrives in pieces of `size`.
    fn see(answer: &str, size: usize) -> Result<bool, BadHead> {
        let watch = Watch::default();
        watch.begin();
        for piece in answer.as_bytes().chunks(size) {
            watch.see(piece)?;
        }
        Ok(matches!(*watch.0.lock(), Arrived::Rest))
    }

    #[test]
    fn the_final_head_is_found_however_it_is_cut_and_nothing_behind_it_is_judged() {
        for (answer, is_whole) in [
            (
                "HTTP/1.1 200 OK\r\nA: b\r\n\r\nContent-Length: 5O\r\n\r\n",
                true,
            ),
            ("HTTP/1.1 200 OK\nA: b\n\n\0", true),
            ("\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n", false),
            ("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\0", true),
            ("HTTP/1.1 101 Switching\r\n\r\n\0", true),
            ("HTTP/1.1 200 OK\r\nA: b\r\n", false),
        ] {
            for size in 1..=answer.len() {
                assert_eq!(see(answer, size).unwrap(), is_whole, "{answer:?} {size}");
            }
        }
    }

    #[test]
    fn a_malformed_line_is_named_and_heads_without_end_are_cut_off() {
        for size in 1..60 {
            let interim = "HTTP/1.1 100 C\r\n\r\n";
            let answer = format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 5O\r\n\r\n");
            let error = see(&answer, size).unwrap_err();
            assert!(matches!(error, BadHead::Line(line) if line == b"Content-Length: 5O"));
        }
        for piece in ["HTTP/1.1 100 Continue\r\n\r\n", "X: y\r\n", "x"] {
            let endless = piece.repeat(MAX_HEAD + 1);
            for size in [1, 4096, endless.len()] {
                let error = see(&endless, size).unwrap_err();
                assert!(matches!(error, BadHead::TooLong), "{piece}");
            }
        }
    }

    #[test]
    fn silence_is_told_from_an_answer() {
        let watch = Watch::default();
        assert!(!watch.is_silent());
        watch.begin();
        assert!(watch.is_silent());
        watch.see(b"H").unwrap();
        assert!(!watch.is_silent());
        watch.begin();
        assert!(watch.is_silent());
    }
}
