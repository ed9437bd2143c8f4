//! What the transport alone takes: each message as a line, as it came.

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use futures_util::{FutureExt, StreamExt};
use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxySettings};
use proxy_injector::ProxyInjector;
use transport::{HttpTransport, WsDialer, WsRequest};
use transport_tls::TlsTrust;

use crate::error::Result;

/// As much as a pipe holds.
const FULL: usize = 64 * 1024;

/// A program that looks at nothing that comes.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    exchange: SocketAddr,
    proxy: SocketAddr,
    ca_file: PathBuf,
}

impl Copy {
    /// Copies until the stream ends.
    pub(crate) fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.copy())
    }

    async fn copy(self) -> Result<()> {
        let proxy = ProxyConfig::new(format!("socks5://{}", self.proxy).parse()?);
        let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(proxy));
        let trust = TlsTrust::platform().with_ca_file(&self.ca_file)?;
        let injector = Arc::new(ProxyInjector::new(settings).with_trust(trust));
        let exchange = injector.exchange(ExchangeId::new("binance")?);
        let stream = WsRequest::new(format!("wss://{}/ws", self.exchange).parse()?)?;
        let mut socket = exchange.websocket().dial(stream).await?;
        let book = http::Request::get(format!("https://{}/api/v3/depth", self.exchange));
        exchange.http().send(book.body(Bytes::new())?).await?;
        let (mut lines, mut pipe) = (Vec::with_capacity(2 * FULL), stdout().lock());
        while let Some(message) = match socket.next().now_or_never() {
            Some(message) => message,
            None => {
                pipe.write_all(&lines)?;
                pipe.flush()?;
                lines.clear();
                socket.next().await
            }
        } {
            if let Some(text) = message?.as_text() {
                lines.extend_from_slice(text.as_bytes());
                lines.push(b'\n');
            }
            if lines.len() >= FULL {
                pipe.write_all(&lines)?;
                lines.clear();
            }
        }
        Ok(())
    }
}
