//! The verdict on a connection, and advice.

use transport::{DialError, DialErrorKind, Hop, HttpError, HttpErrorKind, Phase, Reply, chain};

/// The outcome of a connection, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Timeout,
    NameNotFound,
    Refused,
    Unreachable,
    Closed,
    Auth,
    GeoBlocked,
    RateLimited,
    Declined,
    Protocol,
    Certificate,
    Tls,
    Unsupported,
    NoRoute,
    Failed,
    Interrupted,
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Timeout => "timeout",
            Self::NameNotFound => "name-not-found",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Closed => "closed",
            Self::Auth => "auth",
            Self::GeoBlocked => "geo-blocked",
            Self::RateLimited => "rate-limited",
            Self::Declined => "declined",
            Self::Protocol => "protocol",
            Self::Certificate => "certificate",
            Self::Tls => "tls",
            Self::Unsupported => "unsupported",
            Self::NoRoute => "no-route",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The verdict on an exchange that answered with `status`.
    fn of_status(status: u16) -> Self {
        match status {
            // 451 is "unavailable for legal reasons", 418 is a ban by Binance after 429 was
            // ignored.
            403 | 451 => Self::GeoBlocked,
            418 | 429 => Self::RateLimited,
            _ => Self::Declined,
        }
    }

    fn of_dial(error: &DialError) -> Self {
        let status = error.reply().and_then(Reply::status);
        match error.kind() {
            DialErrorKind::Timeout => Self::Timeout,
            DialErrorKind::NameResolution => Self::NameNotFound,
            DialErrorKind::Refused => Self::Refused,
            DialErrorKind::Unreachable => Self::Unreachable,
            DialErrorKind::Closed => Self::Closed,
            DialErrorKind::Authentication => Self::Auth,
            DialErrorKind::Rejected if error.hop().is_proxy() => Self::Declined,
            DialErrorKind::Rejected => status.map_or(Self::Declined, Self::of_status),
            DialErrorKind::Protocol | DialErrorKind::WrongProtocol => Self::Protocol,
            DialErrorKind::Certificate => Self::Certificate,
            DialErrorKind::Tls => Self::Tls,
            DialErrorKind::Unsupported => Self::Unsupported,
            DialErrorKind::NoRoute => Self::NoRoute,
            _ => Self::Failed,
        }
    }
}

/// Why a connection is not ok.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) verdict: Verdict,
    pub(super) hop: Hop,
    pub(super) phase: Phase,
    /// The HTTP status of the proxy or the exchange, if it answered.
    pub(super) status: Option<u16>,
    /// The whole error as one line, to follow "failed to".
    pub(super) error: String,
}

impl Trouble {
    pub(super) fn of_dial(error: &DialError) -> Self {
        Self {
            verdict: Verdict::of_dial(error),
            hop: error.hop().clone(),
            phase: error.phase(),
            status: error.reply().and_then(Reply::status),
            error: chain(error).to_string(),
        }
    }

    /// A request to `exchange` that did not succeed.
    pub(super) fn of_request(error: &HttpError, exchange: Hop) -> Self {
        let message = chain(error).to_string();
        match error.dial_error() {
            Some(dial) => Self {
                error: message,
                ..Self::of_dial(dial)
            },
            None => {
                let status = error.reply().and_then(Reply::status);
                let verdict = match error.kind() {
                    HttpErrorKind::Status(status) => Verdict::of_status(status.as_u16()),
                    HttpErrorKind::Unreadable => Verdict::Protocol,
                    _ => Verdict::Failed,
                };
                Self {
                    verdict,
                    hop: exchange,
                    phase: Phase::Response,
                    status,
                    error: message,
                }
            }
        }
    }

    /// What to do, if that is known.
    pub(super) fn advice(&self) -> Option<&'static str> {
        let is_proxy = self.hop.is_proxy();
        Some(match (self.verdict, self.phase) {
            (Verdict::Timeout, Phase::Dns) => "the name server of this machine does not answer",
            (Verdict::Timeout, Phase::Tcp) if is_proxy => {
                "check the host and the port of the proxy, and the firewalls on the way to it"
            }
            (Verdict::Timeout, _) if is_proxy => {
                "the proxy is overloaded, is not what its scheme says, or cannot reach the exchange"
            }
            (Verdict::Timeout, _) => {
                "the exchange cannot be reached from there, or does not answer"
            }
            (Verdict::NameNotFound, _) if is_proxy => "check the host name of the proxy",
            (Verdict::NameNotFound, _) => {
                "this machine cannot look it up; with socks5h, socks4a or http, a proxy does"
            }
            (Verdict::Refused, _) if is_proxy => {
                "nothing listens there: check the host and the port, and whether the proxy runs"
            }
            (Verdict::Unreachable, _) if is_proxy => {
                "this machine has no network route to the proxy"
            }
            (Verdict::Auth, _) => "check the user name and the password of the proxy",
            (Verdict::GeoBlocked, _) => {
                "the exchange blocks the region or the address of this exit: choose another"
            }
            (Verdict::RateLimited, _) => {
                "too many requests have come from this exit, which others may use: wait, or choose another"
            }
            (Verdict::Declined, _) if is_proxy => {
                "the rules of the proxy forbid this exchange or its port, or the proxy cannot reach it"
            }
            (Verdict::Protocol, _) if is_proxy => "check the scheme and the port of the proxy",
            (Verdict::Protocol, _) => {
                "something else answers in place of the exchange: a login page, a firewall, maintenance"
            }
            (Verdict::Closed, _) if is_proxy => {
                "check the scheme of the proxy, and whether it serves the address of this machine"
            }
            (Verdict::Certificate, _) if is_proxy => {
                "set the proxy's `tls.ca_file` to its certificate authority"
            }
            (Verdict::Certificate, _) => {
                "TLS is intercepted: if this is intended, add the authority with `tls.ca_file`"
            }
            _ => return None,
        })
    }
}
