//! The routes of connections, logged before the first connection.

use std::sync::Arc;

use proxy_config::{ExchangeId, Transport};
use proxy_injector::{ProxyInjector, RouteChange, RouteOwner};

use crate::configuration::{Address, ConfiguredFeed};

/// The connections that feeds make.
#[derive(Debug)]
pub(super) struct Routes(Vec<(ExchangeId, Transport, Address)>);

impl Routes {
    /// The connections of `feeds`.
    pub(super) fn of(feeds: &[ConfiguredFeed]) -> Self {
        let routes = feeds.iter().flat_map(|feed| {
            Transport::ALL.into_iter().filter_map(|transport| {
                let address = feed.exchange.address(transport)?;
                Some((feed.id.clone(), transport, address))
            })
        });
        Self(routes.collect())
    }

    /// Logs the route of each connection and its source. If proxies are configured, a direct route
    /// is a warning. For a route in `changes` that lost its proxy, the reload has logged that
    /// already.
    pub(super) fn announce(&self, injector: &Arc<ProxyInjector>, changes: &[RouteChange]) {
        let has_proxy = injector.settings().has_proxy();
        for (exchange, transport, address) in &self.0 {
            let is_told = |change: &RouteChange| {
                change.exposes()
                    && change.transport() == *transport
                    && *change.owner() == RouteOwner::Exchange(exchange.clone())
            };
            let scope = injector.exchange(exchange.clone());
            let resolution = scope.resolve_for(*transport, &address.destination());
            let (route, source) = (resolution.route(), resolution.source());
            if route.may_be_direct() && has_proxy && !changes.iter().any(is_told) {
                tracing::warn!(%exchange, %transport, %route, %source, "route bypasses the proxies");
            } else {
                tracing::info!(%exchange, %transport, %route, %source, "route");
            }
        }
    }
}
