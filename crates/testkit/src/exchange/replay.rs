//! A recorded session, played again.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

/// Recorded messages and the snapshots that belong to them.
///
/// An exchange with a replay plays it to each WebSocket connection from the beginning, as soon as
/// the client has subscribed to anything. Of the messages with a `stream` it sends those that the
/// client has subscribed to by then, and all without; after the last it falls silent.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    frames: Vec<Frame>,
    snapshots: HashMap<String, String>,
    pace: Option<Duration>,
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) text: String,
    /// The stream it belongs to, if it says so.
    pub(super) stream: Option<String>,
    /// Whether it carries changes of a book.
    pub(super) is_depth: bool,
}

impl Replay {
    /// Plays these messages, the way they were recorded in combined mode, as fast as they are
    /// read.
    pub fn new<T: Into<String>>(frames: impl IntoIterator<Item = T>) -> Self {
        Self {
            frames: frames
                .into_iter()
                .map(|text| Frame::recorded(text.into()))
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

impl Frame {
    /// An answer or a notice, which belongs to no stream.
    pub(super) fn control(text: String) -> Self {
        Self {
            text,
            stream: None,
            is_depth: false,
        }
    }

    fn recorded(text: String) -> Self {
        //     {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate",...}}
        //     {"data":{...,"e":"depth",...},"stream":"depth.SOL_USDC"}
        //     {"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[...]}
        //
        // What is no JSON is played as well: it may be what a test is about.
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let text_at = |pointer| json.pointer(pointer).and_then(Value::as_str);
        let stream = match (text_at("/arg/channel"), text_at("/arg/instId")) {
            (Some(channel), Some(symbol)) => Some(format!("{channel}:{symbol}")),
            _ => text_at("/stream").map(str::to_owned),
        };
        let is_update = text_at("/action") == Some("update");
        Self {
            is_depth: is_update || matches!(text_at("/data/e"), Some("depthUpdate" | "depth")),
            stream,
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_messages_are_told_apart_and_noise_is_kept() {
        let replay = Replay::new([
            r#"{"stream":"a@depth","data":{"e":"depthUpdate"}}"#,
            r#"{"stream":"a@bookTicker","data":{"u":1}}"#,
            r#"{"arg":{"channel":"books","instId":"A-B"},"action":"snapshot","data":[]}"#,
            r#"{"arg":{"channel":"books","instId":"A-B"},"action":"update","data":[]}"#,
            "noise",
        ]);
        let told: Vec<_> = replay
            .frames()
            .iter()
            .map(|frame| (frame.stream.as_deref(), frame.is_depth))
            .collect();
        assert_eq!(
            told,
            [
                (Some("a@depth"), true),
                (Some("a@bookTicker"), false),
                (Some("books:A-B"), false),
                (Some("books:A-B"), true),
                (None, false)
            ]
        );
    }
}
