//! The final destination of a connection.

use url::Host;

/// The final destination of a connection, as far as the choice of a proxy can depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination<'a> {
    is_tls: bool,
    host: &'a Host,
    port: u16,
}

impl<'a> Destination<'a> {
    /// The destination of an `https` or `wss` URL.
    #[must_use]
    pub fn tls(host: &'a Host, port: u16) -> Self {
        Self {
            is_tls: true,
            host,
            port,
        }
    }

    /// The destination of an `http` or `ws` URL.
    #[must_use]
    pub fn plain(host: &'a Host, port: u16) -> Self {
        Self {
            is_tls: false,
            host,
            port,
        }
    }

    /// Whether the connection uses TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Its host: a name in ASCII and lower case, or an address.
    #[must_use]
    pub fn host(&self) -> &'a Host {
        self.host
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}
