//! The request for a program's own stack.

use std::fmt;
use std::sync::Arc;

use proxy_config::{ExchangeId, Exit, ProxyConfig, Transport};
use transport::{BoxError, Dialer};
use transport_tls::TrustError;

use crate::dialer_factory::DialerFactory;

/// Makes a program's own dialers for routes.
pub(crate) type CustomStack =
    Box<dyn Fn(StackRequest<'_>) -> Result<Arc<dyn Dialer>, BoxError> + Send + Sync>;

/// The owner of the connections that a stack is needed for, and their exit.
#[derive(Clone, Copy)]
pub struct StackRequest<'a> {
    factory: &'a DialerFactory,
    exchange: Option<&'a ExchangeId>,
    transport: Transport,
    exit: &'a Exit,
}

impl<'a> StackRequest<'a> {
    pub(crate) fn new(
        factory: &'a DialerFactory,
        exchange: Option<&'a ExchangeId>,
        transport: Transport,
        exit: &'a Exit,
    ) -> Self {
        Self {
            factory,
            exchange,
            transport,
            exit,
        }
    }

    /// The exchange that the connections belong to; none for an
    /// [anonymous](crate::ProxyInjector::anonymous) scope.
    #[must_use]
    pub fn exchange(&self) -> Option<&'a ExchangeId> {
        self.exchange
    }

    /// The transport of the connections.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The proxy, for a pool the selected member; none for direct connections.
    #[must_use]
    pub fn proxy(&self) -> Option<&'a ProxyConfig> {
        self.exit.proxy()
    }

    /// The exit: the proxy, or a direct connection, perhaps from a local address, which the stack must
    /// begin at.
    #[must_use]
    pub fn exit(&self) -> &'a Exit {
        self.exit
    }

    /// The dialer that would be used without a custom stack, to be wrapped. It connects through
    /// [`proxy`](Self::proxy), or directly if there is none, from the local address of the
    /// [exit](Self::exit).
    ///
    /// # Errors
    /// [`StackError`] if a proxy's `ca_file` cannot be used.
    pub fn standard_dialer(&self) -> Result<Arc<dyn Dialer>, StackError> {
        self.factory.standard_dialer(self.exit)
    }
}

impl fmt::Debug for StackRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackRequest")
            .field("exchange", &self.exchange)
            .field("transport", &self.transport)
            .field("exit", &self.exit)
            .finish_non_exhaustive()
    }
}

/// Why there is no dialer for a route. The dial fails, and the next one tries to build it again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The certificates of a proxy's `ca_file` are not usable.
    #[error("cannot load the proxy's CA file")]
    Trust(#[source] TrustError),
    /// The error of the program's own stack.
    #[error("the program's own stack cannot be built")]
    Custom(#[source] BoxError),
}
