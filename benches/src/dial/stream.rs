//! WebSockets of every contender.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::LocalBoxStream;
use futures_util::{StreamExt, TryStreamExt};
use http::Uri;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use transport::{WsDialer, WsRequest};
use yawc::{Options, Proxy, WebSocket};

use super::contender::{Contender, Socket};
use super::ours::Ours;
use super::peer::{OpenTunnel, tls, tunnel};
use super::prepared_route::PreparedRoute;
use crate::error::Result;

/// The messages of an open WebSocket.
pub(crate) type Messages = LocalBoxStream<'static, Result<Vec<u8>>>;

/// Opens WebSockets at a URI of the exchange.
pub(crate) type Dialer = Box<dyn Fn(Uri) -> LocalBoxFuture<'static, Result<Messages>>>;

/// What opens `contender`'s WebSockets along `way`.
pub(crate) fn dialer(contender: Contender, way: &PreparedRoute) -> Result<Dialer> {
    match contender {
        Contender::Standard | Contender::Optimistic | Contender::QuickAck => ours(contender, way),
        Contender::Yawc(socket) => yawc(socket, way),
        Contender::TokioWebsockets => tokio_websockets(way, tunnel(contender, way)?),
        _ => tungstenite(contender, way, tunnel(contender, way)?),
    }
}

/// Opens a WebSocket and waits until the exchange has said that the connection took `way`.
pub(super) async fn greeted(dialer: &Dialer, way: &PreparedRoute) -> Result<Messages> {
    let mut messages = dialer(way.stream_uri().parse()?).await?;
    let greeting = messages.next().await.ok_or("closed before the greeting")?;
    way.check(&greeting?)?;
    Ok(messages)
}

fn ours(contender: Contender, way: &PreparedRoute) -> Result<Dialer> {
    let client = Arc::new(Ours::new(contender, way)?.stream_client());
    Ok(Box::new(move |uri| {
        let client = Arc::clone(&client);
        Box::pin(async move {
            let socket = client.dial(WsRequest::new(uri)?).await?;
            let text = |message: transport::Message| message.as_text().map(Vec::from);
            let messages = socket.map_ok(move |message| text(message).unwrap_or_default());
            Ok(messages.err_into().boxed_local())
        })
    }))
}

fn tungstenite(contender: Contender, way: &PreparedRoute, tunnel: OpenTunnel) -> Result<Dialer> {
    let tls = TlsConnector::from(Arc::new(tls(way)?));
    let name = ServerName::try_from(way.host.clone())?;
    let config = match contender {
        Contender::Tuned => WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0),
        _ => WebSocketConfig::default(),
    };
    Ok(Box::new(move |uri| {
        let (tunnel, tls, name) = (tunnel(), tls.clone(), name.clone());
        Box::pin(async move {
            let stream = tls.connect(name, tunnel.await?).await?;
            let (socket, _) = client_async_with_config(uri, stream, Some(config)).await?;
            let messages = socket.map_ok(|message| message.into_data().to_vec());
            Ok(messages.err_into().boxed_local())
        })
    }))
}

fn tokio_websockets(way: &PreparedRoute, tunnel: OpenTunnel) -> Result<Dialer> {
    let tls = TlsConnector::from(Arc::new(tls(way)?));
    let name = ServerName::try_from(way.host.clone())?;
    Ok(Box::new(move |uri| {
        let (tunnel, tls, name) = (tunnel(), tls.clone(), name.clone());
        Box::pin(async move {
            let stream = tls.connect(name, tunnel.await?).await?;
            let builder = tokio_websockets::ClientBuilder::from_uri(uri);
            let (socket, _) = builder.connect_on(stream).await?;
            let messages = socket.map_ok(|message| message.as_payload().to_vec());
            Ok(messages.err_into().boxed_local())
        })
    }))
}

fn yawc(socket: Socket, way: &PreparedRoute) -> Result<Dialer> {
    let tls = TlsConnector::from(Arc::new(tls(way)?));
    let proxy = match &way.proxy {
        None => None,
        Some(url) => Some(Proxy::socks5(url.parse()?)?),
    };
    Ok(Box::new(move |uri| {
        let (tls, proxy) = (tls.clone(), proxy.clone());
        Box::pin(async move {
            let mut socket_options = Options::default();
            if socket == Socket::NoDelay {
                socket_options = socket_options.with_no_delay();
            }
            let mut builder = WebSocket::connect(uri.to_string().parse()?)
                .with_connector(tls)
                .with_options(socket_options);
            if let Some(proxy) = proxy {
                builder = builder.with_proxy(proxy);
            }
            let messages = builder.await?.map(|frame| Ok(frame.payload().to_vec()));
            Ok(messages.boxed_local())
        })
    }))
}
