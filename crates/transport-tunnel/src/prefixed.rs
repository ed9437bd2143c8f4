//! Bytes that arrived together with a proxy's reply, ahead of the rest of the stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::Connection;

//     one read:  | the proxy's last reply | ServerHello ... |
//                  consumed by the codec    prefix            then: what `inner` reads
//
// A proxy is free to send both in one segment. After a first flight there is always a prefix: the
// handshake has waited for the target's first byte.
/// A connection whose first bytes have already been read.
pub(crate) struct Prefixed {
    prefix: BytesMut,
    inner: Connection,
}

impl Prefixed {
    /// `inner` again, with `prefix` to be read first. Without a prefix, `inner` itself.
    pub(crate) fn put_back(prefix: BytesMut, inner: Connection) -> Connection {
        if prefix.is_empty() {
            return inner;
        }
        let info = inner.info().clone();
        Connection::new(Self { prefix, inner }).with_info(info)
    }
}

impl AsyncRead for Prefixed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        // The prefix alone, even if there is room for more: these bytes must not wait for others,
        // nor be lost to an error of `inner`.
        let len = self.prefix.len().min(buf.remaining());
        buf.put_slice(&self.prefix.split_to(len));
        if !self.prefix.has_remaining() {
            // Gives the buffer of the handshake back; the connection may live for a day.
            self.prefix = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn prefixed(prefix: &[u8]) -> (Connection, tokio::io::DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64);
        let connection = Prefixed::put_back(BytesMut::from(prefix), Connection::new(ours));
        (connection, theirs)
    }

    #[tokio::test]
    async fn a_prefix_is_read_first_in_pieces_of_any_size() {
        for size in 1..8 {
            let (mut connection, mut peer) = prefixed(b"before");
            peer.write_all(b"after").await.unwrap();
            drop(peer);
            assert_eq!(connection.read(&mut []).await.unwrap(), 0);
            let mut all: Vec<u8> = Vec::new();
            let mut piece = vec![0; size];
            loop {
                match connection.read(&mut piece).await.unwrap() {
                    0 => break,
                    len => all.extend(&piece[..len]),
                }
            }
            assert_eq!(all, b"beforeafter");
        }
    }

    #[tokio::test]
    async fn a_prefix_is_read_while_the_peer_is_silent_and_even_after_it_left() {
        let (mut connection, peer) = prefixed(b"before");
        let mut two = [0; 2];
        connection.read_exact(&mut two).await.unwrap();
        drop(peer);
        let mut rest = String::new();
        connection.read_to_string(&mut rest).await.unwrap();
        assert_eq!((&two, rest.as_str()), (b"be", "fore"));
    }

    #[tokio::test]
    async fn writes_and_their_end_pass_through_while_a_prefix_waits() {
        let (mut connection, mut peer) = prefixed(b"before");
        assert!(connection.is_write_vectored());
        let pieces = [IoSlice::new(b"to "), IoSlice::new(b"and fro")];
        assert_eq!(connection.write_vectored(&pieces).await.unwrap(), 10);
        connection.shutdown().await.unwrap();
        let mut seen = String::new();
        peer.read_to_string(&mut seen).await.unwrap();
        assert_eq!(seen, "to and fro");
    }

    #[test]
    fn the_history_of_a_connection_stays_with_it() {
        let (mut connection, _peer) = prefixed(b"before");
        let proxy = transport::Target::parse("p", 1).unwrap().endpoint().clone();
        connection.info_mut().pass_through(&proxy);
        let again = Prefixed::put_back(BytesMut::from(&b"x"[..]), connection);
        assert_eq!(again.info().hops(), [proxy]);
    }
}
