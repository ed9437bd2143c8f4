//! The clients of this workspace.

use std::sync::Arc;
use std::time::Duration;

use proxy_config::{
    ConnectionProxies, ExchangeId, HandshakeMode, ProxyConfig, ProxyRule, ProxyServer,
    ProxySettings,
};
use proxy_injector::{HttpSession, ProxyInjector};
use rustls::ClientConfig;
use transport_http::HttpClient;
use transport_tls::TlsTrust;
use transport_tunnel::{Resolver, RouteDialer, SystemResolver, TcpDialer};
use transport_ws::WsClient;

use super::contender::Contender;
use super::prepared_route::PreparedRoute;
use crate::error::Result;

const TIMEOUT: Duration = Duration::from_secs(5);

/// What the clients of one route have in common.
#[derive(Debug, Clone)]
pub(super) struct Ours {
    dialer: Arc<RouteDialer>,
    tls: Arc<ClientConfig>,
}

impl Ours {
    pub(super) fn new(contender: Contender, way: &PreparedRoute) -> Result<Self> {
        let trust = TlsTrust::platform().with_ca_file(&way.ca_file)?;
        let tcp = Arc::new(TcpDialer::new());
        let dialer = match &way.proxy {
            None => RouteDialer::direct(tcp, TIMEOUT),
            Some(url) => {
                let mut server = ProxyServer::new(url.parse()?);
                match contender {
                    Contender::Optimistic => {
                        server = server.with_handshake(HandshakeMode::Optimistic);
                    }
                    Contender::QuickAck => server = server.with_quick_ack(true),
                    _ => {}
                }
                let resolver: Arc<dyn Resolver> = Arc::new(SystemResolver);
                RouteDialer::through(&ProxyConfig::from(server), tcp, &resolver, &trust)?
            }
        };
        Ok(Self {
            dialer: Arc::new(dialer),
            tls: trust.client_config(&[b"http/1.1"]),
        })
    }

    pub(super) fn stream_client(&self) -> WsClient<Arc<RouteDialer>> {
        WsClient::new(Arc::clone(&self.dialer), Arc::clone(&self.tls), TIMEOUT)
    }

    pub(super) fn rest_client(&self) -> HttpClient<Arc<RouteDialer>> {
        HttpClient::new(Arc::clone(&self.dialer), Arc::clone(&self.tls), TIMEOUT)
    }
}

/// The REST session of an exchange whose settings have `way`.
pub(super) fn session(way: &PreparedRoute) -> Result<HttpSession> {
    let exchange = ExchangeId::new("binance")?;
    let rule = match &way.proxy {
        None => ProxyRule::Direct,
        Some(url) => ProxyConfig::new(url.parse()?).into(),
    };
    let proxies = ConnectionProxies::both(rule);
    let settings = ProxySettings::enabled().with_exchange(exchange.clone(), proxies);
    let trust = TlsTrust::platform().with_ca_file(&way.ca_file)?;
    let injector = Arc::new(ProxyInjector::new(settings).with_trust(trust));
    Ok(injector.exchange(exchange).http())
}
