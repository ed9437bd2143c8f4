//! What a server offers.

use std::net::{IpAddr, SocketAddr};

use proxy_config::Scheme;
use transport::{DialError, DialErrorKind, Phase, Reply};

/// The login of every server that wants one.
pub(super) const USER: &str = "alice";
pub(super) const PASSWORD: &str = "open-sesame";

pub(super) const HTTP: &[Scheme] = &[Scheme::Http];
pub(super) const HTTPS: &[Scheme] = &[Scheme::Https];
pub(super) const SOCKS5: &[Scheme] = &[Scheme::Socks5, Scheme::Socks5h];
pub(super) const SOCKS: &[Scheme] = &[
    Scheme::Socks4,
    Scheme::Socks4a,
    Scheme::Socks5,
    Scheme::Socks5h,
];

/// A port that a server listens at.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) address: SocketAddr,
    /// The address that the exchanges see, where the server can be told to leave by one.
    pub(super) egress: Option<IpAddr>,
    pub(super) schemes: &'static [Scheme],
    /// `None` where everybody is let in.
    pub(super) guard: Option<Guard>,
    pub(super) at_closed_port: Failure,
    /// Whether it takes its handshake and a `ClientHello` in one flight.
    pub(super) copes: bool,
}

/// What a server does that cannot connect to a target.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failure {
    /// It says so.
    Told,
    /// It closes the connection instead of an answer.
    Hangup,
    /// It grants the tunnel before it tries, and closes it then.
    EmptyTunnel,
}

impl Failure {
    pub(super) fn is_told_by(self, error: &DialError) -> bool {
        let expected = match self {
            Self::Told => (Phase::ProxyHandshake, DialErrorKind::Rejected),
            Self::Hangup => (Phase::ProxyHandshake, DialErrorKind::Closed),
            Self::EmptyTunnel => (Phase::TargetTls, DialErrorKind::Closed),
        };
        (error.phase(), error.kind()) == expected && error.is_retryable()
    }
}

/// What happens to who may not pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    pub(super) without_login: Rejection,
    pub(super) wrong_password: Rejection,
}

impl Guard {
    /// A CONNECT proxy that keeps to RFC 9110, section 15.5.8.
    pub(super) const HTTP: Self = Self {
        without_login: Rejection::Status(407),
        wrong_password: Rejection::Status(407),
    };

    /// A SOCKS5 proxy that keeps to RFC 1928 and RFC 1929.
    pub(super) const SOCKS5: Self = Self {
        without_login: Rejection::Method,
        wrong_password: Rejection::Login,
    };
}

/// How a server rejects a client.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rejection {
    /// By an HTTP status.
    Status(u16),
    /// By accepting no SOCKS5 method that was offered.
    Method,
    /// By the status of the SOCKS5 login.
    Login,
}

impl Rejection {
    pub(super) fn is_told_by(self, error: &DialError) -> bool {
        let refused = error.kind() == DialErrorKind::Authentication;
        match (self, error.reply()) {
            (Self::Status(expected), Some(reply)) => refused && reply.status() == Some(expected),
            (Self::Method, Some(Reply::Socks5NoMethod { .. })) => refused,
            (Self::Login, Some(Reply::Socks5Auth(_))) => refused,
            _ => false,
        }
    }
}
