//! The verdict on a connection, and advice.

use transport::{DialError, DialErrorKind, Hop, HttpError, HttpErrorKind, Phase, Reply, chain};
use transport_tls::CertificateFault;

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
    Local,
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
            Self::Local => "local",
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
            DialErrorKind::NoRoute | DialErrorKind::NoProxy => Self::NoRoute,
            DialErrorKind::Local => Self::Local,
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
    certificate: Option<CertificateFault>,
}

impl Trouble {
    pub(super) fn of_dial(error: &DialError) -> Self {
        Self {
            verdict: Verdict::of_dial(error),
            hop: error.hop().clone(),
            phase: error.phase(),
            status: error.reply().and_then(Reply::status),
            error: chain(error).to_string(),
            certificate: CertificateFault::of(error),
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
                    certificate: None,
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
            (Verdict::Certificate, _) => return self.about_certificate(),
            (Verdict::Local, _) => {
                "raise this machine's limits (`ulimit -n`, `LimitNOFILE`), or make fewer connections"
            }
            _ => return None,
        })
    }

    fn about_certificate(&self) -> Option<&'static str> {
        let is_proxy = self.hop.is_proxy();
        Some(match self.certificate? {
            CertificateFault::UnknownIssuer if is_proxy => {
                "set the proxy's `tls.ca_file` to its certificate authority"
            }
            CertificateFault::UnknownIssuer => {
                "TLS is intercepted: if this is intended, add the authority with `tls.ca_file`"
            }
            CertificateFault::Expired if is_proxy => {
                "the proxy's certificate must be renewed; check the clock of this machine, too"
            }
            CertificateFault::Expired => {
                "whoever answers as the exchange shows an old certificate; check the clock of this machine, too"
            }
            CertificateFault::NotYetValid => "check the clock of this machine",
            CertificateFault::OtherName if is_proxy => {
                "write the proxy's URL with a name that its certificate has"
            }
            CertificateFault::OtherName => {
                "something else answers in place of the exchange: check the proxy and the name lookup"
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use transport::Target;
    use transport_tls::rustls::{CertificateError, Error};

    use super::*;

    fn advice(is_proxy: bool, fault: CertificateError) -> Option<&'static str> {
        let endpoint = Target::parse("h.example", 1).unwrap().endpoint().clone();
        let hop = match is_proxy {
            true => Hop::Proxy(endpoint),
            false => Hop::Target(endpoint),
        };
        let cause = io::Error::other(Error::InvalidCertificate(fault));
        let kind = DialErrorKind::Certificate;
        let error = DialError::new(hop, Phase::TargetTls, kind).with_source(cause);
        Trouble::of_dial(&error).advice()
    }

    #[test]
    fn only_an_unknown_issuer_is_a_matter_of_authorities() {
        for is_proxy in [true, false] {
            let unknown = advice(is_proxy, CertificateError::UnknownIssuer).unwrap();
            assert!(unknown.contains("`tls.ca_file`"), "{unknown}");
            for (fault, about) in [
                (CertificateError::Expired, "clock"),
                (CertificateError::NotValidYet, "clock"),
                (CertificateError::NotValidForName, "name"),
            ] {
                let advice = advice(is_proxy, fault).unwrap();
                assert!(
                    advice.contains(about) && !advice.contains("ca_file"),
                    "{advice}"
                );
            }
            assert_eq!(advice(is_proxy, CertificateError::Revoked), None);
        }
    }
}
