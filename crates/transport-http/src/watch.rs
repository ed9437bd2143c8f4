//! What arrives on a connection in front of a body.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::{Connection, Excerpt, HeadReader, Secrets};

/// What has arrived since the last request was sent, as far as it stands in front of a body.
#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<Arrived>);

//     begin() -> Unasked -> the first write -> Head -> Rest
#[derive(Debug, Default)]
enum Arrived {
    /// The beginning of what nobody has asked for. It answers no request, but the next one would take it
    /// for its answer.
    Unasked(Vec<u8>),
    Head(HeadReader),
    /// A body, or what is not watched.
    #[default]
    Rest,
}

impl Watch {
    /// A request is sent next.
    pub(crate) fn begin(&self) {
        let mut arrived = self.0.lock();
        if !matches!(*arrived, Arrived::Unasked(_)) {
            *arrived = Arrived::Unasked(Vec::new());
        }
    }

    /// Whether nothing of an answer has arrived since.
    pub(crate) fn is_silent(&self) -> bool {
        match &*self.0.lock() {
            Arrived::Unasked(_) => true,
            Arrived::Head(head) => head.is_empty(),
            Arrived::Rest => false,
        }
    }

    /// What has arrived although no request was sent, if something has.
    pub(crate) fn unasked(&self, secrets: &Secrets) -> Option<Excerpt> {
        match &*self.0.lock() {
            Arrived::Unasked(bytes) if !bytes.is_empty() => Some(secrets.quote(bytes)),
            _ => None,
        }
    }

    fn see(&self, bytes: &[u8]) -> io::Result<()> {
        let mut arrived = self.0.lock();
        match &mut *arrived {
            Arrived::Unasked(unasked) if !bytes.is_empty() => {
                // One more, so that it is seen to be cut.
                unasked.extend(bytes.iter().take(Excerpt::MAX + 1));
                return Err(io::ErrorKind::InvalidData.into());
            }
            Arrived::Head(head) => {
                if head.add(bytes).map_err(io::Error::other)? {
                    *arrived = Arrived::Rest;
                }
            }
            Arrived::Unasked(_) | Arrived::Rest => {}
        }
        Ok(())
    }

    /// So many bytes of a request were sent.
    fn sent(&self, written: &Poll<io::Result<usize>>) {
        let mut arrived = self.0.lock();
        if let (Arrived::Unasked(unasked), Poll::Ready(Ok(1..))) = (&*arrived, written)
            && unasked.is_empty()
        {
            *arrived = Arrived::Head(HeadReader::default());
        }
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
        Poll::Ready(seen)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write(cx, buf);
        self.watch.sent(&written);
        written
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
        let written = Pin::new(&mut self.connection).poll_write_vectored(cx, bufs);
        self.watch.sent(&written);
        written
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
        watch.sent(&Poll::Ready(Ok(1)));
        assert!(watch.is_silent());
        watch.see(b"H").unwrap();
        assert!(!watch.is_silent());
        watch.begin();
        assert!(watch.is_silent());
        watch.see(b"").unwrap();
        assert!(watch.see(b"H").is_err());
        let unasked = watch.unasked(&Secrets::default()).unwrap();
        assert_eq!(unasked.as_str(), "H");
    }
}
