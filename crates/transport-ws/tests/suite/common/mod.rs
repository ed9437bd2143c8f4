//! An exchange in memory, and connections to it.

#[path = "../../../../transport-tunnel/tests/suite/common/exchange.rs"]
mod exchange;
#[path = "../../../../transport-tunnel/tests/suite/common/head.rs"]
mod head;
#[path = "../../../../transport-tunnel/tests/suite/common/piped.rs"]
mod piped;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{WebSocketStream, accept_async};
use transport::{Dialer, WebSocket, WsDialer, WsRequest};
use transport_tls::TlsTrust;
use transport_ws::WsClient;

pub(crate) use exchange::{answer, key};
pub(crate) use head::read_head;
pub(crate) use piped::Piped;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| TlsTrust::platform().client_config(&[]));

pub(crate) fn client(dialer: impl Dialer + 'static) -> WsClient<Arc<dyn Dialer>> {
    let dialer: Arc<dyn Dialer> = Arc::new(dialer);
    WsClient::new(dialer, Arc::clone(&TLS), TIMEOUT)
}

pub(crate) fn request(uri: &str) -> WsRequest {
    WsRequest::new(uri.parse().unwrap()).unwrap()
}

/// Answers an upgrade with these bytes, and closes.
pub(crate) fn once(reply: impl Into<Vec<u8>>) -> impl Dialer + 'static {
    let reply = reply.into();
    Piped::new(move |mut stream: DuplexStream| {
        let reply = reply.clone();
        async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(&reply).await;
        }
    })
}

/// Upgrades, sends these bytes as frames, and stays if `stays`, or else closes without a farewell.
pub(crate) async fn open(frames: &[u8], stays: bool) -> WebSocket {
    let frames = frames.to_vec();
    let exchange = Piped::new(move |stream: DuplexStream| {
        let frames = frames.clone();
        async move {
            let mut stream = accept_async(stream).await.unwrap().into_inner();
            stream.write_all(&frames).await.unwrap();
            if stays {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        }
    });
    client(exchange)
        .dial(request("ws://h.example/"))
        .await
        .unwrap()
}

/// Upgrades, and lets `talk` go on.
pub(crate) fn exchange<F, Talk>(talk: F) -> impl Dialer + 'static
where
    F: Fn(WebSocketStream<DuplexStream>) -> Talk + Clone + Send + Sync + 'static,
    Talk: Future<Output = ()> + Send + 'static,
{
    Piped::new(move |stream: DuplexStream| {
        let talk = talk.clone();
        async move { talk(accept_async(stream).await.unwrap()).await }
    })
}

pub(crate) fn text(text: &str) -> Frame {
    Frame::text(text)
}
