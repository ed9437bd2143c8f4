//! The two protocols along the route of a scope.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use proxy_config::Transport;
use rustls::ClientConfig;
use transport::{
    DialError, Dialer, HttpError, HttpTransport, InvalidTarget, Target, WebSocket, WsDialer,
    WsRequest,
};
use transport_http::HttpClient;
use transport_ws::{Hooks, WsClient};

use crate::decision::Decision;
use crate::followed::Followed;
use crate::scope::{Scope, destination};

/// A decided way out: what a protocol's client is made of.
pub(crate) struct Outlet {
    pub(crate) dialer: Arc<dyn Dialer>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) timeout: Duration,
}

/// A REST session: requests reuse its connections, and all of them take the same route, until new
/// settings give it another.
#[derive(Debug)]
pub struct HttpSession {
    scope: Scope,
    current: Mutex<Option<Current>>,
}

/// The client of the route that applied last.
#[derive(Debug)]
struct Current {
    decision: Decision,
    client: Arc<HttpClient<Arc<dyn Dialer>>>,
}

impl HttpSession {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            current: Mutex::default(),
        }
    }

    fn client_for(&self, uri: &Uri) -> Result<Arc<HttpClient<Arc<dyn Dialer>>>, InvalidTarget> {
        let target = Target::from_uri(uri)?;
        let destination = destination(&target, uri.scheme() == Some(&Scheme::HTTPS));
        let decision = self.scope.resolve_for(Transport::Http, &destination);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = &*current
            && current.decision == decision
        {
            return Ok(Arc::clone(&current.client));
        }
        let outlet = self.scope.outlet(Transport::Http, &decision);
        let client = Arc::new(HttpClient::new(outlet.dialer, outlet.tls, outlet.timeout));
        *current = Some(Current {
            decision,
            client: Arc::clone(&client),
        });
        Ok(client)
    }
}

#[async_trait]
impl HttpTransport for HttpSession {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.client_for(request.uri())?.send(request).await
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
        let outlet = self.scope.outlet(Transport::WebSocket, &decision);
        let client =
            WsClient::new(outlet.dialer, outlet.tls, outlet.timeout).with_hooks(self.hooks.clone());
        let socket = client.dial(request).await?;
        let another_way = self.scope.until_another_way(target, is_tls, decision);
        Ok(Followed::until(socket, another_way))
    }
}
