//! Settings and the means to carry them out.

use std::fmt;
use std::sync::Arc;

use proxy_config::{ExchangeId, ProxyConfig, ProxySettings};
use tokio::sync::watch;
use transport::Dialer;
use transport_tunnel::{Resolver, TlsTrust};

use crate::mechanism::Mechanism;
use crate::scope::Scope;

/// Makes the connections of every exchange as the settings say.
///
/// Injectors are independent of each other: two with different settings can work side by side in
/// one process. Connections through the same proxy share its TLS sessions, and nothing else.
pub struct ProxyInjector {
    settings: watch::Sender<Arc<ProxySettings>>,
    mechanism: Mechanism,
}

impl ProxyInjector {
    /// An injector for `settings`: real sockets, the system's resolver and the platform's
    /// certificate authorities.
    #[must_use]
    pub fn new(settings: ProxySettings) -> Self {
        Self {
            settings: watch::Sender::new(Arc::new(settings)),
            mechanism: Mechanism::default(),
        }
    }

    /// Replaces what opens sockets: `tcp` is asked for every proxy, and for the targets of direct
    /// connections.
    #[must_use]
    pub fn with_tcp_dialer(mut self, tcp: Arc<dyn Dialer>) -> Self {
        self.mechanism.tcp = tcp;
        self
    }

    /// Replaces everything below TLS to the exchange: `stack` makes the dialer for a decided
    /// route, a proxy or `None` for a direct connection, and answers for keeping to it.
    #[must_use]
    pub fn with_stack(
        mut self,
        stack: impl Fn(Option<&ProxyConfig>) -> Arc<dyn Dialer> + Send + Sync + 'static,
    ) -> Self {
        self.mechanism.stack = Some(Box::new(stack));
        self
    }

    /// Replaces what looks up the exchanges' names for the schemes `socks4` and `socks5`.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.mechanism.resolver = resolver;
        self
    }

    /// Replaces the certificate authorities to trust.
    #[must_use]
    pub fn with_trust(mut self, trust: TlsTrust) -> Self {
        self.mechanism.trust = trust.into();
        self
    }

    /// The settings that apply now.
    #[must_use]
    pub fn settings(&self) -> Arc<ProxySettings> {
        self.settings.borrow().clone()
    }

    /// Lets other settings apply from now on.
    ///
    /// New connections take the new routes, and so does the next request of a REST session; one
    /// that is under way is finished where it is. A stream whose route has changed ends with
    /// [`RouteChanged`](transport::WsErrorKind::RouteChanged); a stream whose route has not changed
    /// is not touched. A pool starts over with all its members.
    pub fn reload(&self, settings: ProxySettings) {
        self.mechanism.start_over();
        self.settings.send_replace(Arc::new(settings));
    }

    /// For the connections of `exchange`.
    #[must_use]
    pub fn exchange(self: &Arc<Self>, exchange: ExchangeId) -> Scope {
        Scope::new(Arc::clone(self), Some(exchange))
    }

    /// For connections that belong to no exchange: no rule applies to them.
    #[must_use]
    pub fn anonymous(self: &Arc<Self>) -> Scope {
        Scope::new(Arc::clone(self), None)
    }

    /// Tells of every [`reload`](Self::reload) from now on.
    pub(crate) fn reloads(&self) -> watch::Receiver<Arc<ProxySettings>> {
        self.settings.subscribe()
    }

    pub(crate) fn mechanism(&self) -> &Mechanism {
        &self.mechanism
    }
}

impl fmt::Debug for ProxyInjector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyInjector")
            .field("settings", &self.settings())
            .finish_non_exhaustive()
    }
}
