//! What arrives on a connection in front of a body.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::{BadHead, Connection, HeadReader};

/// What has arrived since the last request was sent, as far as it stands in front of a body.
#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<Arrived>);

//     begin() -> Head, empty -> Head -> Rest
#[derive(Debug, Default)]
enum Arrived {
    Head(HeadReader),
    /// A body, or what nobody has asked for.
    #[default]
    Rest,
}

impl Watch {
    /// A request is sent next.
    pub(crate) fn begin(&self) {
        *self.0.lock() = Arrived::Head(HeadReader::default());
    }

    /// Whether nothing has arrived since.
    pub(crate) fn is_silent(&self) -> bool {
        match &*self.0.lock() {
            Arrived::Head(head) => head.is_empty(),
            Arrived::Rest => false,
        }
    }

    fn see(&self, bytes: &[u8]) -> Result<(), BadHead> {
        let mut arrived = self.0.lock();
        if let Arrived::Head(head) = &mut *arrived
            && head.add(bytes)?
        {
            *arrived = Arrived::Rest;
        }
        Ok(())
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
