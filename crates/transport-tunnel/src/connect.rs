//! Tunnels through HTTP proxies.

use async_trait::async_trait;
use proxy_config::{Credentials, ProxyUrl};
use transport::{Connection, DialError, Dialer, Endpoint, Target};

use crate::codec::Connect;
use crate::drive;

/// Asks an HTTP proxy for a tunnel by `CONNECT` (RFC 9110, section 9.3.6).
///
/// The proxy resolves the target's name. For a proxy behind TLS (`https://`), wrap the inner dialer
/// in a [`TlsDialer`](crate::TlsDialer).
#[derive(Debug)]
pub struct ConnectTunnel<D> {
    proxy: Endpoint,
    credentials: Option<Credentials>,
    inner: D,
}

impl<D: Dialer> ConnectTunnel<D> {
    /// Tunnels through `proxy`, which `inner` connects to. Only host, port and credentials of
    /// `proxy` count here.
    pub fn new(proxy: &ProxyUrl, inner: D) -> Self {
        Self {
            proxy: drive::endpoint(proxy),
            credentials: proxy.credentials().cloned(),
            inner,
        }
    }
}

#[async_trait]
impl<D: Dialer> Dialer for ConnectTunnel<D> {
    async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        let handshake = Connect::new(target.endpoint(), self.credentials.as_ref());
        drive::open_tunnel(&self.inner, &self.proxy, target, handshake).await
    }
}
