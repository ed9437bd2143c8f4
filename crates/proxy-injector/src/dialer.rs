//! Byte streams of a scope.

use std::sync::Arc;

use async_trait::async_trait;
use proxy_config::{ProxySettings, Transport};
use transport::{Connection, DialError, Dialer, Draws, Target};

use crate::dial_span::SpannedDialer;
use crate::failover::connect;
use crate::live::Revocation;
use crate::scope::Scope;

/// Dials on the route that applies at that time.
pub(crate) struct ScopeDialer {
    pub(crate) scope: Scope,
    pub(crate) transport: Transport,
}

impl ScopeDialer {
    async fn dial_once(
        &self,
        target: &Target,
        settings: &ProxySettings,
    ) -> Result<Connection, DialError> {
        let query = self.scope.query(self.transport);
        let resolution = query.resolve(settings);
        let source = resolution.source();
        let uses_nothing = Draws::default();
        let ((connection, dialer), lease) = connect(
            self.scope.applicant(&query, &uses_nothing, None),
            resolution.route(),
            target.endpoint(),
            target.deadline(),
            |exit, left| {
                let stack = self.scope.stack(self.transport, &exit, source);
                let dialing = self.scope.dialing(self.transport, &exit);
                let traced = SpannedDialer {
                    span: self.scope.span(self.transport, &exit, source),
                    inner: stack.dialer,
                };
                let dialer = self
                    .scope
                    .routed(&query, exit, Arc::new(traced), Revocation::Close);
                // A deadline of the target is kept. Without one, the members share the pool's time.
                let target = match (target.deadline(), left) {
                    (None, Some(left)) => target.clone().within(left),
                    _ => target.clone(),
                };
                async move {
                    let connection = dialing.watch(dialer.dial(&target)).await?;
                    Ok::<_, DialError>((connection, dialer))
                }
            },
        )
        .await?;
        // From here on the connection keeps the lease: it counts for the proxy until it ends.
        dialer.hold(lease);
        Ok(connection)
    }
}

#[async_trait]
impl Dialer for ScopeDialer {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        loop {
            let settings = self.scope.settings();
            match self.dial_once(target, &settings).await {
                // The settings have changed during the dial: the next pass uses the new route.
                Err(error) if self.scope.has_moved(&error, &settings) => {}
                outcome => return outcome,
            }
        }
    }
}
