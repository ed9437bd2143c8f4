//! A connection in hyper's terms.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection as Describe};
use hyper_util::rt::TokioIo;
use transport::{Connection, ConnectionInfo};

use crate::watch::{Watch, Watched};

/// A [`Connection`] that hyper can use. Its [`ConnectionInfo`](transport::ConnectionInfo) stands in the extensions of every
/// response that arrives over it.
#[derive(Debug)]
pub struct HyperConnection(TokioIo<Watched>);

impl HyperConnection {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(TokioIo::new(Watched::new(connection)))
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        self.0.inner().connection().info()
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        self.0.inner().watch()
    }
}

impl Describe for HyperConnection {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.info().clone())
    }
}
impl Read for HyperConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for HyperConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
}
