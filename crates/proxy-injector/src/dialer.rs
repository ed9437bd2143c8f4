//! Byte streams of a scope.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use proxy_config::Transport;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::{Connection, DialError, Dialer, Target};

use crate::decision::Decision;
use crate::failover::connect;
use crate::pool::Lease;
use crate::scope::Scope;

/// Dials the way that was decided.
pub(crate) struct ScopeDialer {
    pub(crate) scope: Scope,
    pub(crate) transport: Transport,
    pub(crate) decision: Decision,
}

#[async_trait]
impl Dialer for ScopeDialer {
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        let source = self.decision.source();
        let (connection, taken) = connect(
            self.scope.mechanism(),
            &self.decision,
            target.deadline(),
            |way, left| {
                let outlet = self.scope.outlet(self.transport, &way, source);
                let target = match (target.deadline(), left) {
                    (None, Some(left)) => target.clone().within(left),
                    _ => target.clone(),
                };
                async move { target.dial(&outlet.dialer).await }
            },
        )
        .await?;
        Ok(match taken.lease {
            Some(lease) => Leased::until_closed(connection, lease),
            None => connection,
        })
    }
}

/// A connection through a proxy that a pool has handed out.
struct Leased {
    connection: Connection,
    _lease: Lease,
}

impl Leased {
    fn until_closed(mut connection: Connection, lease: Lease) -> Connection {
        let info = std::mem::take(connection.info_mut());
        let leased = Self {
            connection,
            _lease: lease,
        };
        Connection::new(leased).with_info(info)
    }
}

impl AsyncRead for Leased {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(cx, buf)
    }
}

impl AsyncWrite for Leased {
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

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }
}
