//! The two kinds of connection. Each has its own proxy.

use std::fmt;

/// The kind of connection that a proxy is configured for.
///
/// Exhaustive on purpose: settings have a rule for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// REST requests.
    Http,
    /// WebSocket streams.
    WebSocket,
}

impl Transport {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Http, Self::WebSocket];

    /// The transport's key in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::WebSocket => "websocket",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
