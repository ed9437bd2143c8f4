//! Why a connection could not be made.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::egress::Egress;
use crate::hop::{Hop, Phase};
use crate::printable::printable;
use crate::reply::{Reply, is_of_the_moment};
use crate::target::Endpoint;

/// A cause of any type.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DialErrorKind {
    /// The phase took longer than it may.
    Timeout,
    /// The name does not exist or could not be looked up.
    NameResolution,
    /// The other side refused the connection.
    Refused,
    /// No way leads to the other side.
    Unreachable,
    /// The other side closed or reset the connection before it had answered.
    Closed,
    /// The other side wants credentials, or rejected those it got.
    Authentication,
    /// The proxy declined to connect to the target, or the exchange to upgrade; see
    /// [`DialError::reply`].
    Rejected,
    /// The other side broke the protocol.
    Protocol,
    /// What listens there speaks another protocol: the scheme or the port is wrong.
    WrongProtocol,
    /// The certificate is not trusted, expired or of another name.
    Certificate,
    /// TLS failed for another reason.
    Tls,
    /// The target cannot be expressed in the protocol of the phase; nothing of it was sent.
    Unsupported,
    /// The settings allow no route, and direct is not one.
    NoRoute,
    /// The list that the pool's proxies come from has named none so far.
    NoProxy,
    /// New settings lead the connection another way. It was in order; the next dial takes the new
    /// way.
    RouteChanged,
    /// The request uses more of a budget than the exchange ever allows; nothing was sent.
    OverBudget,
    /// The exchange has banned every exit of the route for a while; nothing was sent. See
    /// [`DialError::retry_after`].
    Banned,
    /// This machine cannot open the connection, or keep it: it has run out of descriptors, ports or
    /// memory. It is nobody else's fault.
    Local,
    /// Another input or output error.
    Io,
}

impl fmt::Display for DialErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timed out",
            Self::NameResolution => "the name could not be resolved",
            Self::Refused => "connection refused",
            Self::Unreachable => "unreachable",
            Self::Closed => "connection closed",
            Self::Authentication => "authentication failed",
            Self::Rejected => "declined",
            Self::Protocol => "protocol violated",
            Self::WrongProtocol => "it speaks another protocol",
            Self::Certificate => "certificate not accepted",
            Self::Tls => "tls failed",
            Self::Unsupported => "not possible in this protocol",
            Self::NoRoute => "no route is allowed",
            Self::NoProxy => "no proxy is known",
            Self::RouteChanged => "its route has changed",
            Self::OverBudget => "it uses more than its budget has",
            Self::Banned => "the exchange has banned every exit of the route for now",
            Self::Local => "this machine has no descriptor, port or memory left for it",
            Self::Io => "i/o error",
        })
    }
}

/// What `errno` is when there are no more descriptors in the process (EMFILE) or the system (ENFILE),
/// and no more buffers (ENOBUFS). `std` has no kind for these.
const EXHAUSTED: [i32; 3] = if cfg!(any(target_os = "linux", target_os = "android")) {
    [24, 23, 105]
} else if cfg!(windows) {
    // WSAEMFILE, ERROR_TOO_MANY_OPEN_FILES, WSAENOBUFS.
    [10024, 4, 10055]
} else {
    [24, 23, 55]
};

/// Whether an error, or one that it wraps, is of a machine that has run out of something.
fn is_exhausted(error: &io::Error) -> bool {
    let wrapped = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    let mut codes = wrapped.filter_map(io::Error::raw_os_error);
    codes.any(|code| EXHAUSTED.contains(&code))
}

impl From<&io::Error> for DialErrorKind {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown => Self::Unreachable,
            // AddrNotAvailable: all ports are in use, or the machine has no address of the family.
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory => Self::Local,
            io::ErrorKind::TimedOut => Self::Timeout,
            // Ways to notice the same: the other side is gone. Which one it is depends on whether
            // bytes were under way, and in which direction.
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Closed,
            _ if is_exhausted(error) => Self::Local,
            _ => Self::Io,
        }
    }
}

/// A failed dial: where, in which phase, why, and what the other side said.
///
/// The message fits behind "failed to"; the cause, or what the other side said, is in
/// [`source`](Error::source) only. [`chain`] prints all of it.
#[derive(Debug, Clone)]
pub struct DialError(Box<Inner>);

// Boxed, so that a `Result` with it stays small.
#[derive(Debug, Clone)]
struct Inner {
    hop: Hop,
    phase: Phase,
    kind: DialErrorKind,
    reply: Option<Reply>,
    towards: Option<Endpoint>,
    through: Vec<Endpoint>,
    egress: Option<Egress>,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl DialError {
    /// A failure of `kind`, in `phase`, with `hop`.
    #[must_use]
    pub fn new(hop: Hop, phase: Phase, kind: DialErrorKind) -> Self {
        let phase = phase.at(&hop);
        Self(Box::new(Inner {
            hop,
            phase,
            kind,
            reply: None,
            towards: None,
            through: Vec::new(),
            egress: None,
            retry_after: None,
            source: None,
        }))
    }

    /// An input or output error; its kind follows from `error`.
    ///
    /// A [`DialError`] inside `error` is a dial that failed earlier than the layer above could
    /// see, and is returned as it was.
    #[must_use]
    pub fn io(hop: Hop, phase: Phase, error: io::Error) -> Self {
        match error.downcast::<Self>() {
            // An `io::Error` is all that a `poll_read` can return, so a layer that has more to say
            // puts it inside one.
            Ok(earlier) => earlier,
            Err(error) => Self::new(hop, phase, DialErrorKind::from(&error)).with_source(error),
        }
    }

    /// The phase took too long.
    #[must_use]
    pub fn timeout(hop: Hop, phase: Phase, cause: impl Into<BoxError>) -> Self {
        Self::new(hop, phase, DialErrorKind::Timeout).with_source(cause)
    }

    /// The failed dial in the chain of `error`, if there is one.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|cause| cause.downcast_ref())
    }

    /// Adds what the other side answered.
    #[must_use]
    pub fn with_reply(mut self, reply: Reply) -> Self {
        self.0.reply = Some(reply);
        self
    }

    /// Adds for which target a proxy was asked.
    #[must_use]
    pub fn with_towards(mut self, target: Endpoint) -> Self {
        self.0.towards = Some(target);
        self
    }

    /// Adds the proxies that the connection passed, nearest first: those before the
    /// [`hop`](Self::hop). The member of a pool is among them.
    #[must_use]
    pub fn with_through(mut self, proxies: &[Endpoint]) -> Self {
        let hop = self.0.hop.endpoint();
        let before = proxies.iter().take_while(|proxy| *proxy != hop);
        self.0.through = before.cloned().collect();
        self
    }

    /// Adds by which address the connection left.
    #[must_use]
    pub fn with_egress(mut self, egress: Egress) -> Self {
        self.0.egress = Some(egress);
        self
    }

    /// Adds how long the other side asked to wait before the next try.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// The failure as seen by who uses the target so far as a proxy.
    #[must_use]
    pub fn pass_through(mut self, proxy: &Endpoint) -> Self {
        self.0.hop.pass_through(proxy);
        self.0.phase = self.0.phase.at(&self.0.hop);
        self
    }

    /// With whom the dial was busy.
    #[must_use]
    pub fn hop(&self) -> &Hop {
        &self.0.hop
    }

    /// The proxies that the connection to it passed, nearest first.
    #[must_use]
    pub fn through(&self) -> &[Endpoint] {
        &self.0.through
    }

    /// By which address the connection to it left: the one that was [told](Self::with_egress), or that of
    /// the last of those proxies.
    #[must_use]
    pub fn egress(&self) -> Egress {
        let told = self.0.egress.clone();
        told.unwrap_or_else(|| Egress::of(self.through()))
    }

    /// What the dial was doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> DialErrorKind {
        self.0.kind
    }

    /// What the other side answered, if it did.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        self.0.reply.as_ref()
    }

    /// How long the other side asked to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same dial may succeed later without anybody changing something.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            DialErrorKind::Timeout
            | DialErrorKind::NameResolution
            | DialErrorKind::Refused
            | DialErrorKind::Unreachable
            | DialErrorKind::Closed
            | DialErrorKind::NoProxy
            | DialErrorKind::RouteChanged
            | DialErrorKind::Banned
            | DialErrorKind::Local
            | DialErrorKind::Io => true,
            DialErrorKind::Rejected => match self.0.reply {
                Some(Reply::Http(ref reply)) => is_of_the_moment(reply.status),
                Some(Reply::Socks4(code)) => code == 0x5B,
                // General failure, network or host unreachable, refused, TTL expired. Not a ruleset
                // (2), an unknown command (7) or type of address (8), which stay as they are.
                Some(Reply::Socks5(code)) => matches!(code, 1 | 3..=6),
                _ => false,
            },
            // What stands in front of an exchange has bad moments; a proxy of another scheme has not.
            DialErrorKind::Protocol | DialErrorKind::WrongProtocol => {
                matches!(self.0.phase, Phase::Upgrade | Phase::Response)
            }
            DialErrorKind::Authentication
            | DialErrorKind::Certificate
            | DialErrorKind::Tls
            | DialErrorKind::Unsupported
            | DialErrorKind::NoRoute
            | DialErrorKind::OverBudget => false,
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { hop, phase, .. } = &*self.0;
        match phase {
            Phase::Route => write!(f, "choose a route to {hop}")?,
            Phase::Dns => write!(f, "resolve {hop}")?,
            Phase::Tcp => write!(f, "connect to {hop}")?,
            Phase::ProxyTls | Phase::TargetTls => write!(f, "establish tls with {hop}")?,
            Phase::ProxyHandshake => write!(f, "open a tunnel through {hop}")?,
            Phase::Upgrade => write!(f, "upgrade to websocket at {hop}")?,
            Phase::Response => write!(f, "get an answer from {hop}")?,
        }
        if let Some(target) = &self.0.towards {
            write!(f, " to {target}")?;
        }
        through(&self.0.through).fmt(f)?;
        write!(f, ": {}", self.0.kind)
    }
}

impl Error for DialError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.source {
            Some(source) => Some(&**source),
            // The reply is the last word of a chain: nothing caused it on this side.
            None => self.0.reply.as_ref().map(|reply| reply as _),
        }
    }
}

/// Displays as ` through proxy a:1`, for the proxies that a connection passes, nearest first; as nothing
/// without any.
pub fn through(proxies: &[Endpoint]) -> impl fmt::Display {
    Through(proxies)
}

struct Through<'a>(&'a [Endpoint]);

impl fmt::Display for Through<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.0.split_first() else {
            return Ok(());
        };
        let noun = if others.is_empty() {
            "proxy"
        } else {
            "proxies"
        };
        write!(f, " through {noun} {first}")?;
        others.iter().try_for_each(|other| write!(f, ", {other}"))
    }
}

/// `error`, its cause, the cause's cause and so on. An [`io::Error`] names as its source not what
/// it wraps, but the source of that.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let wrapped = (*error).downcast_ref().and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped),
            None => (*error).source(),
        }
    })
}

/// Displays as `error`, its cause, the cause's cause and so on, joined by colons: one line that
/// says all that is known, and [`printable`] also where an error of a library quotes what was sent.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl fmt::Display + 'a {
    printable(Chain(error))
}

struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)?;
        std::iter::successors(self.0.source(), |cause| (*cause).source())
            .try_for_each(|cause| write!(f, ": {cause}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    fn endpoint(host: &str, port: u16) -> Endpoint {
        Target::parse(host, port).unwrap().endpoint().clone()
    }

    #[test]
    fn a_message_fits_behind_failed_to_and_leaves_the_cause_to_source() {
        let error = DialError::io(
            Hop::Target(endpoint("p", 1080)),
            Phase::Tcp,
            io::Error::from(io::ErrorKind::ConnectionRefused),
        )
        .pass_through(&endpoint("p", 1080));
        assert_eq!(
            error.to_string(),
            "connect to proxy p:1080: connection refused"
        );
        assert!(error.source().is_some());
        assert!(error.is_retryable());
    }

    #[test]
    fn tls_with_what_turns_out_to_be_a_proxy_is_proxy_tls() {
        let proxy = endpoint("p", 8443);
        let error = DialError::new(
            Hop::Target(proxy.clone()),
            Phase::TargetTls,
            DialErrorKind::Tls,
        )
        .pass_through(&proxy);
        assert_eq!(error.phase(), Phase::ProxyTls);
        assert!(error.hop().is_proxy());
    }

    #[test]
    fn passing_through_a_second_proxy_leaves_the_first_ones_failure_alone() {
        let (first, second) = (endpoint("a", 1), endpoint("b", 2));
        let error = DialError::new(
            Hop::Proxy(first.clone()),
            Phase::ProxyHandshake,
            DialErrorKind::Rejected,
        )
        .with_towards(second.clone())
        .with_reply(Reply::Socks5(5))
        .pass_through(&second);
        assert_eq!(error.hop(), &Hop::Proxy(first));
        assert_eq!(
            chain(&error).to_string(),
            "open a tunnel through proxy a:1 to b:2: declined: socks5 reply 0x05: connection refused"
        );
    }

    #[test]
    fn the_way_to_the_hop_is_named() {
        let error = DialError::new(
            Hop::Target(endpoint("t", 443)),
            Phase::TargetTls,
            DialErrorKind::Certificate,
        );
        for (proxies, expected) in [
            (vec![], "establish tls with t:443: certificate not accepted"),
            (
                vec![endpoint("a", 1)],
                "establish tls with t:443 through proxy a:1: certificate not accepted",
            ),
            (
                vec![endpoint("a", 1), endpoint("b", 2)],
                "establish tls with t:443 through proxies a:1, b:2: certificate not accepted",
            ),
        ] {
            assert_eq!(error.clone().with_through(&proxies).to_string(), expected);
        }
    }

    #[test]
    fn a_proxy_that_fails_is_not_passed() {
        let way = [endpoint("a", 1), endpoint("b", 2), endpoint("c", 3)];
        let hop = Hop::Proxy(endpoint("b", 2));
        let error = DialError::new(hop, Phase::ProxyHandshake, DialErrorKind::Rejected);
        let error = error.with_towards(endpoint("t", 443)).with_through(&way);
        assert_eq!(
            error.to_string(),
            "open a tunnel through proxy b:2 to t:443 through proxy a:1: declined"
        );
    }

    #[test]
    fn exhaustion_of_this_machine_is_told_apart_also_inside_other_errors() {
        // EADDRNOTAVAIL and ENOMEM have kinds of their own.
        for code in EXHAUSTED {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(DialErrorKind::from(&error), DialErrorKind::Local, "{error}");
            let wrapped = io::Error::new(error.kind(), error);
            assert_eq!(DialErrorKind::from(&wrapped), DialErrorKind::Local);
        }
        for kind in [io::ErrorKind::AddrNotAvailable, io::ErrorKind::OutOfMemory] {
            assert_eq!(DialErrorKind::from(&kind.into()), DialErrorKind::Local);
        }
        let other = io::Error::from_raw_os_error(5);
        assert_eq!(DialErrorKind::from(&other), DialErrorKind::Io);
    }

    #[test]
    fn what_a_cause_quotes_adds_no_line() {
        let quoted =
            io::Error::other("unknown variant `x`\n2026-01-01 INFO forged\u{2028}\u{202e}");
        let error = DialError::io(Hop::Target(endpoint("h", 1)), Phase::Response, quoted);
        assert_eq!(
            chain(&error).to_string(),
            "get an answer from h:1: i/o error: \
             unknown variant `x`\\n2026-01-01 INFO forged\\u{2028}\\u{202e}"
        );
    }

    #[test]
    fn a_dial_error_inside_an_io_error_keeps_its_hop_and_phase() {
        let inner = DialError::new(
            Hop::Proxy(endpoint("p", 1)),
            Phase::ProxyHandshake,
            DialErrorKind::Authentication,
        );
        let outer = DialError::io(
            Hop::Target(endpoint("t", 2)),
            Phase::TargetTls,
            io::Error::other(inner),
        );
        assert_eq!(outer.phase(), Phase::ProxyHandshake);
        assert!(!outer.is_retryable());
        let hidden = io::Error::other(io::Error::other(outer));
        assert!(hidden.source().is_none());
        let found = DialError::find(&hidden).unwrap();
        assert_eq!(found.kind(), DialErrorKind::Authentication);
        assert!(DialError::find(&io::Error::other("x")).is_none());
    }
}
