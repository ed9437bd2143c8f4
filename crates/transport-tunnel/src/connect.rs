//! Tunnels through HTTP proxies.

use async_trait::async_trait;
use proxy_config::{HandshakeMode, ProxyHeaders, ProxyUrl};
use transport::{Connection, DialError, Dialer, Target};

use crate::codec::Connect;
use crate::proxy::Proxy;

/// Asks an HTTP proxy for a tunnel by `CONNECT` (RFC 9110, section 9.3.6).
///
/// The proxy resolves the target's name. For a proxy behind TLS (`https://`), wrap the inner dialer
/// in a [`TlsDialer`](transport_tls::TlsDialer).
#[derive(Debug, Clone)]
pub struct ConnectTunnel<D> {
    proxy: Proxy<D>,
    headers: ProxyHeaders,
}

impl<D: Dialer> ConnectTunnel<D> {
    /// Tunnels through `proxy`, which `inner` connects to. Only host, port and credentials of
    /// `proxy` count here. The handshake is [`HandshakeMode::Standard`].
    pub fn new(proxy: &ProxyUrl, inner: D) -> Self {
        Self {
            proxy: Proxy::new(proxy, inner),
            headers: ProxyHeaders::default(),
        }
    }

    /// The same tunnels, asked for in another way; see [the crate](crate#handshakes).
    #[must_use]
    pub fn with_handshake(mut self, mode: HandshakeMode) -> Self {
        self.proxy = self.proxy.with_handshake(mode);
        self
    }

    /// The same tunnels, with these headers in each request for one.
    #[must_use]
    pub fn with_headers(mut self, headers: &ProxyHeaders) -> Self {
        for secret in headers.secrets() {
            self.proxy = self.proxy.with_secret(secret.as_bytes());
        }
        self.headers = headers.clone();
        self
    }
}

#[async_trait]
impl<D: Dialer> Dialer for ConnectTunnel<D> {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        // Name or address, whatever the target is, as it is written in a URI: `h:443`, `[::1]:443`.
        let handshake =
            Connect::new(target.endpoint(), self.proxy.credentials()).with_headers(&self.headers);
        self.proxy.open(target, handshake).await
    }
}
