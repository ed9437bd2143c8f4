//! What it costs to get the bytes, whoever reads them.

use std::iter::Cycle;
use std::vec::IntoIter;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_tungstenite::client_async;

use super::cell::Cell;
use super::check::Check;
use super::client::Receive;
use crate::error::Result;
use crate::wire::{TEXT, frame};

/// As much as TLS hands out at once.
const BUFFER: usize = 16 * 1024;

/// Counts messages by their lengths, and looks at none.
pub(super) struct Bytes<S> {
    stream: S,
    buffer: Vec<u8>,
    unread: usize,
    lengths: Cycle<IntoIter<usize>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Bytes<S> {
    /// Drops what arrived together with the answer to the upgrade, so its messages begin anywhere.
    pub(super) async fn open(uri: &str, stream: S, cell: Cell) -> Result<Self> {
        let (websocket, _response) = client_async(uri, stream).await?;
        let messages = cell.payload.messages()?;
        let lengths: Vec<usize> = messages
            .iter()
            .map(|text| frame(TEXT, text.as_bytes()).len())
            .collect();
        Ok(Self {
            stream: websocket.into_inner(),
            buffer: vec![0; BUFFER],
            unread: 0,
            lengths: lengths.into_iter().cycle(),
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receive for Bytes<S> {
    async fn receive(&mut self, _check: &mut Check) -> Result<()> {
        let length = self.lengths.next().ok_or("no messages")?;
        while self.unread < length {
            match self.stream.read(&mut self.buffer).await? {
                0 => return Err("closed".into()),
                read => self.unread += read,
            }
        }
        self.unread -= length;
        Ok(())
    }
}
