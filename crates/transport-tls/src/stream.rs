//! An open TLS connection.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;
use transport::{Endpoint, Io};

/// TLS with an endpoint. Its end without a farewell is told in words for people, and names the endpoint:
/// rustls refers to its manual.
pub(crate) struct Stream {
    tls: TlsStream<Box<dyn Io>>,
    endpoint: Endpoint,
}

impl Stream {
    pub(crate) fn new(tls: TlsStream<Box<dyn Io>>, endpoint: Endpoint) -> Self {
        Self { tls, endpoint }
    }
}

/// The connection ended without `close_notify` (RFC 8446, section 6.1), so that what was received may not
/// be all that was sent.
#[derive(Debug)]
struct Cut(Endpoint);

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(endpoint) = self;
        write!(
            f,
            "tls with {endpoint} was cut off (no close_notify), by {endpoint} or on the way"
        )
    }
}

impl Error for Cut {}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.tls).poll_read(cx, buf));
        Poll::Ready(read.map_err(|error| match error.kind() {
            // A dialer below may have put what it knows into the error.
            io::ErrorKind::UnexpectedEof if transport::DialError::find(&error).is_none() => {
                io::Error::new(error.kind(), Cut(self.endpoint.clone()))
            }
            _ => error,
        }))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }
}
