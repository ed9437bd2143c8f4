//! Ports that are kept while nobody listens at them.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use crate::error::SetupError;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A port of this machine. It stays taken as long as this lives: who stops listening at it for a while,
/// has connections refused meanwhile, and finds it free again.
#[derive(Debug)]
pub(crate) struct Port {
    address: SocketAddr,
    /// Bound, and not listening.
    _held: TcpSocket,
}

impl Port {
    /// Takes the port of `address`, or a free one if it is 0.
    pub(crate) fn take(address: SocketAddr) -> Result<Self, SetupError> {
        let take = || {
            if address.port() != 0 {
                // Sockets of one user share a port without an error if all of them agree to.
                drop(std::net::TcpListener::bind(address)?);
            }
            let held = socket(address)?;
            held.bind(address)?;
            Ok((held.local_addr()?, held))
        };
        let (address, _held) = take().map_err(|source| SetupError::Listen { address, source })?;
        Ok(Self { address, _held })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens at it.
    pub(crate) fn listen(&self) -> Result<TcpListener, SetupError> {
        let address = self.address;
        let listen = || {
            let socket = socket(address)?;
            // Connections that are over do not keep the port from whoever takes it next.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        listen().map_err(|source| SetupError::Listen { address, source })
    }
}

/// One that shares its port with others of this kind.
fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseport(true)?;
    Ok(socket)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "whether a port listens is what is tested"
)]
mod tests {
    use std::net::TcpStream;

    use super::*;
    use crate::server::ANY_PORT;

    #[tokio::test]
    async fn it_refuses_while_nobody_listens_and_is_nobody_elses() {
        let port = Port::take(ANY_PORT).unwrap();
        let is_taken = || matches!(Port::take(port.address()), Err(SetupError::Listen { .. }));
        for _ in 0..2 {
            let refused = TcpStream::connect(port.address()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            assert!(is_taken());
            let listener = port.listen().unwrap();
            let _client = TcpStream::connect(port.address()).unwrap();
            listener.accept().await.unwrap();
            assert!(is_taken());
        }
    }
}
