//! An exchange in memory, and requests to it.

#[path = "../../../../transport-tunnel/tests/suite/common/head.rs"]
mod head;
#[path = "../../../../transport-tunnel/tests/suite/common/piped.rs"]
mod piped;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rustls::ClientConfig;
use tokio::io::{AsyncWriteExt, DuplexStream};
use transport::{Dialer, HttpError, HttpTransport};
use transport_http::HttpClient;
use transport_tls::TlsTrust;

pub(crate) use head::read_head;
pub(crate) use piped::Piped;

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) static TLS: LazyLock<Arc<ClientConfig>> =
    LazyLock::new(|| TlsTrust::platform().client_config(&[]));

pub(crate) fn client(dialer: impl Dialer + 'static) -> HttpClient<Arc<dyn Dialer>> {
    let dialer: Arc<dyn Dialer> = Arc::new(dialer);
    HttpClient::new(dialer, Arc::clone(&TLS), CONNECT_TIMEOUT)
}

pub(crate) async fn get(
    client: &impl HttpTransport,
    uri: &str,
) -> Result<Response<Bytes>, HttpError> {
    client
        .send(Request::get(uri).body(Bytes::new()).unwrap())
        .await
}

/// Answers each request on a connection with the same bytes.
pub(crate) fn always(reply: impl Into<Vec<u8>>) -> impl Dialer + 'static {
    let reply = reply.into();
    Piped::new(move |mut stream: DuplexStream| {
        let reply = reply.clone();
        async move {
            while !read_head(&mut stream).await.is_empty() {
                let _ = stream.write_all(&reply).await;
            }
        }
    })
}

/// Answers the first request on a connection with these bytes, and closes.
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
