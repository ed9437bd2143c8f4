//! Data on standard output.

mod sink;

use std::io::{self, Write as _};

use serde::Serialize;

use self::sink::{LARGE, Sink};
use crate::failure::Failure;

/// The size in bytes from which on the buffer is written, even if more lines follow.
const FULL: usize = LARGE;

/// Writes a complete text.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(Failure::output)
}

/// Writes a value as one line of JSON.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(value).map_err(|error| Failure::output(error.into()))?;
    print(&format!("{json}\n"))
}

/// Buffers lines and writes them in pieces of whole lines. Nothing waits for the reader but
/// [`flush`](Self::flush) and [`relieve`](Self::relieve).
#[derive(Debug)]
pub(crate) struct Stdout {
    sink: Sink,
    gathered: Vec<u8>,
    /// How much of it is written.
    written: usize,
}

impl Stdout {
    /// Within a runtime.
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {
            sink: Sink::new().map_err(Failure::output)?,
            gathered: Vec::with_capacity(FULL * 2),
            written: 0,
        })
    }

    /// Lines that are only formed, and not output.
    pub(crate) fn nowhere() -> Self {
        Self {
            sink: Sink::Nowhere,
            gathered: Vec::with_capacity(FULL * 2),
            written: 0,
        }
    }

    /// The buffer, to append the next line to. Nothing is output until [`flush`](Self::flush).
    pub(crate) fn line(&mut self) -> &mut Vec<u8> {
        &mut self.gathered
    }

    /// Whether the buffer is full, so that [`relieve`](Self::relieve) has to make room even if more follows.
    pub(crate) fn is_full(&self) -> bool {
        self.rest().len() >= FULL
    }

    /// Whether everything is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// How many lines are not written, or not completely.
    pub(crate) fn unwritten(&self) -> usize {
        self.rest().iter().filter(|byte| **byte == b'\n').count()
    }

    fn rest(&self) -> &[u8] {
        self.gathered.get(self.written..).unwrap_or_default()
    }

    /// Waits until nobody can read any more, if the system tells before something is written.
    pub(crate) async fn closed(&self) {
        self.sink.closed().await;
    }

    /// Writes the buffer. If the future is dropped before its end, the next call continues: no line is
    /// lost or repeated, and none is torn, unless it is too long for one write.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.write_down_to(0).await
    }

    /// Writes as much of a full buffer as makes room in it, as [`flush`](Self::flush) does. The rest is written
    /// together with the lines that follow.
    // A small write costs nearly as much as a large one: it wakes the reader.
    pub(crate) async fn relieve(&mut self) -> io::Result<()> {
        self.write_down_to(FULL - 1).await
    }

    /// Writes until no more than `most` bytes are left.
    async fn write_down_to(&mut self, most: usize) -> io::Result<()> {
        while self.rest().len() > most {
            let largest = self.sink.largest();
            let rest = self.gathered.get(self.written..).unwrap_or_default();
            self.written += self.sink.write(piece(rest, largest)).await?;
        }
        // Each byte is moved once at most.
        if self.written >= self.rest().len() {
            self.gathered.drain(..self.written);
            self.written = 0;
            // After a line of megabytes.
            self.gathered.shrink_to(FULL * 2);
        }
        Ok(())
    }
}

/// As many whole lines of `text` as fit into `largest` bytes, or the first line if it is longer.
fn piece(text: &[u8], largest: usize) -> &[u8] {
    let is_end = |byte: &u8| *byte == b'\n';
    let head = text.get(..largest).unwrap_or(text);
    let last_end = head.iter().rposition(is_end);
    let end = last_end.or_else(|| text.iter().position(is_end));
    end.and_then(|end| text.get(..=end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_whole_lines_or_one_that_is_too_long() {
        let text = b"one\ntwo\nthree and more\nfour\n";
        for (largest, expected) in [
            (4, "one\n"),
            (7, "one\n"),
            (8, "one\ntwo\n"),
            (3, "one\n"),
            (1000, "one\ntwo\nthree and more\nfour\n"),
        ] {
            assert_eq!(piece(text, largest), expected.as_bytes(), "{largest}");
        }
        assert_eq!(piece(b"", 8), b"");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_makes_no_room_in_a_full_buffer_is_written_with_the_lines_that_follow() {
        use tokio::io::AsyncReadExt;
        use tokio::net::unix::pipe;

        let (sender, mut receiver) = pipe::pipe().unwrap();
        let reader = tokio::spawn(async move {
            let mut read = Vec::new();
            receiver.read_to_end(&mut read).await.map(|_| read)
        });
        let mut stdout = Stdout {
            sink: Sink::Pipe(sender),
            ..Stdout::nowhere()
        };
        let mut expected = Vec::new();
        let mut append = |stdout: &mut Stdout, line: String| {
            stdout.line().extend_from_slice(line.as_bytes());
            expected.extend_from_slice(line.as_bytes());
        };
        for round in 0..3 {
            while !stdout.is_full() {
                append(&mut stdout, format!("{round:0299}\n"));
            }
            stdout.relieve().await.unwrap();
            assert!(!stdout.is_full());
            assert!(!stdout.is_empty());
        }
        append(&mut stdout, "the last one\n".to_owned());
        stdout.flush().await.unwrap();
        assert!(stdout.is_empty());
        drop(stdout);
        assert_eq!(reader.await.unwrap().unwrap(), expected);
    }
}
