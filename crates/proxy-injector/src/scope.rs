//! Whose connections they are.

use std::sync::{Arc, OnceLock};

use futures_util::stream;
use proxy_config::{Destination, ExchangeId, Exit, ProxyConfig, ProxySettings, Transport};
use proxy_resolve::{Resolution, RouteSource, resolve};
use transport::{DialError, DialErrorKind, Dialer, Draws, Reload, Reloads, Target};

use crate::admission::Applicant;
use crate::dial_span::DialSpan;
use crate::dialer::ScopeDialer;
use crate::dialer_factory::RouteStack;
use crate::dials::Dialing;
use crate::exits::Exits;
use crate::injector::ProxyInjector;
use crate::live::Revocation;
use crate::logged_dialer::LoggedDialer;
use crate::metrics::RequestMeter;
use crate::query::RouteQuery;
use crate::routed::RoutedDialer;
use crate::session::{HttpSession, WsSession};

/// Whose connections they are: those of one exchange, or of nobody in particular.
#[derive(Debug, Clone)]
pub struct Scope {
    injector: Arc<ProxyInjector>,
    exchange: Option<ExchangeId>,
    legacy: Option<ProxyConfig>,
}

impl Scope {
    pub(crate) fn new(injector: Arc<ProxyInjector>, exchange: Option<ExchangeId>) -> Self {
        Self {
            injector,
            exchange,
            legacy: None,
        }
    }

    /// The same scope with a proxy to use where the settings have no say: they are disabled, or no
    /// rule of theirs applies.
    #[must_use]
    pub fn with_legacy(mut self, proxy: ProxyConfig) -> Self {
        self.legacy = Some(proxy);
        self
    }

    /// Which route connections of `transport` take now, and why.
    #[must_use]
    pub fn resolve(&self, transport: Transport) -> Resolution {
        self.query(transport).resolve(&self.injector.settings())
    }

    /// Which route connections of `transport` take now to one destination. It makes a difference only
    /// where the settings leave it to the environment's proxies.
    #[must_use]
    pub fn resolve_for(&self, transport: Transport, destination: &Destination<'_>) -> Resolution {
        resolve(
            &self.injector.settings(),
            self.exchange.as_ref(),
            transport,
            self.legacy.as_ref(),
            Some(destination),
        )
    }

    /// A byte-stream dialer for `transport`. Every dial takes the route that applies at that time
    /// to destinations that nothing exempts. A connection whose route a reload changes fails with
    /// [`RouteChanged`](transport::DialErrorKind::RouteChanged).
    #[must_use]
    pub fn dialer(&self, transport: Transport) -> Arc<dyn Dialer> {
        Arc::new(ScopeDialer {
            scope: self.clone(),
            transport,
        })
    }

    /// A REST session. It keeps its connections alive, and each request takes the route that
    /// applies at that time.
    #[must_use]
    pub fn http(&self) -> HttpSession {
        HttpSession::new(self.clone())
    }

    /// A WebSocket dialer. It looks the route up anew for every connection.
    #[must_use]
    pub fn websocket(&self) -> WsSession {
        WsSession::new(self.clone())
    }

    /// What the route of a connection of `transport` is looked up by, wherever it goes.
    pub(crate) fn query(&self, transport: Transport) -> RouteQuery {
        RouteQuery {
            exchange: self.exchange.clone(),
            legacy: self.legacy.clone(),
            transport,
            destination: None,
        }
    }

    /// What the route of a connection of `transport` to `target` is looked up by.
    pub(crate) fn query_for(
        &self,
        transport: Transport,
        target: &Target,
        is_tls: bool,
    ) -> RouteQuery {
        RouteQuery {
            destination: Some((target.endpoint().clone(), is_tls)),
            ..self.query(transport)
        }
    }

    /// What connections by `exit` are made of, which `source` is the reason for: a dialer that logs what it opens, and what goes with it.
    pub(crate) fn stack(
        &self,
        transport: Transport,
        exit: &Exit,
        source: RouteSource,
    ) -> RouteStack {
        let exchange = self.exchange.as_ref();
        let factory = self.injector.factory();
        let stack = factory.stack(exchange, transport, exit);
        let opened = LoggedDialer {
            inner: stack.dialer,
            transport,
            exchange: self.exchange.clone(),
            exit: exit.clone(),
            source,
            exhaustion: self.injector.exhaustion(),
            patience: factory.patience(exit),
        };
        RouteStack {
            dialer: Arc::new(opened),
            ..stack
        }
    }

    /// What a dial of `transport` by `exit` is traced as.
    pub(crate) fn span(&self, transport: Transport, exit: &Exit, source: RouteSource) -> DialSpan {
        DialSpan {
            transport,
            exchange: self.exchange.clone(),
            exit: exit.clone(),
            source,
        }
    }

    /// `inner`, which takes `exit`, for as long as `query` is answered by that.
    pub(crate) fn routed(
        &self,
        query: &RouteQuery,
        exit: Exit,
        inner: Arc<dyn Dialer>,
        revocation: Revocation,
    ) -> Arc<RoutedDialer> {
        Arc::new(RoutedDialer {
            injector: Arc::clone(&self.injector),
            query: query.clone(),
            exit,
            inner,
            revocation,
            opened: OnceLock::new(),
        })
    }

    /// Every reload, and whether connections of `transport` take another route since.
    pub(crate) fn reloads(&self, transport: Transport) -> Reloads {
        let query = self.query(transport);
        let mut watched = self.injector.watch();
        let exits = Exits::of(query.resolve(&watched.borrow_and_update()).route());
        let news = stream::unfold((watched, exits), move |(mut watched, before)| {
            let query = query.clone();
            async move {
                watched.changed().await.ok()?;
                let after = Exits::of(query.resolve(&watched.borrow_and_update()).route());
                let reload = match after == before {
                    true => Reload::SameRoute,
                    false => Reload::OtherRoute,
                };
                Some((reload, (watched, after)))
            }
        });
        Box::pin(news)
    }

    /// What is admitted to the ways that answer `query`, and uses `draws` there.
    pub(crate) fn applicant<'a>(
        &'a self,
        query: &'a RouteQuery,
        draws: &'a Draws,
        affinity: Option<&'a str>,
    ) -> Applicant<'a> {
        Applicant {
            injector: &self.injector,
            query,
            draws,
            affinity,
            apart_from: &[],
        }
    }

    /// Dials of `transport` by `exit`, which are counted.
    pub(crate) fn dialing(&self, transport: Transport, exit: &Exit) -> Dialing {
        let dials = self.injector.dials();
        dials.dialing(self.exchange.as_ref(), transport, exit)
    }

    /// What measures REST requests by `exit`.
    pub(crate) fn request_meter(&self, exit: &Exit) -> RequestMeter {
        self.injector
            .dials()
            .request_meter(self.exchange.as_ref(), exit)
    }

    pub(crate) fn settings(&self) -> Arc<ProxySettings> {
        self.injector.settings()
    }

    /// Whether `settings` are those that apply now.
    pub(crate) fn is_current(&self, settings: &Arc<ProxySettings>) -> bool {
        Arc::ptr_eq(settings, &self.settings())
    }

    /// Whether a dial under `settings` failed since others lead it another way.
    pub(crate) fn has_moved(&self, error: &DialError, settings: &Arc<ProxySettings>) -> bool {
        error.kind() == DialErrorKind::RouteChanged && !self.is_current(settings)
    }

    pub(crate) fn injector(&self) -> &ProxyInjector {
        &self.injector
    }
}
