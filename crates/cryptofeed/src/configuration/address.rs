//! The addresses of feeds.

use std::fmt;

use feeds::{Exchange, RequestIds};
use proxy_config::{Destination, Transport};
use transport::{Hop, Target};

/// The address of an exchange's REST or WebSocket.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    target: Target,
    is_tls: bool,
}

impl Address {
    /// The address of the requests of `exchange`.
    pub(super) fn of(exchange: &dyn Exchange, transport: Transport) -> Option<Self> {
        match transport {
            Transport::Http => {
                let request = exchange.metadata_request().ok()?;
                Some(Self {
                    target: Target::from_http_uri(request.uri()).ok()?,
                    is_tls: request.uri().scheme_str() == Some("https"),
                })
            }
            Transport::WebSocket => {
                let request = exchange.plan(&[], &mut RequestIds::default()).ok()?.socket;
                Some(Self {
                    target: request.target().clone(),
                    is_tls: request.is_secure(),
                })
            }
        }
    }

    /// The address as the last hop of a connection.
    pub(crate) fn hop(&self) -> Hop {
        Hop::Target(self.target.endpoint().clone())
    }

    /// The address as a destination, for rules that depend on it.
    pub(crate) fn destination(&self) -> Destination<'_> {
        let (host, port) = (self.target.host(), self.target.port());
        if self.is_tls {
            Destination::tls(host, port)
        } else {
            Destination::plain(host, port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}
