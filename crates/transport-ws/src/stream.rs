//! tungstenite's stream in the terms of the seam.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message as Frame};
use tokio_tungstenite::tungstenite::{Error, Utf8Bytes};
use transport::{BoxError, Connection, Message, WsError, WsErrorKind};

use crate::hooks::FrameObserver;

pub(crate) struct Frames {
    inner: WebSocketStream<Connection>,
    observer: Option<Arc<dyn FrameObserver>>,
    /// The other side has said farewell. That it does not wait for ours is no failure.
    is_closing: bool,
}

impl Frames {
    pub(crate) fn new(
        inner: WebSocketStream<Connection>,
        observer: Option<Arc<dyn FrameObserver>>,
    ) -> Self {
        Self {
            inner,
            observer,
            is_closing: false,
        }
    }
}

impl Stream for Frames {
    type Item = Result<Message, WsError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
            None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                return Poll::Ready(None);
            }
            Some(Err(_)) if self.is_closing => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(ws_error(error)))),
            Some(Ok(frame)) => frame,
        };
        let message = from_frame(frame);
        self.is_closing |= matches!(message, Message::Close(_));
        if let Some(observer) = &self.observer {
            observer.observe(&message, SystemTime::now());
        }
        Poll::Ready(Some(Ok(message)))
    }
}

impl Sink<Message> for Frames {
    type Error = WsError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        Pin::new(&mut self.inner).poll_ready(cx).map_err(ws_error)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), WsError> {
        let frame = into_frame(message)?;
        Pin::new(&mut self.inner)
            .start_send(frame)
            .map_err(ws_error)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        Pin::new(&mut self.inner).poll_flush(cx).map_err(ws_error)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        Pin::new(&mut self.inner).poll_close(cx).map_err(ws_error)
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
