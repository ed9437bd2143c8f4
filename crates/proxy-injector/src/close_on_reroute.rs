//! Streams that end when their route changes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use transport::{Message, WebSocket, WsError, WsErrorKind};

use crate::live::LiveConnection;
use crate::revocable::Reloaded;

/// A WebSocket that ends with [`RouteChanged`](WsErrorKind::RouteChanged) as soon as its route is
/// revoked, even if messages have arrived that are not read yet.
//
//     Open --a message--------------------> Open
//     Open --the route is revoked---------> Over, with `RouteChanged`
//     Open --an error, or the end---------> Over, with that
//     Over --`poll_next`------------------> Over, with nothing
//
// The connection below ends with the route as well. This is above the WebSocket because a frame
// reader has messages in its buffer, and would report the end of the connection as a broken stream.
pub(crate) struct CloseOnReroute {
    socket: WebSocket,
    live: Arc<LiveConnection>,
    is_over: bool,
}

impl CloseOnReroute {
    /// Wraps `socket`, whose connection is `live`.
    pub(crate) fn wrap(socket: WebSocket, live: Arc<LiveConnection>) -> WebSocket {
        let info = socket.info().clone();
        let stream = Self {
            socket,
            live,
            is_over: false,
        };
        WebSocket::new(stream, info)
    }

    fn check(&self) -> Result<(), WsError> {
        match self.live.is_revoked() {
            true => Err(WsError::new(WsErrorKind::RouteChanged, Reloaded)),
            false => Ok(()),
        }
    }
}

impl Stream for CloseOnReroute {
    type Item = Result<Message, WsError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let item = match self.check() {
            Err(error) => Some(Err(error)),
            Ok(()) => match ready!(self.socket.poll_next_unpin(cx)) {
                // If the route was revoked meanwhile, that is the reason, and not the broken
                // connection.
                Some(Err(error)) => Some(Err(self.check().err().unwrap_or(error))),
                item => item,
            },
        };
        if !matches!(item, Some(Ok(_))) {
            self.is_over = true;
            // Users may keep a stream that is over; its proxy has one connection less now.
            self.live.release();
        }
        Poll::Ready(item)
    }
}

impl Sink<Message> for CloseOnReroute {
    type Error = WsError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.check()?;
        self.socket.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), WsError> {
        self.check()?;
        self.socket.start_send_unpin(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.check()?;
        let flushed = ready!(self.socket.poll_flush_unpin(cx));
        Poll::Ready(flushed.map_err(|error| self.check().err().unwrap_or(error)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        // The connection is closed, and a close frame must not be sent on the old route.
        if self.live.is_revoked() {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_close_unpin(cx)
    }
}
