//! A recorded session, played again.

use std::collections::HashMap;
use std::time::Duration;

use super::frame::Frame;
use super::protocol::ExchangeProtocol;

/// Recorded messages and the snapshots that belong to them.
///
/// An exchange with a replay plays it to each WebSocket connection from the beginning, as soon as
/// the client has subscribed to anything. Of the messages that name their stream it sends those that
/// the client has subscribed to by then, and all others; after the last it falls silent.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    frames: Vec<Frame>,
    snapshots: HashMap<String, String>,
    pace: Option<Duration>,
}

impl Replay {
    /// Plays these messages, as they were recorded, as fast as they are read.
    pub fn new<T: Into<String>>(frames: impl IntoIterator<Item = T>) -> Self {
        Self {
            frames: frames
                .into_iter()
                .map(|text| Frame::control(text.into()))
                .collect(),
            ..Self::default()
        }
    }

    /// Answers requests for the book of `symbol` with `body`.
    #[must_use]
    pub fn snapshot(mut self, symbol: impl Into<String>, body: impl Into<String>) -> Self {
        self.snapshots.insert(symbol.into(), body.into());
        self
    }

    /// Sends one message per `interval`.
    #[must_use]
    pub fn pace(mut self, interval: Duration) -> Self {
        self.pace = Some(interval);
        self
    }

    /// The same, with the streams that the protocol finds in the messages.
    pub(super) fn read_by(mut self, protocol: &dyn ExchangeProtocol) -> Self {
        for frame in &mut self.frames {
            *frame = protocol.recorded(std::mem::take(&mut frame.text));
        }
        self
    }

    pub(super) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    pub(super) fn interval(&self) -> Option<Duration> {
        self.pace
    }

    pub(super) fn recorded_snapshot(&self, symbol: &str) -> Option<&str> {
        self.snapshots.get(symbol).map(String::as_str)
    }
}
