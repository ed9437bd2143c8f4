//! The client's side of an open WebSocket: what arrives.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::{
    Message as Frame, Role, WebSocketConfig, WebSocketContext,
};
use transport::{Connection, Message, WsError, WsErrorKind};

use crate::frame_reader::{FrameReader, Next};
use crate::hooks::Observation;
use crate::liveness::{Due, Flood, Liveness, Lost};
use crate::messages::{close_frame, code_for, from_frame, may_be_sent, ws_error};
use crate::sending::unless_blocked;
use crate::waiting::{Task, Waiting};

/// tungstenite keeps a buffer of this size. It fits what it reads by itself: fragments, mostly.
// The default is 128 KiB for each connection, allocated at once (snapview/tungstenite-rs#480).
const READ_BUFFER: usize = 256;

/// The largest limit of a message: no buffer can be larger, and lengths can be added to it.
const LARGEST: usize = isize::MAX as usize / 2;

/// What an open connection allows, and how it is kept open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Bytes of a message, and so of a frame.
    pub(crate) max_message: usize,
    /// Zero for no pings.
    pub(crate) ping_interval: Duration,
    /// Zero for no limit.
    pub(crate) ping_timeout: Duration,
}

//     flag          set                                       cleared
//     is_unsent     something is queued in tungstenite, or    all is flushed
//                   a pong waits
//     is_full       a message could not be written at once    all is flushed
//     is_closing    a close was read                          never
//     has_ended     reading has failed or ended               never
//
// How a connection ends, as the stream shows it:
//
//     close, then the end          Close, None
//     close, then anything else    Close, None: after a close, nothing is a failure any more
//     the end without a close      Err(Broken), None
//     a broken rule                Err(Protocol) or Err(TooLarge), None
//     no answer, no reading        Err(Unresponsive), None
/// The client's side of an open WebSocket.
///
/// tungstenite knows the protocol, but is not asked where there is nothing to know: whole frames of
/// text, and control frames, come straight from the [`FrameReader`].
pub(crate) struct Frames {
    pub(crate) connection: Connection,
    pub(crate) reader: FrameReader,
    pub(crate) protocol: WebSocketContext,
    pub(crate) liveness: Liveness,
    pub(crate) waiting: Arc<Waiting>,
    /// Wakes all that wait.
    pub(crate) waker: Waker,
    /// The answer to the latest ping, until there is room for it; those to earlier ones need not be
    /// sent (RFC 6455, section 5.5.3).
    pub(crate) pong: Option<Bytes>,
    pub(crate) is_unsent: bool,
    pub(crate) is_full: bool,
    pub(crate) has_ended: bool,
    is_closing: bool,
    /// Why nothing more can be sent. What has arrived is still read: it may say why.
    send_error: Option<Error>,
    observation: Option<Observation>,
}

/// Why a stream is over.
enum End {
    /// tungstenite, or the connection, says so.
    Failed(Error),
    Lost(Lost),
    Flooded(Flood),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Flood> for End {
    fn from(flood: Flood) -> Self {
        Self::Flooded(flood)
    }
}

impl Frames {
    /// An open WebSocket over `connection`, of which `received` has been read.
    pub(crate) fn new(
        connection: Connection,
        received: BytesMut,
        terms: Terms,
        observation: Option<Observation>,
    ) -> Self {
        let max_message = terms.max_message.min(LARGEST);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        let waiting = Arc::new(Waiting::default());
        Self {
            connection,
            reader: FrameReader::new(received, max_message),
            protocol: WebSocketContext::new(Role::Client, Some(config)),
            liveness: Liveness::new(terms.ping_interval, terms.ping_timeout),
            waker: Arc::clone(&waiting).into(),
            waiting,
            pong: None,
            is_unsent: false,
            is_full: false,
            has_ended: false,
            is_closing: false,
            send_error: None,
            observation,
        }
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, End>> {
        // Before anything is read, since the task that reads is the only one that is sure to be
        // polled: a feed that sends nothing has no other.
        self.go_on_sending(cx);
        loop {
            match self.reader.next() {
                Next::Fill => match self.reader.poll_fill(&mut self.connection, cx) {
                    Poll::Ready(filled) => {
                        filled?;
                        // A long message may take longer than the answer to a ping may, which waits
                        // behind it.
                        if self.reader.is_within_data() {
                            self.liveness.note_heard();
                        }
                    }
                    Poll::Pending => {
                        let lost = ready!(self.poll_liveness(cx));
                        return Poll::Ready(Err(lost));
                    }
                },
                // Nothing follows a farewell.
                _ if self.is_closing => return Poll::Ready(Err(Error::AlreadyClosed.into())),
                Next::Text(text) => {
                    self.liveness.note_heard();
                    return Poll::Ready(Ok(Message::Text(text)));
                }
                Next::Ping(payload) => {
                    self.liveness.note_idle_frame()?;
                    self.pong = Some(payload.clone());
                    self.is_unsent = true;
                    self.go_on_sending(cx);
                    return Poll::Ready(Ok(Message::Ping(payload)));
                }
                Next::Pong(payload) => {
                    self.liveness.note_idle_frame()?;
                    self.liveness.note_heard();
                    return Poll::Ready(Ok(Message::Pong(payload)));
                }
                Next::Close(close) => {
                    self.is_closing = true;
                    self.answer_close(close.as_ref().map(|(code, _)| *code), cx);
                    return Poll::Ready(Ok(Message::Close(close)));
                }
                Next::Frame { is_empty } => {
                    if is_empty {
                        self.liveness.note_idle_frame()?;
                    } else {
                        self.liveness.note_heard();
                    }
                    if let Poll::Ready(frame) = unless_blocked(self.protocol.read(&mut self.reader))
                    {
                        return Poll::Ready(Ok(from_frame(frame?)));
                    }
                }
            }
        }
    }

    /// Answers a close before the caller sees it, who may drop the connection then (RFC 6455, section
    /// 5.5.1).
    fn answer_close(&mut self, code: Option<u16>, cx: &mut Context<'_>) {
        // A code that must not be there breaks the protocol.
        let answer = code.map(|code| match may_be_sent(code) {
            true => code,
            false => 1002,
        });
        self.close(answer.map(|code| close_frame(code, "")));
        self.go_on_sending(cx);
    }

    /// Sends what waits, or as much of it as the connection takes.
    fn go_on_sending(&mut self, cx: &mut Context<'_>) {
        if !self.is_unsent || self.send_error.is_some() {
            return;
        }
        if let Poll::Ready(Err(error)) = self.poll_send(Task::Reader, cx) {
            self.send_error = Some(error);
        }
    }

    /// Nothing has arrived: waits until the other side must be given up, and pings it.
    fn poll_liveness(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Some(error) = self.send_error.take() {
            return Poll::Ready(error.into());
        }
        loop {
            self.waiting.register(Task::Reader, cx.waker());
            match ready!(self.liveness.poll_due(cx)) {
                Due::End(lost) => return Poll::Ready(End::Lost(lost)),
                Due::Ping => {
                    if let Err(error) = self.queue(Frame::Ping(Bytes::new())) {
                        return Poll::Ready(error.into());
                    }
                    self.go_on_sending(cx);
                }
            }
        }
    }

    /// The stream is over. Returns what its user is told.
    fn end(&mut self, end: End, cx: &mut Context<'_>) -> Option<WsError> {
        let code = match &end {
            End::Failed(error) => code_for(error),
            End::Flooded(_) => Some(1008),
            End::Lost(_) => None,
        };
        if let Some(code) = code.filter(|_| self.send_error.is_none()) {
            self.close(Some(close_frame(code, "")));
            self.go_on_sending(cx);
        }
        self.has_ended = true;
        // Whoever sends waits for somebody who is gone.
        self.waiting.wake(Task::Sender);
        match end {
            // RFC 6455, section 7.1.1: the server closes the socket first, and may do so without
            // waiting for our close. What fails then is no news.
            _ if self.is_closing => None,
            End::Failed(Error::ConnectionClosed | Error::AlreadyClosed) => None,
            End::Failed(error) => Some(ws_error(error)),
            End::Lost(lost) => Some(WsError::new(WsErrorKind::Unresponsive, lost)),
            End::Flooded(flood) => Some(WsError::new(WsErrorKind::Protocol, flood)),
        }
    }
}

impl Stream for Frames {
    type Item = Result<Message, WsError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        match ready!(self.poll_message(cx)) {
            Ok(message) => {
                if let Some(observation) = &self.observation {
                    observation.observe(&message);
                }
                Poll::Ready(Some(Ok(message)))
            }
            Err(end) => Poll::Ready(self.end(end, cx).map(Err)),
        }
    }

    /// At least one, if a whole text lies there: it is read without a wait then.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let is_there = !self.is_closing && !self.has_ended && self.reader.has_text();
        (usize::from(is_there), None)
    }
}
