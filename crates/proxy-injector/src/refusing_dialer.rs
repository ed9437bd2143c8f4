//! A proxy that nobody can be trusted to be.

use std::sync::Arc;

use async_trait::async_trait;
use transport::{Connection, DialError, DialErrorKind, Dialer, Endpoint, Hop, Phase, Target};
use transport_tls::TrustError;

/// Fails every dial, since `error` leaves open whom to trust as `proxy`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("it is unknown whom to trust as its proxy")]
pub(crate) struct RefusingDialer {
    pub(crate) proxy: Endpoint,
    #[source]
    pub(crate) error: Arc<TrustError>,
}

#[async_trait]
impl Dialer for RefusingDialer {
    async fn dial(&self, _target: &Target) -> Result<Connection, DialError> {
        let hop = Hop::Proxy(self.proxy.clone());
        Err(DialError::new(hop, Phase::Route, DialErrorKind::NoRoute).with_source(self.clone()))
    }
}
