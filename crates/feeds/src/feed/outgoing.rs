//! Sending without waiting.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use futures_util::{SinkExt, StreamExt};
use tokio::time::Instant;
use transport::{Message, WebSocket, WsError};

use crate::exchange::StreamRequest;

/// A request that is being sent. While the exchange does not read it, what the exchange says is still
/// read.
#[derive(Debug)]
pub(super) struct Outgoing {
    request: StreamRequest,
    is_taken: bool,
    since: Instant,
}

impl Outgoing {
    pub(super) fn new(request: StreamRequest) -> Self {
        Self {
            request,
            is_taken: false,
            since: Instant::now(),
        }
    }

    /// Since when.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn into_request(self) -> StreamRequest {
        self.request
    }

    fn poll_send(
        &mut self,
        socket: &mut WebSocket,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), WsError>> {
        if !self.is_taken {
            ready!(socket.poll_ready_unpin(cx))?;
            socket.start_send_unpin(self.request.message.clone())?;
            self.is_taken = true;
        }
        socket.poll_flush_unpin(cx)
    }
}

/// What has happened on a socket.
#[derive(Debug)]
pub(super) enum Progress {
    /// The request has been sent, or could not be.
    Sent(Result<(), WsError>),
    /// What the socket yields.
    Received(Option<Result<Message, WsError>>),
}

/// Reads `socket`, and goes on with `outgoing`. Dropping the future loses nothing of either.
pub(super) async fn progress(socket: &mut WebSocket, outgoing: Option<&mut Outgoing>) -> Progress {
    let mut outgoing = outgoing;
    poll_fn(|cx| {
        // It ends or has to wait; what arrives may go on for ever.
        if let Some(outgoing) = &mut outgoing
            && let Poll::Ready(sent) = outgoing.poll_send(socket, cx)
        {
            return Poll::Ready(Progress::Sent(sent));
        }
        socket.poll_next_unpin(cx).map(Progress::Received)
    })
    .await
}
