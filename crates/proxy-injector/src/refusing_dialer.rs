//! The way that leads nowhere.

use std::sync::Arc;

use async_trait::async_trait;
use transport::{Connection, DialError, DialErrorKind, Dialer, Endpoint, Hop, Phase, Target};
use transport_tls::TrustError;

/// Fails every dial, for this reason.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum RefusingDialer {
    #[error("no proxy is configured for it, and `strict` forbids to connect directly")]
    NoRule,
    #[error("it is unknown whom to trust as its proxy")]
    Trust {
        proxy: Endpoint,
        #[source]
        error: Arc<TrustError>,
    },
}

#[async_trait]
impl Dialer for RefusingDialer {
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        let hop = match self {
            Self::NoRule => Hop::Target(target.endpoint().clone()),
            Self::Trust { proxy, .. } => Hop::Proxy(proxy.clone()),
        };
        Err(DialError::new(hop, Phase::Route, DialErrorKind::NoRoute).with_source(self.clone()))
    }
}
