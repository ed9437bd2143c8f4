//! Why a proxy opened no tunnel.

use transport::{DialErrorKind, Reply};

/// Why a handshake failed, or was not even tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The proxy wants credentials, or rejected those it got.
    #[error("{}{}", credentials(.configured), schemes(.accepts))]
    Authentication {
        /// Whether there were credentials for the proxy.
        configured: bool,
        /// The authentication schemes it asked for, if it named any.
        accepts: Vec<String>,
        /// What the proxy answered.
        #[source]
        reply: Reply,
    },
    /// The proxy declined to connect to the target.
    #[error("{reply}")]
    Rejected {
        /// What the proxy answered.
        reply: Reply,
    },
    /// The proxy closed the connection before its reply was complete.
    #[error("{}", when_closed(.received))]
    Closed {
        /// How many bytes of the reply had arrived.
        received: usize,
    },
    /// The reply is longer than any sensible one.
    #[error("the proxy's reply exceeds {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The reply breaks the protocol.
    #[error("the proxy's reply is malformed: {0}")]
    Malformed(&'static str),
    /// What listens there is no proxy of this kind.
    #[error("not {expected}: {hint}")]
    WrongProtocol {
        /// What was expected there.
        expected: &'static str,
        /// What seems to be there instead.
        hint: &'static str,
    },
    /// The target cannot be expressed in the proxy's protocol; nothing was sent.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl HandshakeError {
    /// The kind of failure in terms of a dial.
    #[must_use]
    pub fn kind(&self) -> DialErrorKind {
        match self {
            Self::Authentication { .. } => DialErrorKind::Authentication,
            Self::Rejected { .. } => DialErrorKind::Rejected,
            Self::Closed { .. } => DialErrorKind::Closed,
            Self::TooLong { .. } | Self::Malformed(_) => DialErrorKind::Protocol,
            Self::WrongProtocol { .. } => DialErrorKind::WrongProtocol,
            Self::Unsupported(_) => DialErrorKind::Unsupported,
        }
    }

    /// What the proxy answered, if it did in its protocol.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Authentication { reply, .. } | Self::Rejected { reply } => Some(reply),
            _ => None,
        }
    }
}

fn credentials(configured: &bool) -> &'static str {
    if *configured {
        "the proxy does not accept the configured credentials"
    } else {
        "the proxy wants credentials and none are configured"
    }
}

fn schemes(accepts: &[String]) -> String {
    if accepts.is_empty() {
        String::new()
    } else {
        format!("; it asks for {}", accepts.join(", "))
    }
}

fn when_closed(received: &usize) -> String {
    match received {
        0 => "the proxy sent no answer; is the scheme right?".to_owned(),
        n => format!("the proxy's reply ended after {n} bytes"),
    }
}
