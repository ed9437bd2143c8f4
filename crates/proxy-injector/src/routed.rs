//! Dials only on a route that the settings allow.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use proxy_config::Exit;
use transport::{Connection, DialError, Dialer, Phase, Target};

use crate::injector::ProxyInjector;
use crate::live::{LiveConnection, Revocation};
use crate::pool::Lease;
use crate::query::RouteQuery;
use crate::revocable::route_changed;

/// A dialer by one exit. A reload that changes the route ends its dials and
/// its connections with [`RouteChanged`](transport::DialErrorKind::RouteChanged).
pub(crate) struct RoutedDialer {
    pub(crate) injector: Arc<ProxyInjector>,
    pub(crate) query: RouteQuery,
    pub(crate) exit: Exit,
    pub(crate) inner: Arc<dyn Dialer>,
    pub(crate) revocation: Revocation,
    /// The first connection that it has made.
    // Only the first: a dialer that gets a lease is made for one connection.
    pub(crate) opened: OnceLock<Arc<LiveConnection>>,
}

impl RoutedDialer {
    /// Keeps `lease` with the connection that it has made.
    pub(crate) fn hold(&self, lease: Option<Lease>) {
        if let Some(opened) = self.opened.get() {
            opened.hold(lease);
        }
    }

    /// The query with `target`, if the route depends on the destination.
    fn query_for(&self, target: &Target) -> RouteQuery {
        let mut query = self.query.clone();
        if let Some((endpoint, _)) = &mut query.destination {
            endpoint.clone_from(target.endpoint());
        }
        query
    }
}

#[async_trait]
impl Dialer for RoutedDialer {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let query = self.query_for(target);
        let connection = tokio::select! {
            // In this order, so that nothing is opened after the route has changed.
            biased;
            () = self.injector.until_not_allowed(&query, &self.exit) => None,
            connection = self.inner.dial(target) => Some(connection?),
        };
        let exit = self.exit.clone();
        let admitted = connection.and_then(|connection| {
            self.injector
                .admit(connection, target.endpoint(), query, exit, self.revocation)
        });
        let Some((connection, live)) = admitted else {
            return Err(route_changed(target.endpoint(), Phase::Route));
        };
        let _ = self.opened.set(live);
        Ok(connection)
    }
}
