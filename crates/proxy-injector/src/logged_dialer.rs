//! One line per opened connection, and one for many that this machine cannot open.

use std::sync::Arc;

use async_trait::async_trait;
use proxy_config::{ExchangeId, Exit, Transport};
use proxy_resolve::RouteSource;
use tracing::field;
use transport::{Connection, DialError, Dialer, Target};

use crate::exhaustion::Exhaustion;
use crate::patience::Patience;

/// Logs the connections of the inner dialer.
pub(crate) struct LoggedDialer {
    pub(crate) inner: Arc<dyn Dialer>,
    pub(crate) transport: Transport,
    pub(crate) exchange: Option<ExchangeId>,
    pub(crate) exit: Exit,
    pub(crate) source: RouteSource,
    pub(crate) exhaustion: Arc<Exhaustion>,
    pub(crate) patience: Option<Patience>,
}

#[async_trait]
impl Dialer for LoggedDialer {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let wait = self.patience.clone().map(Patience::begin);
        let dialed = self.inner.dial(target).await;
        if let Some(wait) = wait {
            wait.end();
        }
        let connection = dialed.inspect_err(|error| self.exhaustion.note(error))?;
        let (scheme, endpoint) = match self.exit.proxy() {
            Some(proxy) => {
                let url = proxy.url();
                (url.scheme().as_str(), url.endpoint().to_string())
            }
            None => ("direct", target.to_string()),
        };
        tracing::info!(
            target: "proxy_injector",
            transport = %self.transport,
            exchange = self.exchange.as_ref().map_or("-", ExchangeId::as_str),
            scheme,
            endpoint,
            bind = self.exit.bind().map(field::display),
            source = %self.source,
            "connection opened"
        );
        Ok(connection)
    }
}
