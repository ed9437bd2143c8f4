//! Whose connections they are and where they go: what a route is looked up by.

use proxy_config::{Destination, ExchangeId, Exit, ProxyConfig, ProxySettings, Transport};
use proxy_resolve::{Resolution, resolve};
use transport::Endpoint;

use crate::exits::allows;

/// What a route is looked up by. It is kept with a connection, so that the route can be looked up
/// again.
#[derive(Debug, Clone)]
pub(crate) struct RouteQuery {
    pub(crate) exchange: Option<ExchangeId>,
    pub(crate) legacy: Option<ProxyConfig>,
    pub(crate) transport: Transport,
    /// Where the connection goes, and whether by TLS. If it is not known, nothing is exempt.
    pub(crate) destination: Option<(Endpoint, bool)>,
}

impl RouteQuery {
    /// What `settings` say.
    pub(crate) fn resolve(&self, settings: &ProxySettings) -> Resolution {
        let (exchange, legacy) = (self.exchange.as_ref(), self.legacy.as_ref());
        let destination = self.destination.as_ref().map(|(endpoint, is_tls)| {
            let (host, port) = (endpoint.host(), endpoint.port());
            match is_tls {
                true => Destination::tls(host, port),
                false => Destination::plain(host, port),
            }
        });
        resolve(
            settings,
            exchange,
            self.transport,
            legacy,
            destination.as_ref(),
        )
    }

    /// Whether a connection may take `exit` under `settings`.
    pub(crate) fn allows(&self, exit: &Exit, settings: &ProxySettings) -> bool {
        allows(self.resolve(settings).route(), exit)
    }
}
