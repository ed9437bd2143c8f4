//! Messages and errors of tungstenite in the terms of the seam.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message as Frame};
use tokio_tungstenite::tungstenite::{Error, Utf8Bytes};
use transport::{BoxError, Message, WsError, WsErrorKind};

use crate::frame_reader::MAX_CONTROL;

/// What cannot be sent, for it would break the protocol.
#[derive(Debug, thiserror::Error)]
enum Unsendable {
    #[error("no close may carry the code {0}")]
    Code(u16),
    #[error("a control frame may have {MAX_CONTROL} bytes, and this has {0}")]
    TooLong(usize),
}

pub(crate) fn from_frame(frame: Frame) -> Message {
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

pub(crate) fn into_frame(message: Message) -> Result<Frame, WsError> {
    Ok(match message {
        Message::Text(bytes) => Frame::Text(utf8(bytes)?),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(bytes) => Frame::Ping(control(bytes)?),
        Message::Pong(bytes) => Frame::Pong(control(bytes)?),
        Message::Close(None) => Frame::Close(None),
        Message::Close(Some((code, _))) if !may_be_sent(code) => {
            return Err(WsError::new(WsErrorKind::Protocol, Unsendable::Code(code)));
        }
        Message::Close(Some((code, reason))) => {
            fits(size_of_val(&code) + reason.len())?;
            Frame::Close(Some(close_frame(code, reason)))
        }
    })
}

/// A close with `code`, which [may be sent](may_be_sent).
pub(crate) fn close_frame(code: u16, reason: impl Into<Utf8Bytes>) -> CloseFrame {
    CloseFrame {
        code: CloseCode::from(code),
        reason: reason.into(),
    }
}

/// Whether a close may carry `code` (RFC 6455, section 7.4, and the registry of IANA that it begins).
pub(crate) fn may_be_sent(code: u16) -> bool {
    // 1004 is reserved; 1005, 1006 and 1015 are what a program is told if no close, or none with a
    // code, has arrived.
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// The code that tells the other side why `error` ends the connection (RFC 6455, section 7.1.7).
pub(crate) fn code_for(error: &Error) -> Option<u16> {
    match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(1002),
        Error::Utf8(_) => Some(1007),
        Error::Capacity(_) => Some(1009),
        _ => None,
    }
}

fn control(bytes: Bytes) -> Result<Bytes, WsError> {
    fits(bytes.len()).map(|()| bytes)
}

fn fits(len: usize) -> Result<(), WsError> {
    match len <= MAX_CONTROL {
        true => Ok(()),
        false => Err(WsError::new(
            WsErrorKind::Protocol,
            Unsendable::TooLong(len),
        )),
    }
}

fn utf8(bytes: Bytes) -> Result<Utf8Bytes, WsError> {
    Utf8Bytes::try_from(bytes).map_err(|error| WsError::new(WsErrorKind::Protocol, error))
}

pub(crate) fn ws_error(error: Error) -> WsError {
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
