//! Data, on standard output.

use std::io::{self, Write as _};

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use tokio::io::AsyncWriteExt;

use crate::failure::Failure;

/// When so many bytes have gathered, they are written even though more are to come.
const FULL: usize = 64 * 1024;

/// Writes a text that is all there is to say.
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

/// Gathers a stream of lines and writes them in large pieces, from a thread that may block.
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

    /// Where to write the next line to. Nothing happens until [`flush`](Self::flush).
    pub(crate) fn line(&mut self) -> impl io::Write {
        (&mut self.gathered).writer()
    }

    /// Whether it is time to [`flush`](Self::flush), whatever is to come.
    pub(crate) fn is_full(&self) -> bool {
        self.gathered.len() >= FULL
    }

    /// Writes what has gathered. Dropped before the end, it carries on where it was when called
    /// again.
    pub(crate) async fn flush(&mut self) -> Result<(), Failure> {
        self.sink
            .write_all_buf(&mut self.gathered)
            .await
            .map_err(Failure::output)?;
        self.sink.flush().await.map_err(Failure::output)
    }
}
