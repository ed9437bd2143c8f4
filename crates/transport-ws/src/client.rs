//! A WebSocket client for one route.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::SinkExt;
use rustls::ClientConfig;
use tokio::time::Instant;
use transport::{
    DialError, DialErrorKind, Dialer, Hop, Phase, Target, WebSocket, WsDialer, WsError, WsRequest,
};
use transport_tunnel::{TlsDialer, http1_only};

use crate::hooks::Hooks;
use crate::stream::Frames;
use crate::upgrade::upgrade;

/// Opens WebSocket connections by a [`Dialer`].
pub struct WsClient<D> {
    dialer: Arc<D>,
    tls: TlsDialer<Arc<D>>,
    timeout: Duration,
    hooks: Hooks,
}

impl<D: Dialer> WsClient<D> {
    /// A client that lets a request be prepared, connects by `dialer`, with TLS by `tls` for `wss`,
    /// upgrades and sends the first messages, all within `timeout`. In ALPN, it offers HTTP/1.1
    /// alone.
    pub fn new(dialer: D, tls: Arc<ClientConfig>, timeout: Duration) -> Self {
        let dialer = Arc::new(dialer);
        Self {
            tls: TlsDialer::new(Arc::clone(&dialer), http1_only(tls)),
            dialer,
            timeout,
            hooks: Hooks::default(),
        }
    }

    /// Adds `hooks` to every connection.
    #[must_use]
    pub fn with_hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    async fn open(&self, request: &WsRequest, target: &Target) -> Result<WebSocket, DialError> {
        let mut connection = if request.is_secure() {
            target.dial(&self.tls).await?
        } else {
            target.dial(&self.dialer).await?
        };
        let hop = || Hop::Target(target.endpoint().clone());
        let mut info = std::mem::take(connection.info_mut());
        let start = Instant::now();
        let received = upgrade(request, &mut connection, target, info.secrets()).await?;
        info.record(hop(), Phase::Upgrade, start.elapsed());
        let mut frames = Frames::new(connection, received, self.hooks.observer.clone());
        for message in &request.first_messages {
            target
                .phase(frames.send(message.clone()))
                .await
                .map_err(|overdue| DialError::timeout(hop(), Phase::Upgrade, overdue))?
                .map_err(|error| unsent(hop(), error))?;
        }
        Ok(WebSocket::new(frames, info))
    }
}

/// A first message could not be sent.
fn unsent(hop: Hop, error: WsError) -> DialError {
    match DialError::find(&error) {
        Some(earlier) => earlier.clone(),
        None => DialError::new(hop, Phase::Upgrade, DialErrorKind::Closed).with_source(error),
    }
}

impl<D> fmt::Debug for WsClient<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsClient")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<D: Dialer> WsDialer for WsClient<D> {
    async fn dial(&self, mut request: WsRequest) -> Result<WebSocket, DialError> {
        let budget = request.target().clone().within(self.timeout);
        self.hooks.prepare(&mut request, &budget).await?;
        let target = budget.via(request.target().endpoint().clone());
        self.open(&request, &target).await
    }
}
