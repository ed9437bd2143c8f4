//! tungstenite's protocol in the terms of the seam.

use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, Stream};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{
    CloseFrame, Message as Frame, Role, WebSocketConfig, WebSocketContext,
};
use tokio_tungstenite::tungstenite::{self, Error, Utf8Bytes};
use transport::{BoxError, Connection, Message, WsError, WsErrorKind};

use crate::frame_reader::{FrameReader, Next};
use crate::hooks::Observation;
use crate::polled::Polled;

/// tungstenite keeps a buffer of this size. It fits what it reads by itself: control frames, mostly.
// A control frame has 131 bytes at most (RFC 6455, section 5.5). The default is 128 KiB for each
// connection, allocated at once (snapview/tungstenite-rs#480).
const READ_BUFFER: usize = 256;

/// The largest limit of a message: no buffer can be larger, and lengths can be added to it.
const LARGEST: usize = isize::MAX as usize / 2;

//     flag          set                                       cleared
//     owes_answer   tungstenite has read a ping or a close    its answer is flushed
//     is_closing    a close was read                          never
//     has_ended     reading has failed or ended               never
//     is_full       a message could not be written at once    a flush is through
//     sender        a flush of the sink is pending            a flush is through, or the reader
//                                                             writes in its place and wakes it
//
// How a connection ends, as the stream shows it:
//
//     close, then the end          Close, None
//     close, then anything else    Close, None: after a close, nothing is a failure any more
//     the end without a close      Err(Broken), None
//     a broken rule                Err(Protocol) or Err(TooLarge), None
/// The client's side of an open WebSocket.
///
/// tungstenite knows the protocol, but is not asked where there is nothing to know: whole frames of
/// text come straight from the [`FrameReader`].
pub(crate) struct Frames {
    connection: Connection,
    reader: FrameReader,
    protocol: WebSocketContext,
    observation: Option<Observation>,
    /// tungstenite has an answer to send, to a ping or a farewell.
    owes_answer: bool,
    /// The other side has said farewell. That it does not wait for ours is no failure.
    is_closing: bool,
    /// The stream is over.
    has_ended: bool,
    /// Another message has to wait for a flush.
    is_full: bool,
    /// The task that sends, while it waits for the connection to take something.
    sender: Option<Waker>,
}

impl Frames {
    /// An open WebSocket over `connection`, of which `received` has been read. A message, and so a
    /// frame, may have `max_message` bytes.
    pub(crate) fn new(
        connection: Connection,
        received: BytesMut,
        max_message: usize,
        observation: Option<Observation>,
    ) -> Self {
        let max_message = max_message.min(LARGEST);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        Self {
            connection,
            reader: FrameReader::new(received, max_message),
            protocol: WebSocketContext::new(Role::Client, Some(config)),
            observation,
            owes_answer: false,
            is_closing: false,
            has_ended: false,
            is_full: false,
            sender: None,
        }
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Error>> {
        // Before anything is read, since the task that reads is the only one that is sure to be
        // polled: a feed that sends nothing has no other.
        if self.owes_answer {
            self.answer(cx)?;
        }
        loop {
            match self.reader.next() {
                // Nothing follows a farewell.
                Next::Text(_) if self.is_closing => return Poll::Ready(Err(Error::AlreadyClosed)),
                Next::Text(text) => return Poll::Ready(Ok(Message::Text(text))),
                Next::Frame => {
                    if let Poll::Ready(frame) = unless_blocked(self.protocol.read(&mut self.reader))
                    {
                        let message = from_frame(frame?);
                        // Read before it is answered: the caller sees a ping although its pong is
                        // not sent yet.
                        self.is_closing |= matches!(message, Message::Close(_));
                        self.owes_answer |= matches!(message, Message::Ping(_) | Message::Close(_));
                        return Poll::Ready(Ok(message));
                    }
                }
                Next::Fill => ready!(self.reader.poll_fill(&mut self.connection, cx))?,
            }
        }
    }

    /// Sends what tungstenite has to answer, or as much of it as the connection takes.
    fn answer(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let mut polled = Polled::new(&mut self.connection, cx);
        match unless_blocked(self.protocol.flush(&mut polled)) {
            Poll::Ready(result) => {
                self.owes_answer = false;
                result
            }
            Poll::Pending => {
                // The sender would never hear of it, and wait for ever; the same happened in
                // Gelbpunkt/tokio-websockets#106. It is woken to register again.
                // A connection wakes one task when it can be written to: from now on, this one.
                if let Some(sender) = self.sender.take() {
                    sender.wake();
                }
                Ok(())
            }
        }
    }
}

impl Stream for Frames {
    type Item = Result<Message, WsError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let message = match ready!(self.poll_message(cx)) {
            Ok(message) => message,
            Err(error) => {
                self.has_ended = true;
                // RFC 6455, section 7.1.1: the server closes the socket first, and may do so
                // without waiting for our close. A write that then fails is no news.
                let is_farewell = matches!(error, Error::ConnectionClosed | Error::AlreadyClosed);
                let failure = (!is_farewell && !self.is_closing).then(|| Err(ws_error(error)));
                return Poll::Ready(failure);
            }
        };
        if let Some(observation) = &self.observation {
            observation.observe(&message);
        }
        Poll::Ready(Some(Ok(message)))
    }
}

impl Sink<Message> for Frames {
    type Error = WsError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        if self.is_full {
            self.poll_flush(cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), WsError> {
        let frame = into_frame(message)?;
        let this = &mut *self;
        // The reader as the stream to write to takes nothing: there is no context here to be woken
        // by. The message is queued in any case; blocked means that it has to be flushed before the
        // next.
        match unless_blocked(this.protocol.write(&mut this.reader, frame)) {
            Poll::Ready(result) => result.map_err(ws_error),
            Poll::Pending => {
                this.is_full = true;
                Ok(())
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        let this = &mut *self;
        let mut polled = Polled::new(&mut this.connection, cx);
        let outcome = unless_blocked(this.protocol.flush(&mut polled));
        this.sender = outcome.is_pending().then(|| cx.waker().clone());
        this.is_full &= outcome.is_pending();
        match ready!(outcome) {
            // All is sent if both sides have said farewell.
            Ok(()) | Err(Error::ConnectionClosed) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(ws_error(error))),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        let this = &mut *self;
        // Says farewell at the first call, and only then.
        let queued = this.protocol.close(&mut this.reader, None);
        if let Poll::Ready(Err(error)) = unless_blocked(queued) {
            return Poll::Ready(Err(ws_error(error)));
        }
        self.poll_flush(cx)
    }
}

/// What would block is pending.
fn unless_blocked<T>(result: tungstenite::Result<T>) -> Poll<tungstenite::Result<T>> {
    match result {
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

fn from_frame(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::Text(text.into()),
        // tungstenite hands out raw frames only to who asks for them; we do not.
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Frame(frame) => Message::Binary(frame.into_payload()),
        Frame::Ping(bytes) => Message::Ping(bytes),
        Frame::Pong(bytes) => Message::Pong(bytes),
        Frame::Close(close) => Message::Close(
            close.map(|CloseFrame { code, reason }| (code.into(), reason.as_str().to_owned())),
        ),
    }
}

fn into_frame(message: Message) -> Result<Frame, WsError> {
    Ok(match message {
        Message::Text(bytes) => Frame::Text(utf8(bytes)?),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(bytes) => Frame::Ping(bytes),
        Message::Pong(bytes) => Frame::Pong(bytes),
        Message::Close(close) => Frame::Close(close.map(|(code, reason)| CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        })),
    })
}

fn utf8(bytes: Bytes) -> Result<Utf8Bytes, WsError> {
    Utf8Bytes::try_from(bytes).map_err(|error| WsError::new(WsErrorKind::Protocol, error))
}

fn ws_error(error: Error) -> WsError {
    let kind = match &error {
        Error::Capacity(_) => WsErrorKind::TooLarge,
        Error::Protocol(
            // Errors of the protocol by name only: a cut, and a message of ours after a close.
            ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing,
        ) => WsErrorKind::Broken,
        Error::Protocol(_) | Error::Utf8(_) | Error::AttackAttempt => WsErrorKind::Protocol,
        _ => WsErrorKind::Broken,
    };
    WsError::new(kind, cause(error))
}

/// What `error` wraps: tungstenite repeats the words of a cause in front of it.
pub(crate) fn cause(error: Error) -> BoxError {
    match error {
        Error::Protocol(ProtocolError::HttparseError(error)) => error.into(),
        Error::Protocol(error) => error.into(),
        Error::Capacity(error) => error.into(),
        Error::Io(error) => error.into(),
        error => error.into(),
    }
}
