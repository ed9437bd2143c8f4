//! Sockets that acknowledge at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket that acknowledges what arrives at once, for a peer that holds a second small packet
/// back until the first is acknowledged (RFC 896): a proxy without `TCP_NODELAY`.
///
/// The kernel leaves that mode as it sees fit, so every read enters it again.
#[derive(Debug)]
pub(crate) struct QuickAckStream(TcpStream);

impl QuickAckStream {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// A socket that cannot do it is slower at worst.
    fn acknowledge(&self) {
        // An option that lasts until the kernel thinks otherwise (tcp(7)). Setting it also sends an
        // acknowledgement that is being held back.
        let _ = SockRef::from(&self.0).set_tcp_quickack(true);
    }
}

impl AsyncRead for QuickAckStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Before the read and not after it: a poll that finds data is the moment at which an
        // acknowledgement is due, and one that finds none sets the mode for what comes next.
        self.acknowledge();
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for QuickAckStream {
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

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use transport::{Dialer, Target};

    use super::*;
    use crate::TcpDialer;

    #[tokio::test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the subject is what stands around a socket"
    )]
    async fn every_read_asks_for_it_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut stream = QuickAckStream::new(TcpStream::connect(address).await.unwrap());
        let (mut peer, _address) = listener.accept().await.unwrap();
        for _message in 0..3 {
            SockRef::from(&stream.0).set_tcp_quickack(false).unwrap();
            assert!(!SockRef::from(&stream.0).tcp_quickack().unwrap());
            peer.write_all(b"x").await.unwrap();
            stream.read_u8().await.unwrap();
            assert!(SockRef::from(&stream.0).tcp_quickack().unwrap());
        }
    }

    #[tokio::test]
    async fn bytes_pass_both_ways() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Target::parse("127.0.0.1", port).unwrap();
        let target = target.with_quick_ack(true);
        let mut connection = TcpDialer::new().dial(&target).await.unwrap();
        assert!(connection.info().local_addr().is_some());
        let (mut peer, _address) = listener.accept().await.unwrap();
        assert!(connection.is_write_vectored());
        connection.write_all(b"there").await.unwrap();
        connection.flush().await.unwrap();
        let mut there = [0; 5];
        peer.read_exact(&mut there).await.unwrap();
        peer.write_all(b"back").await.unwrap();
        let mut back = [0; 4];
        connection.read_exact(&mut back).await.unwrap();
        connection.shutdown().await.unwrap();
        assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
        assert_eq!((&there, &back), (b"there", b"back"));
    }
}
