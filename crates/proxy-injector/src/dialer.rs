//! Byte streams of a scope.

use async_trait::async_trait;
use proxy_config::Transport;
use transport::{Connection, DialError, DialErrorKind, Dialer, Target};

use crate::failover::connect;
use crate::live::Revocation;
use crate::scope::Scope;

/// Dials the way that applies at that time.
pub(crate) struct ScopeDialer {
    pub(crate) scope: Scope,
    pub(crate) transport: Transport,
}

impl ScopeDialer {
    async fn dial_once(&self, target: &Target) -> Result<Connection, DialError> {
        let query = self.scope.query(self.transport);
        let decision = query.decide(&self.scope.settings());
        let source = decision.source();
        let ((connection, dialer), lease) = connect(
            self.scope.mechanism(),
            &decision,
            target.endpoint(),
            target.deadline(),
            |way, left| {
                let outlet = self.scope.outlet(&query, way, source, Revocation::Close);
                let target = match (target.deadline(), left) {
                    (None, Some(left)) => target.clone().within(left),
                    _ => target.clone(),
                };
                async move {
                    let connection = target.dial(&*outlet.dialer).await?;
                    Ok::<_, DialError>((connection, outlet.dialer))
                }
            },
        )
        .await?;
        dialer.hold(lease);
        Ok(connection)
    }
}

#[async_trait]
impl Dialer for ScopeDialer {
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        loop {
            match self.dial_once(target).await {
                // The next look at the settings gives another route.
                Err(error) if error.kind() == DialErrorKind::RouteChanged => {}
                outcome => return outcome,
            }
        }
    }
}
