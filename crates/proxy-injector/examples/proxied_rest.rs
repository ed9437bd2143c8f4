//! A REST request through a proxy, and who the exchange saw.
//!
//! `cargo run -p proxy-injector --example proxied_rest` brings its own exchange and its own proxy, and
//! needs no network.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxySettings};
use proxy_injector::ProxyInjector;
use testkit::{MockExchange, MockProxy, ProxyKind, TestCa};
use transport::{HttpTransport, require_success};
use transport_tls::TlsTrust;

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

    let rule = ProxyConfig::new(proxy.url().parse()?);
    let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(rule));
    let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes())?;
    let injector = Arc::new(ProxyInjector::new(settings).with_trust(trust));
    let rest = injector.exchange(ExchangeId::new("binance")?).http();

    // The second request goes over the connection of the first.
    for path in ["ping", "echo?symbol=BTCUSDT"] {
        let uri = format!("{}/{path}", exchange.rest_url());
        let request = Request::get(uri).body(Bytes::new())?;
        let response = require_success(rest.send(request).await?)?;
        println!("{}", String::from_utf8_lossy(response.body()));
    }
    for connection in exchange.ledger().connections() {
        let (peer, requests) = (connection.peer.ip(), connection.requests.len());
        println!("the exchange saw {peer}, which asked {requests} times");
    }
    Ok(())
}
