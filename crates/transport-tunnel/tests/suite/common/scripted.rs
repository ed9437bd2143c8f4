//! A proxy that exists only as the bytes it sends.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::{Connection, DialError, Dialer, Endpoint, Target};

/// Dials a stream that delivers `chunks`, one per read, then ends; and that accepts no more than
/// `max_write` bytes per write. Remembers what was dialed and written.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) max_write: usize,
    pub(crate) dialed: Arc<Mutex<Vec<Endpoint>>>,
    pub(crate) written: Arc<Mutex<Vec<u8>>>,
}

impl Scripted {
    pub(crate) fn new(chunks: Vec<Vec<u8>>, max_write: usize) -> Self {
        Self {
            chunks,
            max_write,
            dialed: Arc::default(),
            written: Arc::default(),
        }
    }
}

#[async_trait]
impl Dialer for Scripted {
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        self.dialed.lock().unwrap().push(target.endpoint().clone());
        Ok(Connection::new(ScriptedIo {
            chunks: self.chunks.clone().into(),
            max_write: self.max_write,
            written: Arc::clone(&self.written),
        }))
    }
}

struct ScriptedIo {
    chunks: VecDeque<Vec<u8>>,
    max_write: usize,
    written: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for ScriptedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut chunk) = self.chunks.pop_front() {
            let rest = chunk.split_off(chunk.len().min(buf.remaining()));
            buf.put_slice(&chunk);
            if !rest.is_empty() {
                self.chunks.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ScriptedIo {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = buf.len().min(self.max_write);
        self.written.lock().unwrap().extend(&buf[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
