//! Streams that end when the settings lead them another way.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use transport::{Message, WebSocket, WsError, WsErrorKind};

use crate::pool::Lease;

/// A WebSocket, and the event that its way is no longer the right one.
pub(crate) struct Followed {
    socket: WebSocket,
    /// Given back when the stream ends, however long the socket is kept.
    lease: Option<Lease>,
    route_changed: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the settings were reloaded")]
struct Reloaded;

impl Followed {
    /// `socket` until `route_changed`, through what `lease` may be of.
    pub(crate) fn until(
        socket: WebSocket,
        lease: Option<Lease>,
        route_changed: impl Future<Output = ()> + Send + 'static,
    ) -> WebSocket {
        let info = socket.info().clone();
        let followed = Self {
            socket,
            lease,
            route_changed: Box::pin(route_changed),
            is_over: false,
        };
        WebSocket::new(followed, info)
    }
}

impl Stream for Followed {
    type Item = Result<Message, WsError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        // What has arrived comes first, so in a burst the event costs nothing. The socket yields
        // often enough for it not to be missed.
        if let Poll::Ready(item) = self.socket.poll_next_unpin(cx) {
            if !matches!(item, Some(Ok(_))) {
                self.lease = None;
            }
            return Poll::Ready(item);
        }
        self.route_changed.poll_unpin(cx).map(|()| {
            self.is_over = true;
            self.lease = None;
            Some(Err(WsError::new(WsErrorKind::RouteChanged, Reloaded)))
        })
    }
}

impl Sink<Message> for Followed {
    type Error = WsError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.socket.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), WsError> {
        self.socket.start_send_unpin(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.socket.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.socket.poll_close_unpin(cx)
    }
}
