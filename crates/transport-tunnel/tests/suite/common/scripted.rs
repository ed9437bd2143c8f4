//! A peer that exists only as the bytes it sends.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::{Connection, DialError, Dialer, Endpoint, Target};

/// What follows the last byte.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    Close,
    Reset,
    Silence,
    Failure,
}

/// Dials a stream that delivers `chunks`, one per read, but no empty ones. Remembers what was dialed and written.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    chunks: VecDeque<Vec<u8>>,
    ending: Ending,
    max_write: usize,
    dialed: Arc<Mutex<Vec<Endpoint>>>,
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Scripted {
    pub(crate) fn new<C: Into<Vec<u8>>>(chunks: impl IntoIterator<Item = C>) -> Self {
        Self {
            chunks: chunks
                .into_iter()
                .map(Into::into)
                .filter(|chunk| !chunk.is_empty())
                .collect(),
            ending: Ending::Close,
            max_write: usize::MAX,
            dialed: Arc::default(),
            writes: Arc::default(),
        }
    }

    pub(crate) fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Accepts no more than so many bytes per write.
    pub(crate) fn max_write(mut self, bytes: usize) -> Self {
        self.max_write = bytes;
        self
    }

    pub(crate) fn dialed(&self) -> Vec<Endpoint> {
        self.dialed.lock().unwrap().clone()
    }

    pub(crate) fn writes(&self) -> Vec<Vec<u8>> {
        self.writes.lock().unwrap().clone()
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        self.writes().concat()
    }
}

#[async_trait]
impl Dialer for Scripted {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        self.dialed.lock().unwrap().push(target.endpoint().clone());
        Ok(Connection::new(self.clone()))
    }
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut chunk) = self.chunks.pop_front() else {
            return match self.ending {
                Ending::Close => Poll::Ready(Ok(())),
                Ending::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Ending::Silence => Poll::Pending,
                Ending::Failure => Poll::Ready(Err(io::Error::other("the cable is out"))),
            };
        };
        let rest = chunk.split_off(chunk.len().min(buf.remaining()));
        buf.put_slice(&chunk);
        if !rest.is_empty() {
            self.chunks.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let len = buf.len().min(self.max_write);
        self.writes.lock().unwrap().push(buf[..len].to_vec());
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
