//! How a proxy is asked for a tunnel.

use std::fmt;

use serde::{Serialize, Serializer};

/// How much is sent to a proxy before it has answered.
///
/// Exhaustive on purpose: every dialer must implement each mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HandshakeMode {
    /// Only the next message of the protocol. Every proxy supports that.
    #[default]
    Standard,
    /// Everything up to the target's first answer, in one flight: the login and the name of the
    /// target leave before the proxy has accepted anything. If it does not answer soon, the dial
    /// restarts in the standard mode.
    Optimistic,
    /// The first dial is standard, the second optimistic; later ones use the mode that works.
    Auto,
}

impl HandshakeMode {
    pub(crate) const ALL: [Self; 3] = [Self::Standard, Self::Optimistic, Self::Auto];

    /// The mode as written in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Optimistic => "optimistic",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for HandshakeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for HandshakeMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
