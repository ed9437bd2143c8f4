//! The side of a proxy that faces the target.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

use super::record::TunnelTarget;

/// How a proxy finds and reaches targets.
#[derive(Debug, Clone, Default)]
pub(super) struct Egress {
    /// The address that outgoing sockets are bound to.
    pub(super) source: Option<IpAddr>,
    /// Names that this proxy knows. Port 0 stands for the port that was asked for.
    pub(super) hosts: HashMap<String, SocketAddr>,
}

/// Why a target was not reached.
#[derive(Debug)]
pub(super) enum Unreached {
    /// A name that is not in the proxy's table.
    UnknownHost,
    /// An address outside this machine that is not in the proxy's table either.
    Forbidden,
    /// The target did not take the connection.
    Io(io::Error),
}

impl Egress {
    /// Connects to `target`, without Nagle's algorithm.
    ///
    /// Names come from the table alone, so that a mistaken test asks no name server; `localhost`
    /// is always known. Addresses must be loopback ones, or in the table.
    pub(super) async fn connect(&self, target: &TunnelTarget) -> Result<TcpStream, Unreached> {
        let address = self.resolve(target)?;
        self.open(address).await.map_err(Unreached::Io)
    }

    fn resolve(&self, target: &TunnelTarget) -> Result<SocketAddr, Unreached> {
        match target {
            TunnelTarget::Name(name, port) => {
                let mut address = match self.hosts.get(&name.to_ascii_lowercase()) {
                    Some(address) => *address,
                    None if name.eq_ignore_ascii_case("localhost") => {
                        (Ipv4Addr::LOCALHOST, 0).into()
                    }
                    None => return Err(Unreached::UnknownHost),
                };
                if address.port() == 0 {
                    address.set_port(*port);
                }
                Ok(address)
            }
            TunnelTarget::Address(address) => {
                // By address alone: a client that looks a name up itself may know another port.
                let known = self.hosts.values().any(|host| host.ip() == address.ip());
                if known || address.ip().is_loopback() {
                    Ok(*address)
                } else {
                    Err(Unreached::Forbidden)
                }
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the far side of a proxy, not a client that must use one"
    )]
    async fn open(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        if let Some(source) = self.source {
            // All of 127.0.0.0/8 is this machine on Linux, so each proxy of a test can have an
            // address of its own, and an exchange can tell them apart as it would by their public
            // addresses.
            socket.bind((source, 0).into())?;
        }
        socket.set_nodelay(true)?;
        socket.connect(address).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress() -> Egress {
        let hosts = [
            ("a.test".to_owned(), ([127, 0, 0, 1], 0).into()),
            ("b.test".to_owned(), ([192, 0, 2, 7], 99).into()),
        ];
        Egress {
            source: None,
            hosts: hosts.into(),
        }
    }

    fn resolve(host: &str, port: u16) -> Option<String> {
        egress()
            .resolve(&TunnelTarget::new(host, port))
            .ok()
            .map(|address| address.to_string())
    }

    #[test]
    fn names_come_from_the_table_in_any_case_and_may_move_to_another_port() {
        assert_eq!(resolve("A.test", 5).unwrap(), "127.0.0.1:5");
        assert_eq!(resolve("b.test", 5).unwrap(), "192.0.2.7:99");
        assert_eq!(resolve("localhost", 5).unwrap(), "127.0.0.1:5");
        assert_eq!(resolve("c.test", 5), None);
    }

    #[test]
    fn only_loopback_addresses_and_those_of_the_table_are_reached() {
        assert_eq!(resolve("127.9.9.9", 5).unwrap(), "127.9.9.9:5");
        assert_eq!(resolve("[::1]", 5).unwrap(), "[::1]:5");
        assert_eq!(resolve("192.0.2.7", 5).unwrap(), "192.0.2.7:5");
        assert_eq!(resolve("192.0.2.8", 5), None);
    }
}
