//! Where on this machine sockets begin.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpSocket;
use transport::{DialError, DialErrorKind, Hop, LocalAddress, Phase, Target};

/// Those of `addresses` that can be reached from `local`.
///
/// # Errors
/// [`Unsupported`](DialErrorKind::Unsupported) if all are of the other address family.
pub(crate) fn reachable(
    addresses: Vec<IpAddr>,
    local: Option<&LocalAddress>,
    target: &Target,
) -> Result<Vec<IpAddr>, DialError> {
    let Some(LocalAddress::Ip(local)) = local else {
        return Ok(addresses);
    };
    let is_of_family = |address: &IpAddr| address.is_ipv6() == local.is_ipv6();
    if !addresses.is_empty() && !addresses.iter().any(is_of_family) {
        let hop = Hop::Target(target.endpoint().clone());
        let error = DialError::new(hop, Phase::Tcp, DialErrorKind::Unsupported);
        return Err(error.with_source(OtherFamily(*local)));
    }
    Ok(addresses.into_iter().filter(is_of_family).collect())
}

/// Has `socket` begin at `local`.
///
/// # Errors
/// Of a kind that means [`Unreachable`](DialErrorKind::Unreachable) if this machine does not have it: the
/// error of the system has a kind that also means that no port is left.
pub(crate) fn bind(socket: &TcpSocket, local: &LocalAddress) -> io::Result<()> {
    let bound = match local {
        LocalAddress::Ip(ip) => socket.bind(SocketAddr::new(*ip, 0)),
        LocalAddress::Interface(name) => bind_device(socket, name),
    };
    bound.map_err(|source| match DialErrorKind::from(&source) {
        DialErrorKind::Local if source.kind() != io::ErrorKind::AddrNotAvailable => source,
        _ => {
            let local = local.clone();
            io::Error::new(io::ErrorKind::NetworkUnreachable, Unbound { local, source })
        }
    })
}

#[cfg(target_os = "linux")]
fn bind_device(socket: &TcpSocket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn bind_device(_socket: &TcpSocket, _name: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[derive(Debug, thiserror::Error)]
#[error("none of the addresses is of the family of the local address {0}")]
struct OtherFamily(IpAddr);

#[derive(Debug, thiserror::Error)]
#[error("cannot begin at {local}")]
struct Unbound {
    local: LocalAddress,
    source: io::Error,
}
