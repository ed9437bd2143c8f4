//! `tokio_tungstenite::client_async` over a connection that our dialers made.
//!
//! `cargo run -p transport-ws --example own_websocket` brings its own exchange and its own proxy, and
//! needs no network.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use proxy_config::ProxyUrl;
use testkit::{MockExchange, MockProxy, ProxyKind, TestCa};
use tokio_tungstenite::tungstenite::Message;
use transport::{Dialer, Target};
use transport_tls::{TlsDialer, TlsTrust};
use transport_tunnel::{Socks5Tunnel, SystemResolver, TcpDialer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ca = TestCa::new()?;
    let exchange = MockExchange::echo()
        .tls(ca.server_config(&[])?)
        .start()
        .await?;
    let proxy = MockProxy::builder(ProxyKind::Socks5h)
        .credentials("alice", "secret")
        .egress([127, 0, 0, 2].into())
        .start()
        .await?;

    let proxy_url = ProxyUrl::parse(&proxy.url())?;
    let tunnel = Socks5Tunnel::new(&proxy_url, SystemResolver, TcpDialer::new());
    let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes())?;
    let dialer = TlsDialer::new(tunnel, trust.client_config(&[b"http/1.1"]));

    let uri: http::Uri = format!("{}/", exchange.ws_url()).parse()?;
    let target = Target::from_uri(&uri)?.within(Duration::from_secs(10));
    let connection = dialer.dial(&target).await?;
    let (mut socket, _response) = tokio_tungstenite::client_async(uri, connection).await?;
    for text in ["one", "two", "three"] {
        socket.send(Message::text(text)).await?;
        if let Some(message) = socket.next().await {
            println!("{}", message?.to_text()?);
        }
    }
    for connection in exchange.ledger().connections() {
        println!("the exchange saw {}", connection.peer.ip());
    }
    Ok(())
}
