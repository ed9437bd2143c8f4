//! What has arrived and was not handed out yet.

use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use simdutf8::basic::from_utf8;
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use transport::Connection;

/// How much is read at once. A message that is kept keeps as much memory.
// Larger is not better: whoever keeps a message of 100 bytes keeps the read that it came with.
const READ: usize = 4 * 1024;
/// How much is read at once after a read of [`READ`] or more.
// Fewer system calls while the peer sends faster than we read. TLS has records of 16 KiB at most,
// so this is a few of them.
const READ_IN_A_BURST: usize = 64 * 1024;
/// How much memory is reserved at most for what a header announces and has not arrived yet.
const AHEAD: usize = 1024 * 1024;
/// How many bytes the payload of a control frame may have (RFC 6455, section 5.5).
pub(crate) const MAX_CONTROL: usize = 125;

// RFC 6455, section 5.2:
//
//      0                   1                   2                   3
//      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//     +-+-+-+-+-------+-+-------------+-------------------------------+
//     |F|R|R|R| opcode|M| Payload len | Extended payload length       |
//     |I|S|S|S|  (4)  |A|     (7)     |   2 bytes if len is 126,      |
//     |N|V|V|V|       |S|             |   8 bytes if len is 127       |
//     | |1|2|3|       |K|             | (a server never masks)        |
//     +-+-+-+-+-------+-+-------------+-------------------------------+
//
//     81 02 6f 6b    FIN, text, not masked, 2 bytes: "ok"
/// What has arrived, frame by frame.
///
/// Market data is text in whole frames; such a frame is handed out as it lies there, and so are
/// control frames that are as they should be. Every other one is tungstenite's to read and to judge,
/// and so is text that is not UTF-8.
pub(crate) struct FrameReader {
    bytes: BytesMut,
    /// How long a message, and so a frame, may be.
    limit: usize,
    /// The last read brought [`READ`] or more.
    is_in_burst: bool,
    /// The message of which the last frame is a part goes on.
    is_fragmented: bool,
    /// How many of the bytes tungstenite is to read next.
    due: usize,
    /// How many bytes the next frame lacks at least.
    missing: usize,
    /// The next frame has begun, and is a part of a message.
    is_within_data: bool,
    /// Nothing more will arrive.
    has_ended: bool,
}

//     what lies there                                     next
//     a part of a header                                  Fill
//     a header, and a part of its payload                 Fill
//     a whole frame: FIN, text, no RSV, not masked,       Text, a slice of the buffer
//       UTF-8, and no fragments before it go on
//     a whole ping, pong or close: FIN, no RSV, not       Ping, Pong, Close
//       masked, 125 bytes at most
//     any other whole frame                               Frame, with the frame due
//     a header that announces more than the limit         Frame, with the header due: it is refused
//     what cannot be a header                             Frame, with everything due: it is refused
//     any part, and nothing more will arrive              Frame, with a byte due, if there is one
//
// After `Frame`, the owner lets tungstenite read, and asks again.
/// What is to be done next.
pub(crate) enum Next {
    /// This text is a message.
    Text(Bytes),
    /// A ping with this payload.
    Ping(Bytes),
    /// A pong with this payload.
    Pong(Bytes),
    /// A close, with its code and reason if it has any.
    Close(Option<(u16, String)>),
    /// tungstenite shall read this one. It may have no payload.
    Frame { is_empty: bool },
    /// The reader has to be filled.
    Fill,
}

impl FrameReader {
    /// A reader that has `bytes`, of messages of at most `limit` bytes.
    pub(crate) fn new(bytes: BytesMut, limit: usize) -> Self {
        Self {
            bytes,
            limit,
            is_in_burst: false,
            is_fragmented: false,
            due: 0,
            missing: 0,
            is_within_data: false,
            has_ended: false,
        }
    }

    /// What is to be done with what is there.
    pub(crate) fn next(&mut self) -> Next {
        if let Some(text) = self.next_text() {
            return Next::Text(text);
        }
        self.next_of_any_kind()
    }

    /// Whether the next frame lies there as a whole, and is a text.
    pub(crate) fn has_text(&self) -> bool {
        self.text().is_some_and(|(_, end)| end <= self.bytes.len())
    }

    /// Where the payload of the next frame begins and ends, if that is a text without further parts, as nearly
    /// all are.
    #[inline]
    fn text(&self) -> Option<(usize, usize)> {
        // FIN, no RSV, text; not masked, and of less than 64 KiB.
        match *self.bytes {
            [0x81, len @ 0..126, ..] => Some((2, 2 + usize::from(len))),
            [0x81, 126, high, low, ..] => {
                Some((4, 4 + usize::from(u16::from_be_bytes([high, low]))))
            }
            _ => None,
        }
    }

    /// The next frame, if it is a whole text.
    #[inline]
    fn next_text(&mut self) -> Option<Bytes> {
        let (start, len) = self.text()?;
        let payload = self.bytes.get(start..len)?;
        let is_sound = !self.is_fragmented && len - start <= self.limit;
        (is_sound && from_utf8(payload).is_ok()).then(|| self.take(start, len))
    }

    fn next_of_any_kind(&mut self) -> Next {
        let mut cursor = Cursor::new(&self.bytes);
        let parsed = FrameHeader::parse(&mut cursor);
        let start = cursor.position() as usize;
        let (header, len) = match parsed {
            Ok(Some((header, payload))) => match usize::try_from(payload) {
                Ok(payload) if payload <= self.limit => (header, start + payload),
                // Before any of it has arrived, so that nobody can make us reserve what a header
                // announces.
                // Too long, says tungstenite.
                _ => return self.leave_to_tungstenite(start, false),
            },
            Ok(None) => {
                self.is_within_data = false;
                return self.fill(1);
            }
            Err(_) => return self.leave_to_tungstenite(self.bytes.len(), false),
        };
        let Some(payload) = self.bytes.get(start..len) else {
            self.is_within_data = matches!(header.opcode, OpCode::Data(_));
            return self.fill(len - self.bytes.len());
        };
        // A text in the middle of a fragmented message breaks the protocol (section 5.4). That is
        // tungstenite's to say, as it is of masks and reserved bits. simdutf8's `basic` finds no
        // place of the error, which nobody needs.
        if !self.is_fragmented && is_whole_text(&header) && from_utf8(payload).is_ok() {
            return Next::Text(self.take(start, len));
        }
        match header.opcode {
            // Control frames may stand between fragments, and leave the message as it is.
            OpCode::Control(control) => {
                if let Some(next) = is_sound(&header)
                    .then(|| control_frame(control, payload))
                    .flatten()
                {
                    self.bytes.advance(len);
                    return next;
                }
            }
            OpCode::Data(_) => self.is_fragmented = !header.is_final,
        }
        let is_empty = payload.is_empty();
        self.leave_to_tungstenite(len, is_empty)
    }

    /// What lies from `start` to `end`, and nothing before it any longer.
    fn take(&mut self, start: usize, end: usize) -> Bytes {
        let mut taken = self.bytes.split_to(end);
        taken.advance(start);
        taken.freeze()
    }

    /// Whether what arrives next goes on with a message.
    pub(crate) fn is_within_data(&self) -> bool {
        self.is_within_data
    }

    /// At the end, tungstenite says what it means that something is missing.
    fn fill(&mut self, missing: usize) -> Next {
        if self.has_ended {
            // One byte is enough: for a whole header, it would reserve what that announces.
            return self.leave_to_tungstenite(self.bytes.len().min(1), false);
        }
        self.missing = missing;
        Next::Fill
    }

    fn leave_to_tungstenite(&mut self, due: usize, is_empty: bool) -> Next {
        self.due = due;
        Next::Frame { is_empty }
    }

    /// Reads more from `connection`. While there is nothing to read, an empty reader has no memory.
    pub(crate) fn poll_fill(
        &mut self,
        connection: &mut Connection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        // `reserve` uses the same memory again if every message from it has been dropped.
        if self.room() < self.missing {
            let usual = if self.is_in_burst {
                READ_IN_A_BURST
            } else {
                READ
            };
            self.bytes.reserve(self.missing.clamp(usual, AHEAD));
        }
        // A future of `read_buf` has no state of its own between polls, so it need not be kept.
        let outcome = pin!(connection.read_buf(&mut self.bytes)).poll(cx);
        // Thousands of connections may wait at once, and most of the time all they do is wait.
        if outcome.is_pending() && self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        let len = ready!(outcome)?;
        // A read that brings less has emptied the socket, or nearly.
        self.is_in_burst = len >= READ;
        self.has_ended = len == 0;
        Poll::Ready(Ok(()))
    }

    fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }
}

/// A control frame that keeps the rules (RFC 6455, section 5.5); `None` for any other.
//
// tungstenite would answer pings and closes by itself, into a buffer without a limit, and report a
// code that no close may carry as 1002 (snapview/tungstenite-rs#502).
fn control_frame(control: Control, payload: &[u8]) -> Option<Next> {
    if payload.len() > MAX_CONTROL {
        return None;
    }
    match (control, payload) {
        (Control::Ping, _) => Some(Next::Ping(Bytes::copy_from_slice(payload))),
        (Control::Pong, _) => Some(Next::Pong(Bytes::copy_from_slice(payload))),
        (Control::Close, []) => Some(Next::Close(None)),
        (Control::Close, [high, low, reason @ ..]) => {
            let reason = std::str::from_utf8(reason).ok()?.to_owned();
            Some(Next::Close(Some((
                u16::from_be_bytes([*high, *low]),
                reason,
            ))))
        }
        _ => None,
    }
}

fn is_whole_text(header: &FrameHeader) -> bool {
    is_sound(header) && header.opcode == OpCode::Data(Data::Text)
}

/// Whether nothing in the header asks for tungstenite's judgement.
fn is_sound(header: &FrameHeader) -> bool {
    header.is_final && header.mask.is_none() && !(header.rsv1 || header.rsv2 || header.rsv3)
}

/// What is due, as tungstenite reads it.
impl Read for FrameReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // tungstenite reads until it has a message. It must not see what may yet become a slice. At
        // the end, reading nothing tells it so.
        if self.due == 0 && !self.has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = (&mut self.bytes).take(self.due).reader().read(buf)?;
        self.due -= len;
        Ok(len)
    }
}

/// What tungstenite is told to send stays queued in it: there is no context here to be woken by.
impl Write for FrameReader {
    fn write(&mut self, _buf: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(ErrorKind::WouldBlock.into())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn an_inbox_has_no_memory_while_there_is_nothing_in_it() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut connection = Connection::new(ours);
        let mut reader = FrameReader::new(BytesMut::new(), 1024);
        for _message in 0..2 {
            assert!(matches!(reader.next(), Next::Fill));
            let outcome = poll_fn(|cx| Poll::Ready(reader.poll_fill(&mut connection, cx))).await;
            assert!(outcome.is_pending());
            assert_eq!(reader.bytes.capacity(), 0);

            theirs.write_all(b"\x81\x02ok").await.unwrap();
            poll_fn(|cx| reader.poll_fill(&mut connection, cx))
                .await
                .unwrap();
            assert!(matches!(reader.next(), Next::Text(text) if *text == *b"ok"));
        }
    }
}
