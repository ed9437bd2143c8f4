//! A byte stream whose route can be revoked.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::is_rt_shutdown_err;
use transport::{DialError, DialErrorKind, Endpoint, Hop, Io, Phase};

use crate::live::{LiveConnection, State};

/// The settings were reloaded.
#[derive(Debug, thiserror::Error)]
#[error("the settings were reloaded")]
pub(crate) struct Reloaded;

/// The error of a connection to `target` whose route has changed with new settings.
///
/// In the phase [`Route`](Phase::Route) nothing has been sent on the old route.
pub(crate) fn route_changed(target: &Endpoint, phase: Phase) -> DialError {
    let hop = Hop::Target(target.clone());
    DialError::new(hop, phase, DialErrorKind::RouteChanged).with_source(Reloaded)
}

/// The runtime of the connection's socket is gone.
#[derive(Debug, thiserror::Error)]
#[error(
    "the runtime that opened the connection has ended; another one needs a connection of its own"
)]
struct RuntimeEnded;

/// An error in plain words.
fn plain(error: io::Error) -> io::Error {
    match is_rt_shutdown_err(&error) {
        true => io::Error::other(RuntimeEnded),
        false => error,
    }
}

/// A connection that fails with [`RouteChanged`](DialErrorKind::RouteChanged) once its route is
/// revoked.
//
//     operation   granted    revoked, `Close`    revoked, `StopSending`
//     write       the stream RouteChanged        RouteChanged
//     read        the stream RouteChanged        the stream: an answer may be on its way
//     flush       the stream RouteChanged        the stream
//     shutdown    the stream nothing left to do  the stream
//
// Between the revocation and its settlement, a stream to close behaves like one that stops sending; a
// WebSocket over it sends its farewell then.
// A flush with nothing to send succeeds in all of them.
pub(crate) struct Revocable {
    live: Arc<LiveConnection>,
    target: Endpoint,
    /// Something may have been written since it was last flushed.
    is_unflushed: bool,
}

impl Revocable {
    pub(crate) fn new(live: Arc<LiveConnection>, target: Endpoint) -> Self {
        Self {
            live,
            target,
            is_unflushed: true,
        }
    }

    fn error(&self, state: &State) -> io::Error {
        // The phase tells callers whether a request may be sent again: in `Route`, nothing was
        // sent.
        let phase = if state.has_sent {
            Phase::Response
        } else {
            Phase::Route
        };
        io::Error::other(route_changed(&self.target, phase))
    }

    /// Writes with `write`, unless the route has been revoked.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut Box<dyn Io>>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.is_unflushed = true;
        self.live.with(|state| {
            let io = match &mut state.io {
                Some(io) if self.live.may_send() => io,
                _ => return Poll::Ready(Err(self.error(state))),
            };
            let written = write(Pin::new(io), cx).map_err(plain);
            match &written {
                // A task whose stream is closed under it would otherwise sleep for ever.
                Poll::Pending => state.wait_to_write(cx),
                Poll::Ready(written) => state.has_sent |= written.is_ok(),
            }
            written
        })
    }
}

impl Drop for Revocable {
    fn drop(&mut self) {
        self.live.close();
    }
}

impl AsyncRead for Revocable {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.live.with(|state| {
            let Some(io) = &mut state.io else {
                return Poll::Ready(Err(self.error(state)));
            };
            let before = buf.filled().len();
            let Poll::Ready(read) = Pin::new(io).poll_read(cx, buf) else {
                state.wait_to_read(cx);
                return Poll::Pending;
            };
            let read = read.map_err(plain);
            // Nothing read into a buffer with room is the end of the stream. The proxy's connection
            // no longer counts then, even if its user keeps this.
            let is_end = buf.filled().len() == before && buf.remaining() > 0;
            if read.is_err() || is_end {
                state.end();
            }
            Poll::Ready(read)
        })
    }
}

impl AsyncWrite for Revocable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, |io, cx| io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, |io, cx| io.poll_write_vectored(cx, bufs))
    }

    /// Also after the revocation: it sends what was written before.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_unflushed {
            return Poll::Ready(Ok(()));
        }
        let flushed = self.live.with(|state| {
            let Some(io) = &mut state.io else {
                return Poll::Ready(Err(self.error(state)));
            };
            let flushed = Pin::new(io).poll_flush(cx);
            if flushed.is_pending() {
                state.wait_to_write(cx);
            }
            flushed
        });
        self.is_unflushed = !matches!(flushed, Poll::Ready(Ok(())));
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.live.with(|state| {
            let Some(io) = &mut state.io else {
                return Poll::Ready(Ok(()));
            };
            let shut = Pin::new(io).poll_shutdown(cx);
            if shut.is_pending() {
                state.wait_to_write(cx);
            }
            shut
        })
    }

    fn is_write_vectored(&self) -> bool {
        let is_vectored = |state: &mut State| match &state.io {
            Some(io) => io.is_write_vectored(),
            None => false,
        };
        self.live.with(is_vectored)
    }
}
