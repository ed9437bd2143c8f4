//! The two protocols along the route of a scope.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response};
use proxy_config::{ProxySettings, Transport};
use proxy_resolve::RouteSource;
use rustls::ClientConfig;
use transport::{
    DialError, Dialer, HttpError, HttpTransport, Target, WebSocket, WsDialer, WsRequest,
};
use transport_http::HttpClient;
use transport_ws::{Hooks, WsClient};

use crate::decision::Way;
use crate::failover::connect;
use crate::followed::Followed;
use crate::scope::{Scope, destination};

/// A decided way out: what a protocol's client is made of.
pub(crate) struct Outlet {
    pub(crate) dialer: Arc<dyn Dialer>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) timeout: Duration,
    /// Whether it leads anywhere; if not, that may change.
    pub(crate) is_built: bool,
}

/// A REST session: requests reuse its connections, which are kept apart by the way that they take.
#[derive(Debug)]
pub struct HttpSession {
    scope: Scope,
    clients: Mutex<Clients>,
}

/// A client for each way that was taken under the settings that applied last.
#[derive(Debug)]
struct Clients {
    settings: Arc<ProxySettings>,
    by_way: HashMap<Way, Arc<HttpClient<Arc<dyn Dialer>>>>,
}

impl HttpSession {
    pub(crate) fn new(scope: Scope) -> Self {
        let clients = Clients {
            settings: scope.settings(),
            by_way: HashMap::new(),
        };
        Self {
            scope,
            clients: Mutex::new(clients),
        }
    }

    fn client(&self, way: Way, source: RouteSource) -> Arc<HttpClient<Arc<dyn Dialer>>> {
        let settings = self.scope.settings();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&clients.settings, &settings) {
            clients.by_way.clear();
            clients.settings = settings;
        }
        if let Some(client) = clients.by_way.get(&way) {
            return Arc::clone(client);
        }
        let outlet = self.scope.outlet(Transport::Http, &way, source);
        let client = Arc::new(HttpClient::new(outlet.dialer, outlet.tls, outlet.timeout));
        if outlet.is_built {
            clients.by_way.insert(way, Arc::clone(&client));
        }
        client
    }
}

#[async_trait]
impl HttpTransport for HttpSession {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let target = Target::from_uri(request.uri())?;
        let is_tls = request.uri().scheme() == Some(&Scheme::HTTPS);
        let decision = self
            .scope
            .resolve_for(Transport::Http, &destination(&target, is_tls));
        let (response, _taken) = connect(self.scope.mechanism(), &decision, None, |way, left| {
            let client = self.client(way, decision.source());
            let request = request.clone();
            async move {
                match left {
                    Some(left) => client.send_within(request, left).await,
                    None => client.send(request).await,
                }
            }
        })
        .await?;
        Ok(response)
    }
}

/// Opens the WebSocket connections of a scope, each along the route that applies at that time.
#[derive(Debug, Clone)]
pub struct WsSession {
    scope: Scope,
    hooks: Hooks,
}

impl WsSession {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            hooks: Hooks::default(),
        }
    }

    /// Adds `hooks` to every connection.
    #[must_use]
    pub fn with_hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }
}

#[async_trait]
impl WsDialer for WsSession {
    async fn dial(&self, request: WsRequest) -> Result<WebSocket, DialError> {
        let target = request.target().clone();
        let is_tls = request.is_secure();
        let decision = self
            .scope
            .resolve_for(Transport::WebSocket, &destination(&target, is_tls));
        let (socket, taken) = connect(self.scope.mechanism(), &decision, None, |way, left| {
            let outlet = self
                .scope
                .outlet(Transport::WebSocket, &way, decision.source());
            let timeout = left.unwrap_or(outlet.timeout);
            let client = WsClient::new(outlet.dialer, outlet.tls, timeout);
            let client = client.with_hooks(self.hooks.clone());
            let request = request.clone();
            async move { client.dial(request).await }
        })
        .await?;
        let another_way = self.scope.until_another_way(target, is_tls, taken.way);
        Ok(Followed::until(socket, taken.lease, another_way))
    }
}
