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
use transport_tls::{TlsDialer, http1_only};

use crate::hooks::Hooks;
use crate::stream::{Frames, Terms};
use crate::upgrade::upgrade;

/// Opens WebSocket connections by a [`Dialer`].
pub struct WsClient<D> {
    dialer: Arc<D>,
    tls: TlsDialer<Arc<D>>,
    timeout: Duration,
    hooks: Hooks,
    terms: Terms,
}

/// After how long a ping is sent unless another interval is set.
// Proxies close tunnels that are idle for 30 s and more.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long an answer to it is waited for unless another time is set.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest message that is received unless another limit is set.
// What tungstenite allows for a frame by default; for a message it would allow four times as much.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

impl<D: Dialer> WsClient<D> {
    /// A client that lets a request be prepared, connects by `dialer`, with TLS by `tls` for `wss`,
    /// upgrades and sends the first messages, all within `timeout`. In ALPN, it offers HTTP/1.1
    /// alone. A message may have 16 MiB. A quiet connection is pinged after 20 s, and is given up 10 s
    /// later if nothing comes back.
    pub fn new(dialer: D, tls: Arc<ClientConfig>, timeout: Duration) -> Self {
        let dialer = Arc::new(dialer);
        Self {
            tls: TlsDialer::new(Arc::clone(&dialer), http1_only(tls)),
            dialer,
            timeout,
            hooks: Hooks::default(),
            terms: Terms {
                max_message: MAX_MESSAGE,
                ping_interval: PING_INTERVAL,
                ping_timeout: PING_TIMEOUT,
            },
        }
    }

    /// Adds `hooks` to every connection.
    #[must_use]
    pub fn with_hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Bounds a message that is received, in bytes. A longer one, in one frame or in several, ends the
    /// connection with [`TooLarge`](transport::WsErrorKind::TooLarge).
    #[must_use]
    pub fn with_max_message(mut self, bytes: usize) -> Self {
        self.terms.max_message = bytes;
        self
    }

    /// Pings the other side whenever nothing was sent, or nothing but pings was heard, for `interval`.
    /// Zero is never. A request may [want another](WsRequest::ping_interval).
    #[must_use]
    pub fn with_ping_interval(mut self, interval: Duration) -> Self {
        self.terms.ping_interval = interval;
        self
    }

    /// How long after a ping, and the silence before it, something other than a ping must arrive.
    /// Otherwise, the connection ends with [`Unresponsive`](transport::WsErrorKind::Unresponsive). Zero
    /// is no limit: pings keep the connection open, and need no answer. A request may [want
    /// another](WsRequest::ping_timeout).
    #[must_use]
    pub fn with_ping_timeout(mut self, timeout: Duration) -> Self {
        self.terms.ping_timeout = timeout;
        self
    }

    async fn open(&self, request: &WsRequest, target: &Target) -> Result<WebSocket, DialError> {
        let mut connection = if request.is_secure() {
            self.tls.dial(target).await?
        } else {
            self.dialer.dial(target).await?
        };
        let hop = || Hop::Target(target.endpoint().clone());
        // Taken out, because its secrets are read while the connection is lent to the upgrade.
        let mut info = std::mem::take(connection.info_mut());
        let way = info.clone();
        let over = |error: DialError| error.with_through(way.hops()).with_egress(way.egress());
        let start = Instant::now();
        let received = upgrade(request, &mut connection, target, info.secrets())
            .await
            .map_err(over)?;
        info.record(hop(), Phase::Upgrade, start.elapsed());
        let observation = self.hooks.observation(&info);
        let mut terms = self.terms;
        if let Some(interval) = request.ping_interval {
            terms.ping_interval = interval;
        }
        if let Some(timeout) = request.ping_timeout {
            terms.ping_timeout = timeout;
        }
        let mut frames = Frames::new(connection, received, terms, observation);
        // Each within the time of the dial: an exchange that reads nothing is one that was not
        // reached.
        for message in &request.first_messages {
            target
                .phase(frames.send(message.clone()))
                .await
                .map_err(|elapsed| over(DialError::timeout(hop(), Phase::Upgrade, elapsed)))?
                .map_err(|error| over(unsent(hop(), error)))?;
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

impl<D> Clone for WsClient<D> {
    fn clone(&self) -> Self {
        Self {
            dialer: Arc::clone(&self.dialer),
            tls: self.tls.clone(),
            timeout: self.timeout,
            hooks: self.hooks.clone(),
            terms: self.terms,
        }
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
        // Begins before the request is prepared, so a login over REST is a part of the dial. It may
        // have led to another host, which then has what is left of the time.
        let budget = request.target().clone().within(self.timeout);
        self.hooks.prepare(&mut request, &budget).await?;
        let target = budget.via(request.target().endpoint().clone());
        self.open(&request, &target).await
    }
}
