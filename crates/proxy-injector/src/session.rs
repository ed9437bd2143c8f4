//! The two protocols along the route of a scope.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode};
use parking_lot::Mutex;
use proxy_config::{Exit, ProxySettings, Transport};
use proxy_resolve::{Route, RouteSource};
use transport::{
    Affinity, DialError, DialErrorKind, Dialer, Draws, HttpError, HttpTransport, Phase, Reloads,
    Reply, ResponseLimits, Target, WebSocket, WsDialer, WsRequest, retry_after,
};
use transport_http::{DialerConnector, HttpClient};
use transport_tls::TlsDialer;
use transport_ws::{Hooks, WsClient};

use crate::admission::Applicant;
use crate::clients::{Client, Clients};
use crate::close_on_reroute::CloseOnReroute;
use crate::dial_span::SpannedDialer;
use crate::dialer_factory::timeout;
use crate::dials::WatchedDialer;
use crate::failover::connect;
use crate::live::Revocation;
use crate::metrics::count_frames;
use crate::query::RouteQuery;
use crate::scope::Scope;

/// A REST session: requests reuse its connections, which are kept apart by the exit that they take.
///
/// A request that says what it [uses](Draws) of the exchange's budgets waits until its exit has as
/// much: after whoever came first, for as long as the caller does, and not in the time for the
/// answer. All sessions of an injector share the budgets, and reloads keep them.
///
/// A clone shares the connections of the session that it is of.
#[derive(Debug, Clone)]
pub struct HttpSession {
    scope: Scope,
    clients: Arc<Mutex<Clients>>,
    limits: ResponseLimits,
}

impl HttpSession {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            clients: new_clients(&scope),
            scope,
            limits: ResponseLimits::default(),
        }
    }

    /// As [`HttpClient::with_limits`]. The session begins with no connections.
    #[must_use]
    pub fn with_limits(mut self, limits: ResponseLimits) -> Self {
        self.limits = limits;
        self.clients = new_clients(&self.scope);
        self
    }

    /// Calls `keep`, unless the settings have changed and what it keeps would be outdated.
    fn keep<T>(
        &self,
        settings: &Arc<ProxySettings>,
        keep: impl FnOnce(&mut Clients) -> T,
    ) -> Option<T> {
        let mut clients = self.clients.lock();
        // With the lock: a reload replaces the settings first, and then takes it to forget all.
        self.scope.is_current(settings).then(|| keep(&mut clients))
    }

    /// The client that uses `exit`, and whether it is kept.
    fn client(
        &self,
        settings: &Arc<ProxySettings>,
        query: &RouteQuery,
        exit: Exit,
        source: RouteSource,
    ) -> (Arc<Client>, bool) {
        let is_tls = matches!(query.destination, Some((_, true)));
        if let Some(client) = self.clients.lock().get(&exit, is_tls) {
            return (client, true);
        }
        let stack = self.scope.stack(Transport::Http, &exit, source);
        // With TLS inside, what is sent over a connection are requests, and nothing else.
        let inner: Arc<dyn Dialer> = if is_tls {
            Arc::new(TlsDialer::new(stack.dialer, stack.tls))
        } else {
            stack.dialer
        };
        let traced = SpannedDialer {
            span: self.scope.span(Transport::Http, &exit, source),
            inner,
        };
        let watched = WatchedDialer {
            dialing: self.scope.dialing(Transport::Http, &exit),
            inner: Arc::new(traced),
        };
        let revocation = Revocation::StopSending;
        let dialer = self
            .scope
            .routed(query, exit.clone(), Arc::new(watched), revocation);
        let connector = DialerConnector::without_tls(dialer, stack.timeout);
        let client = Arc::new(Client {
            http: HttpClient::over(connector).with_limits(self.limits),
            meter: self.scope.request_meter(&exit),
        });
        if !stack.is_kept {
            return (client, false);
        }
        match self.keep(settings, |clients| {
            clients.add(exit, is_tls, Arc::clone(&client))
        }) {
            Some(shared) => (shared, true),
            None => (client, false),
        }
    }

    /// Looks the route up, and sends `request` along it.
    async fn send_once(
        &self,
        settings: &Arc<ProxySettings>,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, HttpError> {
        let target = Target::from_uri(request.uri())?;
        let is_tls = request.uri().scheme() == Some(&Scheme::HTTPS);
        let query = self.scope.query_for(Transport::Http, &target, is_tls);
        let resolution = query.resolve(settings);
        let draws = Draws::of(request.extensions());
        let affinity = Affinity::of(request.extensions());
        let applicant = self.scope.applicant(&query, draws, affinity);
        let is_only_way = !matches!(resolution.route(), Route::Pool(_));
        let (response, lease) = connect(
            applicant,
            resolution.route(),
            target.endpoint(),
            None,
            |exit, left| {
                let source = resolution.source();
                let (client, is_kept) = self.client(settings, &query, exit.clone(), source);
                if is_only_way && is_kept {
                    self.keep(settings, |clients| {
                        clients.remember(request.uri(), settings, &client);
                    });
                }
                let request = request.clone();
                async move {
                    let left = left.unwrap_or(Duration::MAX);
                    let response = client.send_within(request, left).await?;
                    applicant.correct(&exit, response.headers());
                    if response.status() == StatusCode::IM_A_TEAPOT {
                        let wait = retry_after(response.headers());
                        applicant.banned(&exit, wait);
                    }
                    Ok::<_, HttpError>(response)
                }
            },
        )
        .await?;
        if let Some(lease) = lease {
            let wait = retry_after(response.headers());
            lease.answered(query.exchange.as_ref(), response.status().as_u16(), wait);
        }
        Ok(response)
    }
}

impl HttpTransport for HttpSession {
    // Written out, `async_trait` would keep the request in the future twice.
    fn send<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> BoxFuture<'b, Result<Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            loop {
                let settings = self.scope.settings();
                let known = match Draws::of(request.extensions()).is_empty() {
                    true => self.clients.lock().recall(request.uri(), &settings),
                    // It is admitted to an exit, which only the route knows.
                    false => None,
                };
                let outcome = match known {
                    Some(client) => client.send_within(request.clone(), Duration::MAX).await,
                    None => Box::pin(self.send_once(&settings, &request)).await,
                };
                match outcome {
                    Err(error)
                        if is_unsent(&error, request.method())
                            && !self.scope.is_current(&settings) => {}
                    outcome => return outcome,
                }
            }
        })
    }

    fn reloads(&self) -> Reloads {
        self.scope.reloads(Transport::Http)
    }
}

/// Whether the exchange has refused the upgrade by 418: it has banned the egress.
fn is_ban(error: &DialError) -> bool {
    let status = error.reply().and_then(Reply::status);
    !error.hop().is_proxy() && status == Some(StatusCode::IM_A_TEAPOT.as_u16())
}

/// No clients yet, which a reload will forget.
fn new_clients(scope: &Scope) -> Arc<Mutex<Clients>> {
    let clients = Arc::default();
    scope.injector().forget_at_reload(&clients);
    clients
}

/// Whether the request can be sent along the new route: nothing has been sent along the old one, or it
/// may be sent twice (RFC 9110, section 9.2.2).
fn is_unsent(error: &HttpError, method: &Method) -> bool {
    DialError::find(error).is_some_and(|error| {
        error.kind() == DialErrorKind::RouteChanged
            && (error.phase() == Phase::Route || method.is_idempotent())
    })
}

/// Opens the WebSocket connections of a scope, each along the route that applies at that time.
///
/// Every attempt of a dial that says what it [uses](WsRequest::draws) of the exchange's budgets waits as
/// the requests of an [`HttpSession`] do, and its time begins after that. Also an attempt that fails
/// uses it, unless it ended before the exchange could see it.
#[derive(Debug, Clone)]
pub struct WsSession {
    scope: Scope,
    hooks: Hooks,
    max_message: Option<usize>,
}

impl WsSession {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            hooks: Hooks::default(),
            max_message: None,
        }
    }

    /// Adds `hooks` to every connection.
    #[must_use]
    pub fn with_hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// As [`WsClient::with_max_message`].
    #[must_use]
    pub fn with_max_message(mut self, bytes: usize) -> Self {
        self.max_message = Some(bytes);
        self
    }
}

impl WsSession {
    async fn dial_once(
        &self,
        request: &WsRequest,
        settings: &ProxySettings,
    ) -> Result<WebSocket, DialError> {
        let (target, is_tls) = (request.target(), request.is_secure());
        let query = self.scope.query_for(Transport::WebSocket, target, is_tls);
        let resolution = query.resolve(settings);
        let source = resolution.source();
        let affinity = request.affinity.as_ref().map(Affinity::as_str);
        let applicant = Applicant {
            apart_from: &request.apart_from,
            ..self.scope.applicant(&query, &request.draws, affinity)
        };
        let ((socket, dialer), lease) = connect(
            applicant,
            resolution.route(),
            target.endpoint(),
            None,
            |exit, left| {
                let stack = self.scope.stack(Transport::WebSocket, &exit, source);
                let dialing = self.scope.dialing(Transport::WebSocket, &exit);
                let span = self.scope.span(Transport::WebSocket, &exit, source);
                let left_by = exit.clone();
                let dialer = self
                    .scope
                    .routed(&query, exit, stack.dialer, Revocation::Close);
                let timeout = left.unwrap_or(stack.timeout);
                let hooks = self.hooks.clone().without_authenticator();
                let hooks = count_frames(hooks, query.exchange.as_ref());
                let mut client =
                    WsClient::new(Arc::clone(&dialer), stack.tls, timeout).with_hooks(hooks);
                if let Some(bytes) = self.max_message {
                    client = client.with_max_message(bytes);
                }
                let request = request.clone();
                async move {
                    let target = request.target().endpoint().clone();
                    let dial = client.dial(request);
                    let dial = span.around(&target, WebSocket::info, dial);
                    let dialed = dialing.watch(dial).await;
                    if let Err(error) = &dialed
                        && is_ban(error)
                    {
                        applicant.banned(&left_by, error.retry_after());
                    }
                    Ok::<_, DialError>((dialed?, dialer))
                }
            },
        )
        .await?;
        if let Some(lease) = &lease {
            let status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
            lease.answered(query.exchange.as_ref(), status, None);
        }
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
        timeout(query.resolve(&self.scope.settings()).route())
    }
}

#[async_trait]
impl WsDialer for WsSession {
    /// The hooks prepare the request first, so that the route is that of where it goes then.
    async fn dial(&self, mut request: WsRequest) -> Result<WebSocket, DialError> {
        let budget = request.target().clone().within(self.timeout(&request));
        self.hooks.prepare(&mut request, &budget).await?;
        loop {
            let settings = self.scope.settings();
            match self.dial_once(&request, &settings).await {
                // The next look at the settings gives another route.
                Err(error) if self.scope.has_moved(&error, &settings) => {}
                outcome => return outcome,
            }
        }
    }

    fn reloads(&self) -> Reloads {
        self.scope.reloads(Transport::WebSocket)
    }
}
