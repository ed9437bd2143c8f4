//! The way that leads nowhere.

use async_trait::async_trait;
use transport::{Connection, DialError, DialErrorKind, Dialer, Hop, Phase, Target};

/// Fails every dial: the settings are strict, and no rule of theirs applies.
pub(crate) struct Refused;

#[derive(Debug, thiserror::Error)]
#[error("no proxy is configured for it, and `strict` forbids to connect directly")]
struct NoRule;

#[async_trait]
impl Dialer for Refused {
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        let hop = Hop::Target(target.endpoint().clone());
        Err(DialError::new(hop, Phase::Route, DialErrorKind::NoRoute).with_source(NoRule))
    }
}
