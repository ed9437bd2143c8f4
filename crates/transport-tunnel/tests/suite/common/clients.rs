//! What stands on top of a dialer.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use http::Request;
use rustls::ClientConfig;
use transport::{
    ConnectionInfo, DialError, Dialer, HttpError, HttpTransport, Target, WsDialer, WsRequest, chain,
};
use transport_http::HttpClient;
use transport_ws::WsClient;

use super::route::{LONG, PLATFORM};

/// One of the two protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Rest,
    WebSocket,
}

/// What an exchange said, and how the connection came to be.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) info: ConnectionInfo,
}

impl Client {
    pub(crate) const ALL: [Self; 2] = [Self::Rest, Self::WebSocket];

    /// Asks the exchange at `authority` for its first words, without TLS.
    pub(crate) async fn ask(
        self,
        dialer: Arc<dyn Dialer>,
        authority: &str,
    ) -> Result<Answer, DialError> {
        self.send(dialer, authority, None).await
    }

    /// As [`ask`](Self::ask), with TLS.
    pub(crate) async fn ask_securely(
        self,
        dialer: Arc<dyn Dialer>,
        authority: &str,
        tls: Arc<ClientConfig>,
    ) -> Result<Answer, DialError> {
        self.send(dialer, authority, Some(tls)).await
    }

    async fn send(
        self,
        dialer: Arc<dyn Dialer>,
        authority: &str,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Answer, DialError> {
        let secure = tls.is_some();
        let tls = tls.unwrap_or_else(|| PLATFORM.client_config(&[]));
        match self {
            Self::Rest => {
                let scheme = if secure { "https" } else { "http" };
                let request = Request::get(format!("{scheme}://{authority}/"));
                let response = HttpClient::new(dialer, tls, LONG)
                    .send(request.body(Bytes::new()).unwrap())
                    .await
                    .map_err(|error: HttpError| error.dial_error().unwrap().clone())?;
                let info = response.extensions().get().cloned();
                Ok(Answer {
                    text: String::from_utf8(response.into_body().to_vec()).unwrap(),
                    info: info.unwrap(),
                })
            }
            Self::WebSocket => {
                let scheme = if secure { "wss" } else { "ws" };
                let uri = format!("{scheme}://{authority}/").parse().unwrap();
                let request = WsRequest::new(uri).unwrap();
                let mut socket = WsClient::new(dialer, tls, LONG).dial(request).await?;
                let message = socket.next().await.unwrap().unwrap();
                Ok(Answer {
                    text: message.as_text().unwrap().to_owned(),
                    info: socket.info().clone(),
                })
            }
        }
    }
}

/// How a dial to `h.example:80` fails: by itself, and alike below both clients.
pub(crate) async fn failure(dialer: &Arc<dyn Dialer>) -> DialError {
    let target = Target::parse("h.example", 80).unwrap().within(LONG);
    let failure = dialer.dial(&target).await.unwrap_err();
    for client in Client::ALL {
        let seen = client.ask(Arc::clone(dialer), "h.example").await;
        assert_alike(client, &seen.unwrap_err(), &failure);
    }
    failure
}

/// How a dial to `authority` with TLS fails, alike below both clients.
pub(crate) async fn secure_failure(
    dialer: &Arc<dyn Dialer>,
    authority: &str,
    tls: &Arc<ClientConfig>,
) -> DialError {
    let [rest, socket] = Client::ALL
        .map(|client| client.ask_securely(Arc::clone(dialer), authority, Arc::clone(tls)));
    let failure = rest.await.unwrap_err();
    assert_alike(Client::WebSocket, &socket.await.unwrap_err(), &failure);
    failure
}

/// In all but the numbers of the message: one is the time of day.
fn assert_alike(client: Client, seen: &DialError, expected: &DialError) {
    let facts = |error: &DialError| {
        (
            error.hop().clone(),
            error.phase(),
            error.kind(),
            error.reply().cloned(),
            chain(error).to_string().replace(char::is_numeric, ""),
        )
    };
    assert_eq!(facts(seen), facts(expected), "{client:?}");
}

/// Both clients get the exchange's answer from `h.example:80`.
pub(crate) async fn opens(dialer: &Arc<dyn Dialer>, what: &str) {
    for client in Client::ALL {
        let answer = client.ask(Arc::clone(dialer), "h.example").await;
        assert_eq!(answer.unwrap().text, "ok", "{client:?}: {what}");
    }
}
