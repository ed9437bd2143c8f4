//! Clients of other people over our tunnels.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use proxy_config::ProxyUrl;
use rustls::ClientConfig;
use testkit::{MockExchange, MockProxy, ProxyKind, TestCa};
use tower_service::Service;
use transport::DialError;
use transport_http::DialerConnector;
use transport_tls::TlsTrust;
use transport_tunnel::{ConnectTunnel, TcpDialer};

use crate::common::CONNECT_TIMEOUT;

struct World {
    exchange: MockExchange,
    proxy: MockProxy,
    tls: ClientConfig,
}

impl World {
    async fn start() -> Self {
        let ca = TestCa::new().unwrap();
        let server = ca.server_config(&[]).unwrap();
        let exchange = MockExchange::echo().tls(server);
        let proxy = MockProxy::builder(ProxyKind::Http).egress([127, 0, 0, 2].into());
        let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes());
        Self {
            exchange: exchange.start().await.unwrap(),
            proxy: proxy.start().await.unwrap(),
            tls: trust.unwrap().client_config(&[]).as_ref().clone(),
        }
    }

    fn tunnel(&self) -> ConnectTunnel<TcpDialer> {
        let proxy = ProxyUrl::parse(&self.proxy.url()).unwrap();
        ConnectTunnel::new(&proxy, TcpDialer::new())
    }
}

#[tokio::test]
async fn hyper_rustls_puts_its_tls_inside_our_tunnel() {
    let world = World::start().await;
    let tunnel = DialerConnector::without_tls(world.tunnel(), CONNECT_TIMEOUT);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(world.tls.clone())
        .https_only()
        .enable_http1()
        .wrap_connector(tunnel);
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(https);
    let uri = format!("{}/ping", world.exchange.rest_url());
    let response = client.get(uri.parse().unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "pong");
    let connections = world.exchange.ledger().connections();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0].peer.ip().to_string(), "127.0.0.2");
}

#[tokio::test]
async fn a_failed_tunnel_is_found_in_the_error_of_hyper_rustls() {
    let world = World::start().await;
    world.proxy.stop().await;
    let tunnel = DialerConnector::without_tls(world.tunnel(), CONNECT_TIMEOUT);
    let mut https = HttpsConnectorBuilder::new()
        .with_tls_config(world.tls.clone())
        .https_only()
        .enable_http1()
        .wrap_connector(tunnel);
    let uri = world.exchange.rest_url().parse().unwrap();
    let error = https.call(uri).await.unwrap_err();
    assert!(DialError::find(&*error).unwrap().hop().is_proxy());
}
