//! `transport-ws` over the dialers of `transport-tunnel`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use proxy_config::ProxyUrl;
use transport::{Dialer, Message, WebSocket, WsDialer, WsRequest};
use transport_tunnel::{Socks5Tunnel, SystemResolver, TcpDialer};
use transport_ws::WsClient;

use super::cell::Relay;
use super::check::Check;
use super::client::{Link, Receive, Throughput, drain};
use crate::error::Result;

const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn measure(link: Link<'_>, window: Duration) -> Result<Throughput> {
    let websocket = if link.way == Relay::Socks5 {
        let proxy = ProxyUrl::parse(&format!("socks5h://{}", link.addresses.proxy))?;
        open(
            link,
            Socks5Tunnel::new(&proxy, SystemResolver, TcpDialer::new()),
        )
        .await?
    } else {
        open(link, TcpDialer::new()).await?
    };
    drain(websocket, link.cell, window).await
}

async fn open(link: Link<'_>, dialer: impl Dialer) -> Result<WebSocket> {
    let client = WsClient::new(dialer, Arc::clone(link.tls), TIMEOUT);
    Ok(client.dial(WsRequest::new(link.uri().parse()?)?).await?)
}

impl Receive for WebSocket {
    async fn receive(&mut self, check: &mut Check) -> Result<()> {
        let message: Message = self.next().await.ok_or("closed")??;
        check.take(message.as_text().ok_or("no text")?)
    }
}
