//! What a program's own stack is made from.

use std::fmt;
use std::sync::Arc;

use proxy_config::{ExchangeId, ProxyConfig, Transport};
use transport::{BoxError, Dialer};
use transport_tls::TrustError;

use crate::dialer_factory::DialerFactory;

/// Makes a program's own dialers for routes.
pub(crate) type CustomStack =
    Box<dyn Fn(StackRequest<'_>) -> Result<Arc<dyn Dialer>, BoxError> + Send + Sync>;

/// Whose connections a stack is needed for, and which proxy they pass.
#[derive(Clone, Copy)]
pub struct StackRequest<'a> {
    factory: &'a DialerFactory,
    exchange: Option<&'a ExchangeId>,
    transport: Transport,
    proxy: Option<&'a ProxyConfig>,
}

impl<'a> StackRequest<'a> {
    pub(crate) fn new(
        factory: &'a DialerFactory,
        exchange: Option<&'a ExchangeId>,
        transport: Transport,
        proxy: Option<&'a ProxyConfig>,
    ) -> Self {
        Self {
            factory,
            exchange,
            transport,
            proxy,
        }
    }

    /// The exchange that the connections belong to; none for an
    /// [anonymous](crate::ProxyInjector::anonymous) scope.
    #[must_use]
    pub fn exchange(&self) -> Option<&'a ExchangeId> {
        self.exchange
    }

    /// What the connections are for.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The proxy to pass, for a pool the member whose turn it is; none for direct connections.
    #[must_use]
    pub fn proxy(&self) -> Option<&'a ProxyConfig> {
        self.proxy
    }

    /// The dialer that would be used without a stack of one's own, to be wrapped: it passes
    /// [`proxy`](Self::proxy), or connects directly if there is none.
    ///
    /// # Errors
    /// [`StackError`] if a proxy's `ca_file` cannot be used.
    pub fn standard_dialer(&self) -> Result<Arc<dyn Dialer>, StackError> {
        self.factory.standard_dialer(self.proxy)
    }
}

impl fmt::Debug for StackRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackRequest")
            .field("exchange", &self.exchange)
            .field("transport", &self.transport)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

/// Why there is no dialer for a route. Its dials fail, and it is tried again at the next one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The certificates of a proxy's `ca_file` are not usable.
    #[error("cannot load the proxy's CA file")]
    Trust(#[source] TrustError),
    /// What the program's own stack said.
    #[error("the program's own stack cannot be built")]
    Custom(#[source] BoxError),
}
