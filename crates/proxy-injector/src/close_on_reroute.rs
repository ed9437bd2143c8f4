//! Streams that end when their route changes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use transport::{Message, WebSocket, WsError, WsErrorKind};

use crate::live::{LiveConnection, Slot};
use crate::revocable::Reloaded;

/// A WebSocket that ends with [`RouteChanged`](WsErrorKind::RouteChanged) as soon as its route is
/// revoked, even if messages have arrived that are not read yet. It says farewell then.
//
//     Open --a message--------------------> Open
//     Open --the route is revoked---------> Over, with `RouteChanged`
//     Open --an error, or the end---------> Over, with that
//     Over --`poll_next`------------------> Over, with nothing
//
// The connection below ends with the route as well. This is above the WebSocket because a frame
// reader has messages in its buffer, and would report the end of the connection as a broken stream.
pub(crate) struct CloseOnReroute {
    socket: Arc<Slot>,
    live: Arc<LiveConnection>,
    is_over: bool,
}

impl CloseOnReroute {
    /// Wraps `socket`, whose connection is `live`.
    pub(crate) fn wrap(socket: WebSocket, live: Arc<LiveConnection>) -> WebSocket {
        let info = socket.info().clone();
        let socket = Arc::new(Slot::new(Some(socket)));
        live.carry(&socket);
        let report = Arc::downgrade(&live);
        let stream = Self {
            socket,
            live,
            is_over: false,
        };
        WebSocket::new(stream, info).with_stall_report(move || {
            if let Some(live) = report.upgrade() {
                live.stalled();
            }
        })
    }

    fn check(&self) -> Result<(), WsError> {
        match self.live.is_revoked() {
            true => Err(route_changed()),
            false => Ok(()),
        }
    }

    /// Uses the socket, unless the route has been revoked.
    fn use_socket<T>(&self, usage: impl FnOnce(&mut WebSocket) -> T) -> Result<T, WsError> {
        self.check()?;
        let result = self.socket.lock().as_mut().map(usage);
        self.live.settle_if_revoked();
        result.ok_or_else(route_changed)
    }

    /// As [`use_socket`](Self::use_socket). If the route was revoked meanwhile, that is the reason of a failure, and
    /// not the broken connection.
    fn poll_socket<T>(
        &self,
        usage: impl FnOnce(&mut WebSocket) -> Poll<Result<T, WsError>>,
    ) -> Poll<Result<T, WsError>> {
        let outcome = ready!(self.use_socket(usage)?);
        Poll::Ready(outcome.map_err(|error| self.check().err().unwrap_or(error)))
    }
}

fn route_changed() -> WsError {
    WsError::new(WsErrorKind::RouteChanged, Reloaded)
}

impl Drop for CloseOnReroute {
    fn drop(&mut self) {
        // Without the lock: it says farewell, and drops what may be the program's.
        let socket = self.socket.lock().take();
        drop(socket);
    }
}

impl Stream for CloseOnReroute {
    type Item = Result<Message, WsError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let next = |socket: &mut WebSocket| socket.poll_next_unpin(cx).map(Option::transpose);
        let item = ready!(self.poll_socket(next)).transpose();
        if !matches!(item, Some(Ok(_))) {
            self.is_over = true;
            if matches!(&item, Some(Err(error)) if error.kind() == WsErrorKind::Unresponsive) {
                self.live.stalled();
            }
            // Users may keep a stream that is over; its proxy has one connection less now.
            self.live.release();
        }
        Poll::Ready(item)
    }
}

impl Sink<Message> for CloseOnReroute {
    type Error = WsError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.poll_socket(|socket| socket.poll_ready_unpin(cx))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), WsError> {
        self.use_socket(|socket| socket.start_send_unpin(message))?
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.poll_socket(|socket| socket.poll_flush_unpin(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        // The farewell has been said, and the connection is closed.
        if self.live.is_revoked() {
            return Poll::Ready(Ok(()));
        }
        self.poll_socket(|socket| socket.poll_close_unpin(cx))
    }
}
