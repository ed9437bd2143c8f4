//! What a proxy remembers of a connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http::HeaderMap;

use crate::ledger::Record;

/// A connection that a [`MockProxy`](crate::MockProxy) accepted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProxyConnection {
    /// The client.
    pub peer: SocketAddr,
    /// When it connected.
    pub accepted_at: SystemTime,
    /// How the latest check of its credentials went; `None` before the first.
    pub authentication: Option<Authentication>,
    /// What it asked for, refused requests included.
    pub requests: Vec<TunnelRequest>,
    /// The proxy's end of the connection to the target, once there is one. This is the address
    /// that the target sees.
    pub egress: Option<SocketAddr>,
    /// Whether the connection is over.
    pub closed: bool,
    pub(super) traffic: Arc<Traffic>,
}

impl ProxyConnection {
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            accepted_at: SystemTime::now(),
            authentication: None,
            requests: Vec::new(),
            egress: None,
            closed: false,
            traffic: Arc::default(),
        }
    }

    /// How many bytes went from the client to the target so far.
    #[must_use]
    pub fn bytes_up(&self) -> u64 {
        self.traffic.up.load(Ordering::Relaxed)
    }

    /// How many bytes went from the target to the client so far.
    #[must_use]
    pub fn bytes_down(&self) -> u64 {
        self.traffic.down.load(Ordering::Relaxed)
    }

    /// The target asked for last.
    #[must_use]
    pub fn target(&self) -> Option<&TunnelTarget> {
        self.requests.last().map(|request| &request.target)
    }
}

impl Record for ProxyConnection {
    fn close(&mut self) {
        self.closed = true;
    }
}

/// The bytes that a tunnel has carried.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    up: AtomicU64,
    down: AtomicU64,
}

impl Traffic {
    pub(super) fn add_up(&self, bytes: usize) {
        self.up.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn add_down(&self, bytes: usize) {
        self.down.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// One request for a tunnel.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TunnelRequest {
    /// The target, as the client wrote it.
    pub target: TunnelTarget,
    /// The headers of a CONNECT request; none for SOCKS.
    pub headers: HeaderMap,
}

/// A target as a client writes it: whether by name or by address shows which side looks names up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TunnelTarget {
    /// By address.
    Address(SocketAddr),
    /// By name, with the port.
    Name(String, u16),
}

impl TunnelTarget {
    /// Tells names from addresses; an IPv6 address may stand in brackets.
    pub(super) fn new(host: &str, port: u16) -> Self {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(ip) => Self::Address((ip, port).into()),
            Err(_) => Self::Name(host.to_owned(), port),
        }
    }

    /// Whether the client left the lookup to the proxy.
    #[must_use]
    pub fn is_name(&self) -> bool {
        matches!(self, Self::Name(..))
    }
}

impl fmt::Display for TunnelTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// How a check of credentials went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authentication {
    /// The proxy lets everybody in.
    NotRequired,
    /// The right ones.
    Accepted,
    /// The proxy wants credentials and got none.
    Missing,
    /// Others than the proxy wants.
    Wrong,
}

impl Authentication {
    /// Whether the client may go on.
    #[must_use]
    pub fn is_passed(self) -> bool {
        matches!(self, Self::NotRequired | Self::Accepted)
    }
}
