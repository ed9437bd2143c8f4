//! A byte stream to a target, and what is known about how it came to be.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::egress::Egress;
use crate::hop::{Hop, Phase};
use crate::secrets::Secrets;
use crate::target::Endpoint;

/// What a [`Connection`] carries: any asynchronous byte stream.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

// A route is known only when the settings are: how many tunnels and layers of TLS are around a
// socket is no type that a program could name. One box for each layer is the price.
/// A byte stream to a [`Target`](crate::Target).
pub struct Connection {
    io: Box<dyn Io>,
    info: ConnectionInfo,
}

impl Connection {
    /// A connection over `io`, of which nothing else is known.
    #[must_use]
    pub fn new(io: impl Io + 'static) -> Self {
        Self {
            io: Box::new(io),
            info: ConnectionInfo::default(),
        }
    }

    /// The same connection with other information about it.
    #[must_use]
    pub fn with_info(mut self, info: ConnectionInfo) -> Self {
        self.info = info;
        self
    }

    /// How the connection came to be.
    #[must_use]
    pub fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// How the connection came to be, to be added to.
    pub fn info_mut(&mut self) -> &mut ConnectionInfo {
        &mut self.info
    }

    /// Takes the byte stream and its history apart.
    #[must_use]
    pub fn into_parts(self) -> (Box<dyn Io>, ConnectionInfo) {
        (self.io, self.info)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// How a connection came to be: its socket, the proxies it passes and how long each phase took.
///
/// Cheap to clone: every answer of a REST client has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionInfo(Arc<Fields>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Fields {
    local_addr: Option<SocketAddr>,
    peer_addr: Option<SocketAddr>,
    hops: Vec<Endpoint>,
    egress: Option<Egress>,
    timings: Vec<Timing>,
    is_first_flight_sent: bool,
    secrets: Secrets,
}

impl ConnectionInfo {
    /// Of a socket between two addresses.
    #[must_use]
    pub fn of_socket(local: SocketAddr, peer: SocketAddr) -> Self {
        Self(Arc::new(Fields {
            local_addr: Some(local),
            peer_addr: Some(peer),
            ..Fields::default()
        }))
    }

    /// This machine's end of the socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local_addr
    }

    /// The other end of the socket: the first proxy, or the target of a direct connection.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer_addr
    }

    /// The proxies the connection passes, nearest first. Empty for a direct connection.
    #[must_use]
    pub fn hops(&self) -> &[Endpoint] {
        &self.0.hops
    }

    /// By which address the connection leaves: the one that was [stated](Self::set_egress), or that of the
    /// last proxy or of this machine.
    #[must_use]
    pub fn egress(&self) -> Egress {
        let stated = self.0.egress.clone();
        stated.unwrap_or_else(|| Egress::of(self.hops()))
    }

    /// States by which address the connection leaves. Of a way, only who has chosen it may know that.
    pub fn set_egress(&mut self, egress: Egress) {
        self.fields().egress = Some(egress);
    }

    /// How long each phase took, in their order.
    #[must_use]
    pub fn timings(&self) -> &[Timing] {
        &self.0.timings
    }

    /// Whether the dialer has sent the target's
    /// [first flight](crate::Target::with_first_flight), so that the caller must not.
    #[must_use]
    pub fn is_first_flight_sent(&self) -> bool {
        self.0.is_first_flight_sent
    }

    /// States whether the target's first flight has been sent.
    pub fn set_first_flight_sent(&mut self, is_sent: bool) {
        self.fields().is_first_flight_sent = is_sent;
    }

    /// The logins that were sent on the way, which nothing that arrives over the connection may be
    /// quoted with: what a proxy says can stand in place of what the target says.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// States that a proxy on the way was sent these.
    pub fn add_secrets(&mut self, secrets: &Secrets) {
        // Only ever added to: a proxy that has seen them can speak as long as the connection lives.
        let secrets = self.0.secrets.and(secrets);
        self.fields().secrets = secrets;
    }

    /// Adds the time that a phase took.
    pub fn record(&mut self, hop: Hop, phase: Phase, elapsed: Duration) {
        self.fields().timings.push(Timing {
            hop,
            phase,
            elapsed,
        });
    }

    /// States that what was the target so far is a proxy on the way to another target, of whose
    /// first flight nothing has been sent yet.
    pub fn pass_through(&mut self, proxy: &Endpoint) {
        // What a chain of two proxies leaves behind, layer by layer, from the socket outwards:
        //
        //     layer                timings                                         hops
        //     TcpDialer            near: dns, tcp                                  -
        //     tunnel by `near`     (near becomes a proxy) + near: handshake        near
        //     tunnel by `exit`     + exit: handshake                               near, exit
        //     TLS                  + exchange: target tls                          near, exit
        //
        // TLS below a tunnel is TLS with a proxy, which was not known when it was recorded.
        let fields = self.fields();
        for timing in &mut fields.timings {
            timing.hop.pass_through(proxy);
            timing.phase = timing.phase.at(&timing.hop);
        }
        fields.hops.push(proxy.clone());
        // That was how the proxy is reached.
        fields.egress = None;
        // What was sent so far were the proxy's first bytes, not those of the target behind it.
        fields.is_first_flight_sent = false;
    }

    fn fields(&mut self) -> &mut Fields {
        Arc::make_mut(&mut self.0)
    }
}

/// How long one phase of a dial took.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// With whom.
    pub hop: Hop,
    /// Which phase.
    pub phase: Phase,
    /// How long it took.
    pub elapsed: Duration,
}
