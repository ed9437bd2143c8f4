//! Settings, and the parts that apply them.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use proxy_config::{ExchangeId, Exit, ProxySettings};
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::time::Instant;
use transport::{BoxError, BudgetShares, Connection, Dialer, Egress, Endpoint, HealthAdvice};
use transport_tls::TlsTrust;
use transport_tunnel::Resolver;

use crate::accounts::Accounts;
use crate::clients::Clients;
use crate::dialer_factory::{DialerFactory, LazyTrust};
use crate::dials::Dials;
use crate::egresses::Egresses;
use crate::exhaustion::Exhaustion;
use crate::exits::named;
use crate::live::{LiveConnection, LiveConnections, Revocation};
use crate::metrics::count_reload;
use crate::proxy_source::ProxySource;
use crate::query::RouteQuery;
use crate::reload::{ReloadError, RouteChange, compare};
use crate::revocable::Revocable;
use crate::scope::Scope;
use crate::stack_request::StackRequest;

/// Makes the connections of every exchange according to the settings.
///
/// Injectors are independent of each other: two with different settings can work side by side in
/// one process. Connections through the same proxy share its TLS sessions, and nothing else.
pub struct ProxyInjector {
    settings: watch::Sender<Arc<ProxySettings>>,
    factory: DialerFactory,
    /// The exchanges with scopes, whose routes a reload must not lose.
    exchanges: Mutex<BTreeSet<ExchangeId>>,
    live: Mutex<LiveConnections>,
    sessions: Mutex<Vec<Weak<Mutex<Clients>>>>,
    accounts: Accounts,
    egresses: Arc<Egresses>,
    exhaustion: Arc<Exhaustion>,
    dials: Dials,
    #[cfg(feature = "metrics")]
    gauges: crate::metrics::Gauges,
}

fn given(trust: TlsTrust) -> LazyTrust {
    LazyTrust::new(Box::new(|| trust))
}

impl ProxyInjector {
    /// An injector for `settings`: real sockets, the system's resolver, the platform's certificate
    /// authorities, and ring for the cryptography.
    #[cfg(feature = "ring")]
    #[must_use]
    pub fn new(settings: ProxySettings) -> Self {
        let trust = LazyTrust::new(Box::new(TlsTrust::platform));
        Self::over(settings, DialerFactory::new(trust))
    }

    /// An injector for `settings`: real sockets, the system's resolver, and the certificate
    /// authorities and cryptography of `trust`.
    #[must_use]
    pub fn trusting(settings: ProxySettings, trust: TlsTrust) -> Self {
        Self::over(settings, DialerFactory::new(given(trust)))
    }

    fn over(settings: ProxySettings, factory: DialerFactory) -> Self {
        let egresses = Arc::<Egresses>::default();
        factory.exits().lock().set_egresses(Arc::clone(&egresses));
        Self {
            settings: watch::Sender::new(Arc::new(settings)),
            factory,
            exchanges: Mutex::default(),
            live: Mutex::default(),
            sessions: Mutex::default(),
            accounts: Accounts::default(),
            egresses,
            exhaustion: Arc::default(),
            dials: Dials::default(),
            #[cfg(feature = "metrics")]
            gauges: crate::metrics::Gauges::default(),
        }
    }

    /// Replaces what opens sockets: `tcp` is asked for every proxy, and for the targets of direct
    /// connections. It must begin them at the [local address](transport::Target::local_address) of the
    /// target, if there is one, or fail.
    #[must_use]
    pub fn with_tcp_dialer(mut self, tcp: Arc<dyn Dialer>) -> Self {
        self.factory.tcp = tcp;
        self
    }

    /// Replaces everything below TLS to the exchange: `stack` makes the dialer for a given route,
    /// and is responsible for using that route. It may wrap the [standard
    /// one](StackRequest::standard_dialer).
    ///
    /// It is called once for each exchange, transport and proxy, and again after a reload. If it
    /// fails, the dial fails, and it is called again for the next one; a pool tries its next
    /// member.
    #[must_use]
    pub fn with_stack(
        mut self,
        stack: impl Fn(StackRequest<'_>) -> Result<Arc<dyn Dialer>, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.factory.custom_stack = Some(Box::new(stack));
        self
    }

    /// Replaces the resolver of the exchanges' names for the schemes `socks4` and `socks5`.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.factory.resolver = resolver;
        self
    }

    /// Adds `source`, for the pools that have [`PoolSource::program`](proxy_config::PoolSource::program)
    /// of this name.
    #[must_use]
    pub fn with_source(mut self, name: &str, source: impl ProxySource + 'static) -> Self {
        let sources = &mut self.factory.sources.programs;
        sources.insert(name.into(), Arc::new(source));
        self
    }

    /// Shares the budgets of exchanges with other processes: no more is used of them than `shares` says.
    #[must_use]
    pub fn with_budget_shares(mut self, shares: Arc<dyn BudgetShares>) -> Self {
        self.accounts.shares = Some(shares);
        self
    }

    /// Tells other processes what speaks against the proxies of pools, and prefers others to those that they
    /// advise against.
    ///
    /// Among the members that this process holds healthy, such a one is the last to be selected: it is used
    /// when there is no other, or no other that may send now. Advice ends when the member works here. A process
    /// that advises against more than half of a pool is not heeded there, nor are all if together they do.
    #[must_use]
    pub fn with_health_advice(self, advice: Arc<dyn HealthAdvice>) -> Self {
        self.factory.exits().lock().set_advice(advice);
        self
    }

    /// Replaces the certificate authorities for exchanges and for `https` proxies.
    #[must_use]
    pub fn with_trust(mut self, trust: TlsTrust) -> Self {
        self.factory.trust = given(trust);
        self
    }

    /// Replaces the TLS configuration for exchanges, for a client certificate or a custom verifier,
    /// for example. `https` proxies are still verified with the [trust](Self::with_trust), and
    /// never see that certificate.
    ///
    /// Two settings of `config` are replaced: ALPN offers only HTTP/1.1, and every route has its
    /// own TLS sessions.
    ///
    /// ```
    /// # use proxy_config::ProxySettings;
    /// # use proxy_injector::ProxyInjector;
    /// use transport_tls::TlsTrust;
    /// use transport_tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    ///
    /// fn injector(
    ///     settings: ProxySettings,
    ///     trust: TlsTrust,
    ///     chain: Vec<CertificateDer<'static>>,
    ///     key: PrivateKeyDer<'static>,
    /// ) -> Result<ProxyInjector, Box<dyn std::error::Error>> {
    ///     let tls = trust.builder().with_client_auth_cert(chain, key)?;
    ///     Ok(ProxyInjector::trusting(settings, trust).with_exchange_tls(tls))
    /// }
    /// ```
    #[must_use]
    pub fn with_exchange_tls(mut self, config: ClientConfig) -> Self {
        self.factory.exchange_tls = Some(config);
        self
    }

    /// The settings that apply now.
    #[must_use]
    pub fn settings(&self) -> Arc<ProxySettings> {
        self.settings.borrow().clone()
    }

    /// Applies other settings from now on, and returns the routes that they change.
    ///
    /// Nothing is opened, reused or sent on a route that the new settings do not allow:
    ///
    /// - New connections take the new routes, and so do dials in progress.
    /// - A stream whose route has changed ends with
    ///   [`RouteChanged`](transport::WsErrorKind::RouteChanged), and its connection is closed before
    ///   this returns. Its close frame (RFC 6455, section 5.5.1) is the last that is sent on the old
    ///   route, if that needs no waiting. A stream whose route has not changed is not touched.
    /// - A write that another thread has begun on an old route is not waited for: it may end, and the
    ///   connection be closed, just after this returns. No write begins any longer.
    /// - Idle REST connections are closed. A request that has been sent gets its answer on the old one.
    /// - Pools start over with all their members, except those that exchanges have banned (418). A list of proxies that is still in use stays known, and so
    ///   does the egress that was learned of an exit.
    ///
    /// A `WARN` line names every route that used a proxy, or was refused, and is direct now.
    ///
    /// # Errors
    /// [`ReloadError`] if such a route would become direct because something is missing: a rule, all
    /// rules, or `strict`; or if the settings have rules and do not state whether they are enabled. The
    /// old settings stay. Only `direct` and `enabled: false` make a route direct.
    pub fn reload(&self, settings: ProxySettings) -> Result<Vec<RouteChange>, ReloadError> {
        let exchanges = self.exchanges.lock().clone();
        // While this is held, no connection is handed out and no other reload begins.
        let mut live = self.live.lock();
        let changes = compare(&self.settings(), &settings, &exchanges)
            .inspect_err(|_| count_reload(false))?;
        // Stale connections are revoked before the new settings can be seen. A caller that sees
        // these can rely on it that nothing more is sent on an old route.
        let old = self.factory.start_over();
        let stale = live.revoke_stale(&settings);
        let before = self.settings.send_replace(Arc::new(settings));
        self.carry_over(&before);
        self.factory.sources.retain(&self.settings());
        drop(live);
        // Without the lock: a program's own stacks may run any code when they are dropped.
        drop(old);
        for connection in stale {
            connection.settle();
        }
        self.forget_clients();
        count_reload(true);
        for change in changes.iter().filter(|change| change.exposes()) {
            tracing::warn!(
                exchange = %change.owner(),
                transport = %change.transport(),
                before = %change.before().route(),
                source = %change.after().source(),
                "connections are direct now"
            );
        }
        Ok(changes)
    }

    /// What was used by exits whose `egress` is another one than with the settings `before` counts on.
    fn carry_over(&self, before: &ProxySettings) {
        let (before, now) = (named(before), Instant::now());
        for (key, exit) in named(&self.settings()) {
            if let Some(before) = before.get(&key) {
                let (before, after) = (self.egress(before), self.egress(&exit));
                self.accounts.move_over(&before, &after, now);
            }
        }
    }

    /// The scope for the connections of `exchange`.
    #[must_use]
    pub fn exchange(self: &Arc<Self>, exchange: ExchangeId) -> Scope {
        self.exchanges.lock().insert(exchange.clone());
        Scope::new(Arc::clone(self), Some(exchange))
    }

    /// The scope for connections without an exchange. Rules do not apply to them.
    #[must_use]
    pub fn anonymous(self: &Arc<Self>) -> Scope {
        Scope::new(Arc::clone(self), None)
    }

    /// A receiver of the settings and of their changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<ProxySettings>> {
        self.settings.subscribe()
    }

    /// Ends when the settings do not allow `exit` for `query`.
    pub(crate) async fn until_not_allowed(&self, query: &RouteQuery, exit: &Exit) {
        let mut watched = self.watch();
        while query.allows(exit, &watched.borrow_and_update()) {
            // It fails only without a sender, which `self` has.
            let _ = watched.changed().await;
        }
    }

    /// Returns `connection`, which took `exit`, if it is still allowed, and registers it.
    /// `revocation` happens to it when it is no longer allowed.
    pub(crate) fn admit(
        &self,
        connection: Connection,
        target: &Endpoint,
        query: RouteQuery,
        exit: Exit,
        revocation: Revocation,
    ) -> Option<(Connection, Arc<LiveConnection>)> {
        // The lock of reloads: either this sees the new settings, or the reload sees the
        // connection.
        let mut live = self.live.lock();
        if !query.allows(&exit, &self.settings()) {
            return None;
        }
        let (io, mut info) = connection.into_parts();
        info.set_egress(self.egress(&exit));
        let admitted = Arc::new(LiveConnection::new(io, query, exit, revocation));
        live.add(&admitted);
        let connection = Revocable::new(Arc::clone(&admitted), target.clone());
        Some((Connection::new(connection).with_info(info), admitted))
    }

    /// Registers `clients`, whose idle connections a reload closes.
    pub(crate) fn forget_at_reload(&self, clients: &Arc<Mutex<Clients>>) {
        let mut sessions = self.sessions.lock();
        sessions.retain(|session| session.strong_count() > 0);
        sessions.push(Arc::downgrade(clients));
    }

    /// The clients of all sessions.
    pub(crate) fn sessions(&self) -> Vec<Arc<Mutex<Clients>>> {
        let sessions = self.sessions.lock();
        sessions.iter().filter_map(Weak::upgrade).collect()
    }

    fn forget_clients(&self) {
        for clients in self.sessions() {
            // Closing needs no lock.
            let forgotten = std::mem::take(&mut *clients.lock());
            drop(forgotten);
        }
    }

    pub(crate) fn exhaustion(&self) -> Arc<Exhaustion> {
        Arc::clone(&self.exhaustion)
    }

    /// What came of the dials.
    pub(crate) fn dials(&self) -> &Dials {
        &self.dials
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn gauges(&self) -> &crate::metrics::Gauges {
        &self.gauges
    }

    /// The exchanges that have scopes.
    pub(crate) fn scopes(&self) -> BTreeSet<ExchangeId> {
        self.exchanges.lock().clone()
    }

    /// The exit of each open connection.
    pub(crate) fn open_connections(&self) -> Vec<Exit> {
        let all = self.live.lock().all();
        // Without the lock: the last owner of a connection closes it.
        let open = all.iter().filter_map(Weak::upgrade);
        open.map(|connection| connection.exit().clone()).collect()
    }

    pub(crate) fn factory(&self) -> &DialerFactory {
        &self.factory
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    pub(crate) fn egresses(&self) -> Arc<Egresses> {
        Arc::clone(&self.egresses)
    }

    /// What the limits of exchanges are counted by for connections by `exit`.
    pub(crate) fn egress(&self, exit: &Exit) -> Egress {
        self.egresses.of(exit)
    }

    /// From now on, `exit` is known to leave by `address`, or it is not known any longer.
    pub(crate) fn locate(&self, exit: &Exit, address: Option<IpAddr>) {
        let now = Instant::now();
        self.accounts.locate(&self.egresses, exit, address, now);
        self.factory.exits().lock().locate(exit, now);
    }
}

impl fmt::Debug for ProxyInjector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyInjector")
            .field("settings", &self.settings())
            .finish_non_exhaustive()
    }
}
