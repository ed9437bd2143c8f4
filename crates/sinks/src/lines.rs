//! JSON Lines on a writer.

use std::io;

use async_trait::async_trait;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::sink::{Records, Sink, SinkError};

/// The size in bytes from which on the lines are written, even if more follow.
const FULL: usize = 64 * 1024;

/// Writes lines to anything that can be written to, such as tokio's standard output.
#[derive(Debug)]
pub struct Lines<W> {
    writer: W,
    buffer: Vec<u8>,
    /// How much of the buffer is written.
    written: usize,
    lines: usize,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Lines<W> {
    /// Lines on `writer`.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            buffer: Vec::new(),
            written: 0,
            lines: 0,
        }
    }

    async fn drain(&mut self) -> Result<(), SinkError> {
        let failed = |error: io::Error| SinkError::new("write lines", error);
        while let Some(rest @ [_, ..]) = self.buffer.get(self.written..) {
            let written = self.writer.write(rest).await.map_err(failed)?;
            if written == 0 {
                return Err(failed(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        self.writer.flush().await.map_err(failed)?;
        self.buffer.clear();
        (self.written, self.lines) = (0, 0);
        Ok(())
    }
}

#[async_trait]
impl<W: AsyncWrite + Unpin + Send + 'static> Sink for Lines<W> {
    async fn write(&mut self, records: &mut Records) -> Result<(), SinkError> {
        if self.buffer.len() >= FULL {
            self.drain().await?;
        }
        while self.buffer.len() < FULL
            && let Some(record) = records.pop_front()
        {
            self.buffer.extend_from_slice(&record.line);
            self.buffer.push(b'\n');
            self.lines += 1;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.drain().await
    }

    fn unstored(&self) -> usize {
        self.lines
    }
}
