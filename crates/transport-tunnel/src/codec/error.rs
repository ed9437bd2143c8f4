//! Why a proxy opened no tunnel.

use std::fmt;

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
    #[error("{stage}{}", after(.received))]
    Closed {
        /// How far the handshake had come.
        stage: Stage,
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

/// How far a handshake had come when the proxy closed the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// The proxy had not answered anything.
    Opening {
        /// Whether it had got a login.
        has_login: bool,
    },
    /// It had asked for the login, and got it.
    // Some proxies do that in place of an answer when the login is wrong, such as pproxy.
    Login,
    /// It had got the request for the target after this.
    Request {
        /// Whether it had accepted a login; it wanted none otherwise.
        has_login: bool,
    },
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening { has_login: false } => {
                "the proxy closed the connection without an answer; is the scheme right?"
            }
            Self::Opening { has_login: true } => {
                "the proxy closed the connection without an answer; are the scheme and the credentials right?"
            }
            Self::Login => {
                "the proxy asked for credentials and closed the connection when it had got those configured; are they right?"
            }
            Self::Request { has_login: false } => {
                "the proxy wanted no credentials and closed the connection when it was asked for the target"
            }
            Self::Request { has_login: true } => {
                "the proxy accepted the credentials and closed the connection when it was asked for the target"
            }
        })
    }
}

impl HandshakeError {
    /// The kind of failure in terms of a dial.
    #[must_use]
    pub fn kind(&self) -> DialErrorKind {
        match self {
            Self::Authentication { .. } => DialErrorKind::Authentication,
            Self::Rejected { .. } => DialErrorKind::Rejected,
            Self::Closed {
                stage: Stage::Login,
                ..
            } => DialErrorKind::Authentication,
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

fn after(received: &usize) -> String {
    match received {
        0 => String::new(),
        n => format!("; its reply ended after {n} bytes"),
    }
}
