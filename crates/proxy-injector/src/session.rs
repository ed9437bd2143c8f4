//! The two protocols along the route of a scope.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use proxy_config::Transport;
use rustls::ClientConfig;
use transport::{DialError, Dialer, HttpError, HttpTransport, WebSocket, WsDialer, WsRequest};
use transport_http::HttpClient;
use transport_ws::{Authenticator, FrameObserver, WsClient};

use crate::decision::Decision;
use crate::followed::Followed;
use crate::scope::Scope;

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

    fn client(&self) -> Arc<HttpClient<Arc<dyn Dialer>>> {
        let decision = self.scope.resolve(Transport::Http);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(current) if current.decision == decision => Arc::clone(&current.client),
            _ => {
                let outlet = self.scope.outlet(Transport::Http, &decision);
                let client = HttpClient::new(outlet.dialer, outlet.tls, outlet.timeout);
                let client = Arc::new(client);
                *current = Some(Current {
                    decision,
                    client: Arc::clone(&client),
                });
                client
            }
        }
    }
}

#[async_trait]
impl HttpTransport for HttpSession {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.client().send(request).await
    }
}

/// Opens the WebSocket connections of a scope, each along the route that applies at that time.
#[derive(Clone)]
pub struct WsSession {
    scope: Scope,
    authenticator: Option<Arc<dyn Authenticator>>,
    observer: Option<Arc<dyn FrameObserver>>,
}

impl WsSession {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            authenticator: None,
            observer: None,
        }
    }

    /// Lets `authenticator` prepare the request of every connection.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// Shows every frame that arrives to `observer`.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn FrameObserver>) -> Self {
        self.observer = Some(observer);
        self
    }
}

impl fmt::Debug for WsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsSession")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl WsDialer for WsSession {
    async fn dial(&self, request: WsRequest) -> Result<WebSocket, DialError> {
        let decision = self.scope.resolve(Transport::WebSocket);
        let outlet = self.scope.outlet(Transport::WebSocket, &decision);
        let mut client = WsClient::new(outlet.dialer, outlet.tls, outlet.timeout);
        if let Some(authenticator) = &self.authenticator {
            client = client.with_authenticator(Arc::clone(authenticator));
        }
        if let Some(observer) = &self.observer {
            client = client.with_observer(Arc::clone(observer));
        }
        let socket = client.dial(request).await?;
        let another_way = self.scope.until_another_way(Transport::WebSocket, decision);
        Ok(Followed::until(socket, another_way))
    }
}
