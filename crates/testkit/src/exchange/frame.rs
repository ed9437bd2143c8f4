//! A message to be sent.

/// A message that an exchange sends on a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it says.
    pub text: String,
    /// The stream it belongs to, if it says so. A mute exchange does not send what belongs to one.
    pub stream: Option<String>,
    /// Whether it carries changes of a book, which can be lost or doubled on demand.
    pub is_depth: bool,
}

impl Frame {
    /// An answer or a notice, which belongs to no stream.
    #[must_use]
    pub fn control(text: String) -> Self {
        Self {
            text,
            stream: None,
            is_depth: false,
        }
    }
}
