//! What to reach, and by when.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use url::Host;

use crate::budget::{Budget, Elapsed};
use crate::local_address::LocalAddress;
use crate::secrets::Secrets;

/// A host and a port: `api.binance.com:443`, `[::1]:1080`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: Host,
    port: u16,
}

impl Endpoint {
    /// Joins a host and a port.
    #[must_use]
    pub fn new(host: Host, port: u16) -> Self {
        Self { host, port }
    }

    /// The host: a name in its ASCII form, or an address.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// From `host:port`; a port is required, and an IPv6 address stands in brackets.
impl FromStr for Endpoint {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let not_both = || InvalidTarget(format!("{text:?} is not of the form host:port"));
        let (host, port) = text.rsplit_once(':').ok_or_else(not_both)?;
        // `parse` would take `+1`, which `Display` never prints.
        let port = match port.bytes().all(|byte| byte.is_ascii_digit()) {
            true => port.parse().map_err(|_| not_both())?,
            false => return Err(not_both()),
        };
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or_else(not_both)?,
            None if host.contains(':') => return Err(not_both()),
            None => host,
        };
        Ok(Target::parse(host, port)?.endpoint)
    }
}

/// A target without a time limit, from `host:port` as for an [`Endpoint`].
impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        text.parse().map(Self::new)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Where a [`Dialer`](crate::Dialer) shall connect to, the time it has for that, and what may help
/// it to be quick.
///
/// The time budget travels with the target, so every layer of a dialer stack sees the same
/// deadline, and the layer that runs out of time is the one that names its phase.
// What the layers of a dial hand on to the one inside them:
//
//                         endpoint   budget   first flight        secrets
//     via(proxy)          proxy      same     none                same
//     with_first_flight   same       same     that                same
//     with_secrets        same       same     same                more
//     within              same       begins   same                same
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    endpoint: Endpoint,
    budget: Option<Budget>,
    first_flight: Option<Bytes>,
    quick_ack: bool,
    local_address: Option<LocalAddress>,
    secrets: Secrets,
}

impl Target {
    /// A target without a time limit.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            budget: None,
            first_flight: None,
            quick_ack: false,
            local_address: None,
            secrets: Secrets::default(),
        }
    }

    /// Parses a host name or address. Names are brought into their ASCII form (IDNA); IPv6
    /// addresses may stand with or without brackets.
    ///
    /// # Errors
    /// [`InvalidTarget`] if `host` is neither a name nor an address, or `port` is 0.
    pub fn parse(host: &str, port: u16) -> Result<Self, InvalidTarget> {
        if port == 0 {
            return Err(InvalidTarget(format!(
                "port 0 of {host:?} cannot be dialed"
            )));
        }
        // `Host::parse` wants brackets around IPv6. It also decodes `%0d` before it looks for what
        // a host must not hold, so no line can be smuggled into a request.
        let host = match host.parse() {
            Ok(address) => Host::Ipv6(address),
            Err(_) => Host::parse(host).map_err(|_| {
                InvalidTarget(format!("host {host:?} is neither a name nor an address"))
            })?,
        };
        Ok(Self::new(Endpoint::new(host, port)))
    }

    /// The target of a `http`, `https`, `ws` or `wss` URI, with the scheme's default port where
    /// the URI has none (80 or 443).
    ///
    /// # Errors
    /// [`InvalidTarget`] if the URI has another scheme or no usable host.
    pub fn from_uri(uri: &http::Uri) -> Result<Self, InvalidTarget> {
        Self::of_scheme(
            uri,
            &[("http", 80), ("https", 443), ("ws", 80), ("wss", 443)],
        )
    }

    /// As [`from_uri`](Self::from_uri), for `http` and `https` alone.
    ///
    /// # Errors
    /// [`InvalidTarget`] if the URI has another scheme or no usable host.
    pub fn from_http_uri(uri: &http::Uri) -> Result<Self, InvalidTarget> {
        Self::of_scheme(uri, &[("http", 80), ("https", 443)])
    }

    /// As [`from_uri`](Self::from_uri), for `ws` and `wss` alone.
    ///
    /// # Errors
    /// [`InvalidTarget`] if the URI has another scheme or no usable host.
    pub fn from_ws_uri(uri: &http::Uri) -> Result<Self, InvalidTarget> {
        Self::of_scheme(uri, &[("ws", 80), ("wss", 443)])
    }

    fn of_scheme(uri: &http::Uri, known: &[(&str, u16)]) -> Result<Self, InvalidTarget> {
        let scheme = uri.scheme_str().unwrap_or_default();
        let Some((_, default_port)) = known.iter().find(|(name, _)| *name == scheme) else {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            return Err(InvalidTarget(format!(
                "scheme {scheme:?} is none of {}",
                names.join(", ")
            )));
        };
        let host = uri.host().unwrap_or_default();
        // The default of the scheme, not 443 for all: `ws://h/` is port 80 (RFC 6455, section 3).
        Self::parse(host, uri.port_u16().unwrap_or(*default_port))
    }

    /// The same target, to be reached within `timeout` from now.
    ///
    /// Half of `timeout` is the most that one phase may take, so that a stalled name server or a
    /// silent proxy is reported as such before the whole budget is gone. A `timeout` too long for
    /// the clock, such as [`Duration::MAX`], is no limit.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        // Begins now and not at the first phase: what comes between them is a part of the dial.
        self.budget = Budget::begin(timeout);
        self
    }

    /// The same target, together with the first bytes that the caller will send to it.
    ///
    /// A dialer may send them while it connects, and saves a round trip then; its connection says
    /// so ([`ConnectionInfo::is_first_flight_sent`](crate::ConnectionInfo::is_first_flight_sent)),
    /// and the caller must not send them again. A dialer that ignores them is always correct.
    ///
    /// They are the bytes of this layer. A dialer that changes what passes through it, as TLS does,
    /// must not give them to the dialer inside it. They may be sent more than once, on one
    /// connection each, and must ask for an answer: a dialer may wait for that.
    #[must_use]
    pub fn with_first_flight(mut self, bytes: Bytes) -> Self {
        // A dialer may wait for the answer to a flight, and none comes to an empty one.
        self.first_flight = Some(bytes).filter(|bytes| !bytes.is_empty());
        self
    }

    /// The same target, with what arrives from it acknowledged at once or not. A dialer that opens
    /// sockets does so where the operating system can (`TCP_QUICKACK` of Linux); others may ignore
    /// it.
    #[must_use]
    pub fn with_quick_ack(mut self, quick_ack: bool) -> Self {
        self.quick_ack = quick_ack;
        self
    }

    /// The same target, to be reached from this local address. A dialer that opens sockets must do so
    /// from there or fail: from another address, the other side may count it as somebody else's.
    #[must_use]
    pub fn from_local_address(mut self, address: LocalAddress) -> Self {
        self.local_address = Some(address);
        self
    }

    /// The same target, to which the caller will send these, perhaps in the first flight, or has
    /// sent them before. A dialer does not quote anybody with them: who is on the way may have seen
    /// them.
    #[must_use]
    pub fn with_secrets(mut self, secrets: &Secrets) -> Self {
        self.secrets = self.secrets.and(secrets);
        self
    }

    /// Another endpoint with what is left of this target's time, and its secrets: the proxy on the
    /// way to it. It has no first flight, for this target's is not meant for it.
    #[must_use]
    pub fn via(&self, endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            first_flight: None,
            ..self.clone()
        }
    }

    /// What to reach.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The host of [`endpoint`](Self::endpoint).
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.endpoint.host
    }

    /// The port of [`endpoint`](Self::endpoint).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.endpoint.port
    }

    /// The first bytes that the caller will send, if it gave them.
    #[must_use]
    pub fn first_flight(&self) -> Option<&Bytes> {
        self.first_flight.as_ref()
    }

    /// Whether what arrives shall be acknowledged at once.
    #[must_use]
    pub fn quick_ack(&self) -> bool {
        self.quick_ack
    }

    /// Where on this machine the connection must begin; anywhere, if there is none.
    #[must_use]
    pub fn local_address(&self) -> Option<&LocalAddress> {
        self.local_address.as_ref()
    }

    /// What the dialer must not quote anybody with.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// When the dial must be over, if it has a time limit.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.budget.map(Budget::deadline)
    }

    /// Runs one phase of the dial for as long as the budget allows it.
    ///
    /// # Errors
    /// [`Elapsed`] when the phase's share or the whole budget is used up.
    pub async fn phase<F: Future>(&self, phase: F) -> Result<F::Output, Elapsed> {
        match self.budget {
            Some(budget) => budget.phase(phase).await,
            None => Ok(phase.await),
        }
    }

    /// Runs what is made of several phases for as long as the budget allows it.
    ///
    /// # Errors
    /// [`Elapsed`] when the whole budget is used up.
    pub async fn whole<F: Future>(&self, dial: F) -> Result<F::Output, Elapsed> {
        match self.budget {
            Some(budget) => budget.whole(dial).await,
            None => Ok(dial.await),
        }
    }
}

/// Does not show the first flight, which may hold the credentials of a proxy.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("endpoint", &self.endpoint)
            .field("budget", &self.budget)
            .field("first_flight", &self.first_flight.as_ref().map(Bytes::len))
            .field("quick_ack", &self.quick_ack)
            .field("local_address", &self.local_address)
            .field("secrets", &self.secrets)
            .finish()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.fmt(f)
    }
}

/// Something that cannot be dialed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTarget(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn from_uri(uri: &'static str) -> Result<String, InvalidTarget> {
        Target::from_uri(&http::Uri::from_static(uri)).map(|target| target.to_string())
    }

    #[test]
    fn a_uri_without_port_has_the_default_port_of_its_scheme() {
        assert_eq!(from_uri("ws://h/").unwrap(), "h:80");
        assert_eq!(from_uri("http://h/").unwrap(), "h:80");
        assert_eq!(from_uri("wss://h/").unwrap(), "h:443");
        assert_eq!(from_uri("https://h/").unwrap(), "h:443");
        assert_eq!(from_uri("wss://h:9443/x").unwrap(), "h:9443");
    }

    #[test]
    fn an_unknown_scheme_or_a_missing_host_is_no_target() {
        assert!(from_uri("ftp://h:21/").is_err());
        assert!(from_uri("/path").is_err());
        let [http, ws] = ["http://h/", "ws://h/"].map(http::Uri::from_static);
        assert!(Target::from_http_uri(&http).is_ok() && Target::from_ws_uri(&ws).is_ok());
        assert_eq!(
            Target::from_http_uri(&ws).unwrap_err().to_string(),
            "scheme \"ws\" is none of http, https"
        );
        assert!(Target::from_ws_uri(&http).is_err());
    }

    #[test]
    fn ipv6_hosts_keep_their_brackets_and_names_become_ascii() {
        assert_eq!(from_uri("https://[::1]/").unwrap(), "[::1]:443");
        assert_eq!(Target::parse("::1", 80).unwrap().to_string(), "[::1]:80");
        assert_eq!(
            Target::parse("bücher.example", 1).unwrap().to_string(),
            "xn--bcher-kva.example:1"
        );
    }

    #[test]
    fn what_an_endpoint_prints_is_read_again() {
        for text in ["api.binance.com:443", "127.0.0.1:1", "[::1]:1080"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in [
            "", "h", "h:", ":1", "h:0", "h:+1", "h:65536", "::1", "::1:80", "[::1]", "[::1:80",
            "[h]:1:2", "h:1 ",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn port_zero_and_forbidden_characters_are_refused() {
        assert!(Target::parse("h", 0).is_err());
        assert!(Target::parse("a b", 1).is_err());
        assert!(Target::parse("h\r\nX-Injected: 1", 1).is_err());
        assert!(Target::parse("h%0d%0ax", 1).is_err());
        assert!(Target::parse("", 1).is_err());
    }

    #[test]
    fn a_first_flight_is_for_one_endpoint_and_is_not_shown() {
        let target = Target::parse("h", 1)
            .unwrap()
            .with_quick_ack(true)
            .with_first_flight(Bytes::from_static(b"secret"));
        assert_eq!(target.first_flight().unwrap(), "secret");
        assert!(format!("{target:?}").contains("first_flight: Some(6)"));
        let proxy = target.via(Endpoint::new(Host::Domain("p".to_owned()), 2));
        assert_eq!(proxy.first_flight(), None);
        assert!(proxy.quick_ack());
        let nothing = target.with_first_flight(Bytes::new());
        assert_eq!(nothing.first_flight(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_phase_ends_at_its_share_and_the_dial_at_its_deadline() {
        let target = Target::parse("h", 1)
            .unwrap()
            .within(Duration::from_secs(10));
        let start = Instant::now();
        let stall = std::future::pending::<()>;
        let elapsed = target.phase(stall()).await.unwrap_err();
        assert_eq!(elapsed.to_string(), "the limit for one phase is 5s");
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(3)).await;
        let elapsed = target.phase(stall()).await.unwrap_err();
        assert_eq!(
            elapsed.to_string(),
            "the limit for all phases together is 10s"
        );
        assert_eq!(start.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test]
    async fn an_endless_timeout_is_no_limit() {
        let target = Target::parse("h", 1).unwrap().within(Duration::MAX);
        assert_eq!(target.deadline(), None);
        assert_eq!(target.phase(async { 7 }).await, Ok(7));
    }
}
