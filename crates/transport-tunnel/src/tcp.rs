//! The only place that opens sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;
use transport::{
    Connection, ConnectionInfo, DialError, Dialer, Hop, Host, LocalAddress, Phase, Target,
};

use crate::local::{bind, reachable};
#[cfg(target_os = "linux")]
use crate::quick_ack::QuickAckStream;
use crate::race::race;
use crate::resolver::{Resolver, SystemResolver, local_addresses, no_address};

/// A dead peer is noticed after 20 s of silence and three probes, 10 s apart.
// The default of Linux is two hours. An exchange that pings shows a dead path earlier; this is for
// connections on which nobody speaks.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(20))
    .with_interval(Duration::from_secs(10))
    .with_retries(3);

/// As long as keep-alive takes, unacknowledged data may stay unacknowledged (RFC 5482).
#[cfg(target_os = "linux")]
// Keep-alive probes are sent only while nothing is unacknowledged. With data under way the kernel
// retransmits instead, by default for a quarter of an hour or more. 50 s = 20 s + 3 * 10 s, as
// above, because this limit takes the place of the number of probes (tcp(7)).
const USER_TIMEOUT: Duration = Duration::from_secs(50);

/// Connects sockets: asynchronous name look-up, address racing, `TCP_NODELAY` and keep-alive; on
/// Linux also `TCP_QUICKACK`, for a target that [asks for it](Target::with_quick_ack).
///
/// For a target with a [local address](Target::from_local_address), every attempt begins there. Of the
/// target's addresses, those of the other family are left out; if none is left, the dial fails with
/// [`Unsupported`](transport::DialErrorKind::Unsupported). If this machine does not have the local address,
/// it fails with [`Unreachable`](transport::DialErrorKind::Unreachable). Names are looked up from anywhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpDialer<R = SystemResolver> {
    resolver: R,
}

impl TcpDialer {
    /// A dialer that asks the operating system's resolver.
    #[must_use]
    pub fn new() -> Self {
        Self::with_resolver(SystemResolver)
    }
}

impl<R: Resolver> TcpDialer<R> {
    /// A dialer that asks `resolver`.
    pub fn with_resolver(resolver: R) -> Self {
        Self { resolver }
    }

    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, DialError> {
        match target.host() {
            Host::Ipv4(ip) => Ok(vec![IpAddr::V4(*ip)]),
            Host::Ipv6(ip) => Ok(vec![IpAddr::V6(*ip)]),
            Host::Domain(name) => local_addresses(&self.resolver, name, target).await,
        }
    }
}

#[async_trait]
impl<R: Resolver> Dialer for TcpDialer<R> {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let hop = || Hop::Target(target.endpoint().clone());
        let start = Instant::now();
        let addresses = self.addresses(target).await?;
        let resolved = Instant::now();
        let local = target.local_address();
        let addresses = reachable(addresses, local, target)?
            .into_iter()
            .map(|ip| SocketAddr::new(ip, target.port()))
            .collect();
        let (stream, mut info) = target
            // One phase for all addresses, so that a name with many of them has no more time.
            .phase(race(addresses, |address| connect(address, local)))
            .await
            .map_err(|elapsed| DialError::timeout(hop(), Phase::Tcp, elapsed))?
            .map_err(|failure| match failure {
                Some(error) => DialError::io(hop(), Phase::Tcp, error),
                None => no_address(target),
            })?;
        // An address was not looked up, and has no such phase.
        if matches!(target.host(), Host::Domain(_)) {
            info.record(hop(), Phase::Dns, resolved - start);
        }
        info.record(hop(), Phase::Tcp, resolved.elapsed());
        #[cfg(target_os = "linux")]
        if target.quick_ack() {
            return Ok(Connection::new(QuickAckStream::new(stream)).with_info(info));
        }
        Ok(Connection::new(stream).with_info(info))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one dialer that opens sockets"
)]
async fn connect(
    address: SocketAddr,
    local: Option<&LocalAddress>,
) -> io::Result<(TcpStream, ConnectionInfo)> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Before connecting, so that no byte leaves without them. Nagle's algorithm would hold back the
    // second of two small messages, such as subscriptions, until the first is acknowledged.
    socket.set_nodelay(true)?;
    let options = SockRef::from(&socket);
    options.set_tcp_keepalive(&KEEPALIVE)?;
    #[cfg(target_os = "linux")]
    options.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    if let Some(local) = local {
        bind(&socket, local)?;
    }
    let stream = socket.connect(address).await?;
    let info = ConnectionInfo::of_socket(stream.local_addr()?, stream.peer_addr()?);
    Ok((stream, info))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_dead_peer_is_noticed_in_bounded_time_and_small_messages_leave_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stream, _info) = connect(listener.local_addr().unwrap(), None).await.unwrap();
        assert!(stream.nodelay().unwrap());
        let options = SockRef::from(&stream);
        assert!(options.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(options.tcp_keepalive_time().unwrap().as_secs(), 20);
            assert_eq!(options.tcp_keepalive_interval().unwrap().as_secs(), 10);
            assert_eq!(options.tcp_keepalive_retries().unwrap(), 3);
            assert_eq!(options.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
        }
    }
}
