//! Data on standard output.

use std::io::{self, Write as _};

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use tokio::io::AsyncWriteExt;

use crate::failure::Failure;

/// The size in bytes from which on the buffer is written, even if more lines follow.
// A write per line would be a system call per event. A pipe of Linux holds as much as this.
const FULL: usize = 64 * 1024;

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

/// Buffers lines and writes them in large pieces, from a thread that may block.
#[derive(Debug)]
pub(crate) struct Stdout {
    sink: tokio::io::Stdout,
    gathered: BytesMut,
}

impl Stdout {
    pub(crate) fn new() -> Self {
        Self {
            sink: tokio::io::stdout(),
            gathered: BytesMut::with_capacity(FULL * 2),
        }
    }

    /// The buffer, to write the next line to. Nothing is output until [`flush`](Self::flush).
    pub(crate) fn line(&mut self) -> impl io::Write {
        (&mut self.gathered).writer()
    }

    /// Whether the buffer is full, so that it needs a [`flush`](Self::flush) even if more follows.
    pub(crate) fn is_full(&self) -> bool {
        self.gathered.len() >= FULL
    }

    /// Writes the buffer. If the future is dropped before its end, the next call continues.
    pub(crate) async fn flush(&mut self) -> Result<(), Failure> {
        // `write_all_buf` takes from the buffer what it has written, so a dropped future loses and
        // repeats nothing.
        self.sink
            .write_all_buf(&mut self.gathered)
            .await
            .map_err(Failure::output)?;
        self.sink.flush().await.map_err(Failure::output)
    }
}
