//! Streams that end when their route changes.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use transport::{Message, WebSocket, WsError, WsErrorKind};

use crate::live::{LiveConnection, Slot};
use crate::revocable::Reloaded;

/// How many messages are taken from the socket at once, at most.
// Its lock, and the fence behind that, cost as much as to read a message of a hundred bytes.
const ROW: usize = 32;

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
    /// What was taken together with the message before.
    row: VecDeque<Option<Result<Message, WsError>>>,
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
            row: VecDeque::new(),
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

    /// The next message. Those that lie there with it are in the row then.
    fn poll_row(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, WsError>>> {
        let mut row = mem::take(&mut self.row);
        let first = self.poll_socket(|socket| {
            let first = ready!(socket.poll_next_unpin(cx));
            while row.len() + 1 < ROW
                && socket.size_hint().0 > 0
                && let Poll::Ready(next) = socket.poll_next_unpin(cx)
            {
                row.push_back(next);
            }
            Poll::Ready(first.transpose())
        });
        self.row = row;
        first.map(Result::transpose)
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
        let item = match self.row.pop_front() {
            Some(item) => match self.check() {
                Ok(()) => item,
                Err(changed) => Some(Err(changed)),
            },
            None => ready!(self.poll_row(cx)),
        };
        if !matches!(item, Some(Ok(_))) {
            self.is_over = true;
            self.row = VecDeque::new();
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
