//! The client's side of an open WebSocket: what is sent.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use futures_util::Sink;
use tokio::io::AsyncWrite;
use tokio::task::unconstrained;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message as Frame};
use tokio_tungstenite::tungstenite::{self, Error};
use transport::{Message, WsError, WsErrorKind};

use crate::messages::{close_frame, into_frame, ws_error};
use crate::polled::Polled;
use crate::stream::Frames;
use crate::waiting::Task;

/// A normal closure (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// The stream has ended, and the connection with it.
#[derive(Debug, thiserror::Error)]
#[error("it has ended")]
struct Ended;

//     to be sent        lies in         how much of it
//     messages, pings   tungstenite     what is fed before a flush, up to 128 KiB and one message
//     the pong          `pong`, until   one
//                       there is room
//     the close         tungstenite     one
impl Frames {
    /// Sends what waits, on behalf of `task`.
    pub(crate) fn poll_send(
        &mut self,
        task: Task,
        cx: &mut Context<'_>,
    ) -> Poll<tungstenite::Result<()>> {
        self.waiting.register(task, cx.waker());
        let waker = self.waker.clone();
        let sent = self.poll_all(&mut Context::from_waker(&waker));
        // The sender waits for the same, and for nothing else.
        if task == Task::Reader && sent.is_ready() {
            self.waiting.wake(Task::Sender);
        }
        sent
    }

    /// Writes and flushes all that is queued, and after it the pong.
    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<tungstenite::Result<()>> {
        loop {
            let mut polled = Polled::new(&mut self.connection, cx);
            let outcome = unless_blocked(self.protocol.flush(&mut polled));
            if outcome.is_pending() && self.liveness.note_blocked(polled.has_written()) {
                // It watches over how long that lasts.
                self.waiting.wake(Task::Reader);
            }
            ready!(outcome)?;
            match self.pong.take() {
                // None after a close (RFC 6455, section 5.5.1).
                Some(payload) if self.protocol.can_write() => self.queue(Frame::Pong(payload))?,
                _ => break,
            }
        }
        self.is_unsent = false;
        self.is_full = false;
        self.liveness.note_sent();
        Poll::Ready(Ok(()))
    }

    /// Has tungstenite queue `frame`.
    pub(crate) fn queue(&mut self, frame: Frame) -> tungstenite::Result<()> {
        // The reader as the stream to write to takes nothing. Blocked means that there is much, and
        // that it has to be flushed before the next message.
        match unless_blocked(self.protocol.write(&mut self.reader, frame)) {
            Poll::Ready(result) => result?,
            Poll::Pending => self.is_full = true,
        }
        self.is_unsent = true;
        Ok(())
    }

    /// Has tungstenite queue a close, unless one was before.
    pub(crate) fn close(&mut self, close: Option<CloseFrame>) {
        if self.protocol.can_write() {
            // Always blocked, for the same reason.
            let _ = self.protocol.close(&mut self.reader, close);
            self.is_unsent = true;
        }
        self.liveness.note_closing();
    }

    fn check(&self) -> Result<(), WsError> {
        match self.has_ended {
            true => Err(WsError::new(WsErrorKind::Broken, Ended)),
            false => Ok(()),
        }
    }
}

impl Sink<Message> for Frames {
    type Error = WsError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        if self.is_full {
            self.poll_flush(cx)
        } else {
            Poll::Ready(self.check())
        }
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), WsError> {
        self.check()?;
        match into_frame(message)? {
            Frame::Close(close) if self.protocol.can_write() => {
                self.close(close);
                Ok(())
            }
            frame => self.queue(frame).map_err(ws_error),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.check()?;
        self.poll_send(Task::Sender, cx).map_err(ws_error)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        if self.has_ended {
            return Poll::Ready(Ok(()));
        }
        self.close(Some(close_frame(NORMAL, "")));
        self.poll_flush(cx)
    }
}

/// Says farewell, as far as that needs no waiting: whoever stops without it has broken down, for the
/// other side (RFC 6455, section 7.1.5).
impl Drop for Frames {
    fn drop(&mut self) {
        self.close(Some(close_frame(NORMAL, "")));
        let cx = &mut Context::from_waker(Waker::noop());
        // The task may have used up what tokio grants it for one poll; there is no other poll.
        let farewell = unconstrained(poll_fn(|_| {
            let _ = self.poll_all(cx);
            Pin::new(&mut self.connection).poll_shutdown(cx)
        }));
        let _ = pin!(farewell).poll(&mut Context::from_waker(Waker::noop()));
    }
}

/// What would block is pending.
pub(crate) fn unless_blocked<T>(result: tungstenite::Result<T>) -> Poll<tungstenite::Result<T>> {
    match result {
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}
