//! A plain hyper-util client that connects through our tunnels.
//!
//! `cargo run -p transport-http --example own_hyper_client` brings its own exchange and its own proxy,
//! and needs no network.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use proxy_config::ProxyUrl;
use testkit::{MockExchange, MockProxy, ProxyKind, TestCa};
use transport_http::DialerConnector;
use transport_tls::TlsTrust;
use transport_tunnel::{ConnectTunnel, TcpDialer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ca = TestCa::new()?;
    let exchange = MockExchange::echo()
        .tls(ca.server_config(&[])?)
        .start()
        .await?;
    let proxy = MockProxy::builder(ProxyKind::Http)
        .credentials("alice", "secret")
        .egress([127, 0, 0, 2].into())
        .start()
        .await?;

    let tunnel = ConnectTunnel::new(&ProxyUrl::parse(&proxy.url())?, TcpDialer::new());
    let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes())?;
    let tls = trust.client_config(&[b"http/1.1"]);
    let connector = DialerConnector::new(tunnel, tls, Duration::from_secs(10));
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);

    let uri = format!("{}/ping", exchange.rest_url()).parse()?;
    let body = client.get(uri).await?.into_body().collect().await?;
    println!("{}", String::from_utf8_lossy(&body.to_bytes()));
    for connection in exchange.ledger().connections() {
        println!("the exchange saw {}", connection.peer.ip());
    }
    Ok(())
}
