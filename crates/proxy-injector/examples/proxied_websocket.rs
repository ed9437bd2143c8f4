//! A WebSocket stream through a proxy, and its move to another while it runs.
//!
//! `cargo run -p proxy-injector --example proxied_websocket` brings its own exchange and proxies, and
//! needs no network.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxySettings, ProxyUrlError};
use proxy_injector::ProxyInjector;
use testkit::{MockExchange, MockProxy, ProxyKind, TestCa};
use transport::{Message, WebSocket, WsDialer, WsError, WsErrorKind, WsRequest};
use transport_tls::TlsTrust;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ca = TestCa::new()?;
    let exchange = MockExchange::echo()
        .tls(ca.server_config(&[])?)
        .start()
        .await?;
    let old = MockProxy::builder(ProxyKind::Socks5h)
        .egress([127, 0, 0, 2].into())
        .start()
        .await?;
    let new = MockProxy::builder(ProxyKind::Http)
        .egress([127, 0, 0, 3].into())
        .start()
        .await?;

    let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes())?;
    let injector = Arc::new(ProxyInjector::new(through(&old)?).with_trust(trust));
    let streams = injector.exchange(ExchangeId::new("binance")?).websocket();
    let uri = format!("{}/", exchange.ws_url());

    let mut heard = 0;
    for _connection in 0..2 {
        let mut socket = streams.dial(WsRequest::new(uri.parse()?)?).await?;
        loop {
            match ask(&mut socket, heard).await {
                Ok(Some(message)) => println!("{}", message.as_text().unwrap_or_default()),
                Err(error) if error.kind() == WsErrorKind::RouteChanged => break,
                Ok(None) => break,
                Err(error) => return Err(error.into()),
            }
            heard += 1;
            if heard == 3 {
                injector.reload(through(&new)?)?;
            } else if heard >= 6 {
                break;
            }
        }
    }
    for connection in exchange.ledger().connections() {
        println!("the exchange saw {}", connection.peer.ip());
    }
    Ok(())
}

/// Says something, which the exchange says back.
async fn ask(socket: &mut WebSocket, number: u32) -> Result<Option<Message>, WsError> {
    socket
        .send(Message::text(format!("message {number}")))
        .await?;
    socket.next().await.transpose()
}

fn through(proxy: &MockProxy) -> Result<ProxySettings, ProxyUrlError> {
    let rule = ProxyConfig::new(proxy.url().parse()?);
    Ok(ProxySettings::enabled().with_default(ConnectionProxies::both(rule)))
}
