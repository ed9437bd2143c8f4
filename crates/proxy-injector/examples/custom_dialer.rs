//! A dialer of one's own under the proxy system, in two places.
//!
//! `cargo run -p proxy-injector --example custom_dialer` needs no network: the dialers here only
//! say what they are asked for.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxySettings};
use proxy_injector::ProxyInjector;
use transport::{Connection, DialError, DialErrorKind, Dialer, Hop, HttpTransport, Phase, Target};

/// Stands for whatever carries bytes: an interface-bound socket, a VPN, a test pipe.
struct Announce(&'static str);

#[async_trait]
impl Dialer for Announce {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        println!("{} is asked for {target}", self.0);
        let hop = Hop::Target(target.endpoint().clone());
        Err(DialError::new(hop, Phase::Tcp, DialErrorKind::Unreachable))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proxy = ProxyConfig::new("socks5h://alice:secret@proxy.example:1080".parse()?);
    let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(proxy));

    // In place of the sockets: it is asked for the proxy, never for the exchange.
    let sockets = ProxyInjector::new(settings.clone())
        .with_tcp_dialer(Arc::new(Announce("the socket layer")));
    send_through(sockets).await?;

    // In place of the whole stack: it is told which proxy was decided on, and asked for the
    // exchange.
    let stack = ProxyInjector::new(settings).with_stack(|request| {
        let proxy = request.proxy().map(ProxyConfig::url);
        println!(
            "a stack is needed for {} through {proxy:?}",
            request.transport()
        );
        Ok(Arc::new(Announce("the stack")))
    });
    send_through(stack).await
}

async fn send_through(injector: ProxyInjector) -> Result<(), Box<dyn std::error::Error>> {
    let binance = Arc::new(injector).exchange(ExchangeId::new("binance")?);
    let request = Request::get("https://api.binance.com/api/v3/ping").body(Bytes::new())?;
    if let Err(error) = binance.http().send(request).await {
        println!("failed to {error}\n");
    }
    Ok(())
}
