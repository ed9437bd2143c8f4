//! A WebSocket client for one route.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::SinkExt;
use rustls::ClientConfig;
use tokio::time::Instant;
use transport::{DialError, DialErrorKind, Dialer, Hop, Phase, WebSocket, WsDialer, WsRequest};
use transport_tunnel::TlsDialer;

use crate::hooks::{Authenticator, FrameObserver};
use crate::stream::Frames;
use crate::upgrade::upgrade;

/// Opens WebSocket connections by a [`Dialer`].
pub struct WsClient<D> {
    dialer: Arc<D>,
    tls: TlsDialer<Arc<D>>,
    timeout: Duration,
    authenticator: Option<Arc<dyn Authenticator>>,
    observer: Option<Arc<dyn FrameObserver>>,
}

impl<D: Dialer> WsClient<D> {
    /// A client that connects by `dialer`, with TLS by `tls` for `wss`, and upgrades, all within
    /// `timeout`.
    pub fn new(dialer: D, tls: Arc<ClientConfig>, timeout: Duration) -> Self {
        let dialer = Arc::new(dialer);
        Self {
            tls: TlsDialer::new(Arc::clone(&dialer), tls),
            dialer,
            timeout,
            authenticator: None,
            observer: None,
        }
    }

    /// Lets `authenticator` prepare the request of every connection.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// Shows every frame that arrives to `observer`.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn FrameObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    async fn open(&self, request: &WsRequest) -> Result<WebSocket, DialError> {
        let target = request.target().clone().within(self.timeout);
        let mut connection = if request.is_secure() {
            self.tls.dial(&target).await?
        } else {
            self.dialer.dial(&target).await?
        };
        let mut info = std::mem::take(connection.info_mut());
        let start = Instant::now();
        let stream = upgrade(request, connection, &target).await?;
        info.record(hop(request), Phase::Upgrade, start.elapsed());
        let mut frames = Frames::new(stream, self.observer.clone());
        for message in &request.first_messages {
            target
                .phase(frames.send(message.clone()))
                .await
                .map_err(|elapsed| DialError::timeout(hop(request), Phase::Upgrade, elapsed))?
                .map_err(|error| {
                    DialError::new(hop(request), Phase::Upgrade, DialErrorKind::Closed)
                        .with_source(error)
                })?;
        }
        Ok(WebSocket::new(frames, info))
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
        if let Some(authenticator) = &self.authenticator {
            let prepared = authenticator.prepare(&mut request).await;
            prepared.map_err(|error| {
                DialError::new(hop(&request), Phase::Upgrade, DialErrorKind::Authentication)
                    .with_source(error)
            })?;
        }
        self.open(&request).await
    }
}

fn hop(request: &WsRequest) -> Hop {
    Hop::Target(request.target().endpoint().clone())
}
