//! Bytes in both directions.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::net::TcpStream;

use super::record::Traffic;

/// Carries bytes both ways until both sides have ended; the end of one side is passed on while
/// the other still speaks.
pub(super) async fn relay<C>(client: &mut C, target: TcpStream, traffic: Arc<Traffic>)
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    // Counted at the target's side: what a client sent and the target did not take is not traffic.
    let mut target = Metered { target, traffic };
    if let Err(error) = copy_bidirectional(client, &mut target).await {
        tracing::debug!(%error, "tunnel broken");
    }
}

/// The connection to a target, counted.
struct Metered {
    target: TcpStream,
    traffic: Arc<Traffic>,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The buffer of the caller may hold bytes already.
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.target).poll_read(cx, buf));
        self.traffic.add_down(buf.filled().len() - before);
        Poll::Ready(result)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.target).poll_write(cx, buf))?;
        self.traffic.add_up(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.target).poll_write_vectored(cx, bufs))?;
        self.traffic.add_up(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.target.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.target).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.target).poll_shutdown(cx)
    }
}
