//! The two protocols along the route of a scope.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::Scheme;
use http::{Method, Request, Response};
use proxy_config::Transport;
use proxy_resolve::RouteSource;
use rustls::ClientConfig;
use transport::{
    DialError, DialErrorKind, HttpError, HttpTransport, Phase, Reloads, Target, WebSocket,
    WsDialer, WsRequest,
};
use transport_http::HttpClient;
use transport_ws::{Hooks, WsClient};

use crate::close_on_reroute::CloseOnReroute;
use crate::decision::Way;
use crate::failover::connect;
use crate::live::Revocation;
use crate::query::RouteQuery;
use crate::routed::RoutedDialer;
use crate::scope::Scope;

/// A decided way out: what a protocol's client is made of.
pub(crate) struct Outlet {
    pub(crate) dialer: Arc<RoutedDialer>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) timeout: Duration,
    /// Whether it leads anywhere; if not, that may change.
    pub(crate) is_built: bool,
}

/// A REST session: requests reuse its connections, which are kept apart by the way that they take.
#[derive(Debug)]
pub struct HttpSession {
    scope: Scope,
    clients: Arc<Mutex<Clients>>,
}

/// A client for each way, with TLS to the exchange or without, that was taken since the last reload.
pub(crate) type Clients = HashMap<(Way, bool), Arc<HttpClient<Arc<RoutedDialer>>>>;

impl HttpSession {
    pub(crate) fn new(scope: Scope) -> Self {
        let clients = Arc::default();
        scope.injector().forget_at_reload(&clients);
        Self { scope, clients }
    }

    fn client(
        &self,
        query: &RouteQuery,
        way: Way,
        source: RouteSource,
    ) -> Arc<HttpClient<Arc<RoutedDialer>>> {
        let is_tls = matches!(query.destination, Some((_, true)));
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(way.clone(), is_tls)) {
            return Arc::clone(client);
        }
        let revocation = Revocation::StopSending;
        let outlet = self.scope.outlet(query, way.clone(), source, revocation);
        let client = Arc::new(HttpClient::new(outlet.dialer, outlet.tls, outlet.timeout));
        if outlet.is_built {
            clients.insert((way, is_tls), Arc::clone(&client));
        }
        client
    }

    async fn send_once(
        &self,
        query: &RouteQuery,
        target: &Target,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, HttpError> {
        let decision = query.decide(&self.scope.settings());
        let (response, _lease) = connect(
            self.scope.mechanism(),
            &decision,
            target.endpoint(),
            None,
            |way, left| {
                let client = self.client(query, way, decision.source());
                let request = request.clone();
                async move {
                    match left {
                        Some(left) => client.send_within(request, left).await,
                        None => client.send(request).await,
                    }
                }
            },
        )
        .await?;
        Ok(response)
    }
}

#[async_trait]
impl HttpTransport for HttpSession {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let target = Target::from_uri(request.uri())?;
        let is_tls = request.uri().scheme() == Some(&Scheme::HTTPS);
        let query = self.scope.query_for(Transport::Http, &target, is_tls);
        loop {
            match self.send_once(&query, &target, &request).await {
                Err(error) if is_unsent(&error, request.method()) => {}
                outcome => return outcome,
            }
        }
    }

    fn reloads(&self) -> Reloads {
        self.scope.reloads(Transport::Http)
    }
}

/// Whether the request can be sent along the new route: nothing of it has been sent along the old
/// one, or it may be sent twice (RFC 9110, section 9.2.2).
fn is_unsent(error: &HttpError, method: &Method) -> bool {
    DialError::find(error).is_some_and(|error| {
        error.kind() == DialErrorKind::RouteChanged
            && (error.phase() == Phase::Route || method.is_idempotent())
    })
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

impl WsSession {
    async fn dial_once(&self, request: &WsRequest) -> Result<WebSocket, DialError> {
        let (target, is_tls) = (request.target(), request.is_secure());
        let query = self.scope.query_for(Transport::WebSocket, target, is_tls);
        let decision = query.decide(&self.scope.settings());
        let source = decision.source();
        let ((socket, dialer), lease) = connect(
            self.scope.mechanism(),
            &decision,
            target.endpoint(),
            None,
            |way, left| {
                let outlet = self.scope.outlet(&query, way, source, Revocation::Close);
                let timeout = left.unwrap_or(outlet.timeout);
                let client = WsClient::new(Arc::clone(&outlet.dialer), outlet.tls, timeout)
                    .with_hooks(self.hooks.clone().without_authenticator());
                let request = request.clone();
                async move {
                    let socket = client.dial(request).await?;
                    Ok::<_, DialError>((socket, outlet.dialer))
                }
            },
        )
        .await?;
        dialer.hold(lease);
        match dialer.opened.get() {
            Some(live) => Ok(CloseOnReroute::wrap(socket, Arc::clone(live))),
            // Whoever answers without a connection has no route that could change.
            None => Ok(socket),
        }
    }

    /// How long a dial to where `request` goes may take.
    fn timeout(&self, request: &WsRequest) -> Duration {
        let (target, is_tls) = (request.target(), request.is_secure());
        let query = self.scope.query_for(Transport::WebSocket, target, is_tls);
        query.decide(&self.scope.settings()).timeout()
    }
}

#[async_trait]
impl WsDialer for WsSession {
    /// The hooks prepare the request first, so that the route is that of where it goes then.
    async fn dial(&self, mut request: WsRequest) -> Result<WebSocket, DialError> {
        let budget = request.target().clone().within(self.timeout(&request));
        self.hooks.prepare(&mut request, &budget).await?;
        loop {
            match self.dial_once(&request).await {
                // The next look at the settings gives another route.
                Err(error) if error.kind() == DialErrorKind::RouteChanged => {}
                outcome => return outcome,
            }
        }
    }

    fn reloads(&self) -> Reloads {
        self.scope.reloads(Transport::WebSocket)
    }
}
