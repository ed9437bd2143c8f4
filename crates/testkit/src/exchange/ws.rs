//! The WebSocket listener of an exchange.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{StatusCode, header};
use tokio::net::TcpStream;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use transport::BoxError;

use super::Setup;
use super::feed::Feed;
use super::record::{ExchangeConnection, ExchangeTransport};
use super::rules::Protocol;
use super::session::Session;
use crate::ledger::Entry;
use crate::server::secure;

pub(super) async fn serve(setup: Arc<Setup>, stream: TcpStream, peer: SocketAddr) {
    let record = ExchangeConnection::new(ExchangeTransport::WebSocket, peer);
    let entry = setup.ledger.open(record);
    if let Err(error) = talk(&setup, stream, entry).await {
        tracing::debug!(%peer, error, "websocket client lost");
    }
}

async fn talk(
    setup: &Setup,
    stream: TcpStream,
    entry: Entry<ExchangeConnection>,
) -> Result<(), BoxError> {
    // Before the handshake, so that no order is missed that a test gives after it.
    let orders = setup.orders.subscribe();
    let stream = secure(stream, setup.tls.as_ref()).await?;
    let mut protocol = None;
    #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
    let accept = |request: &Request, response: Response| {
        entry.update(|record| record.add_request(request));
        match admit(setup, request) {
            Ok(admitted) => {
                protocol = Some(admitted);
                Ok(response)
            }
            Err(refusal) => Err(refusal),
        }
    };
    let socket = accept_hdr_async(stream, accept).await?;
    let Some(protocol) = protocol else {
        return Ok(());
    };
    // After the handshake: a client gets what happens from its subscription on, never what was
    // before.
    let feed = match &setup.replay {
        Some(replay) => Feed::recorded(Arc::clone(replay)),
        None => Feed::live(setup.market.subscribe()),
    };
    Session::new(setup, socket, protocol, entry)
        .run(feed, orders)
        .await
}

#[expect(clippy::result_large_err, reason = "tungstenite's signature")]
fn admit(setup: &Setup, request: &Request) -> Result<Box<dyn Protocol>, ErrorResponse> {
    if let Some(substitute) = setup.faults.take_upgrade() {
        let content_type = substitute.content_type();
        return Err(refusal(substitute.status, content_type, substitute.body));
    }
    setup
        .rules
        .open(request.uri())
        .ok_or_else(|| refusal(StatusCode::NOT_FOUND, "text/plain", "not found".to_owned()))
}

fn refusal(status: StatusCode, content_type: &'static str, body: String) -> ErrorResponse {
    // tungstenite writes the head as it is given; without a length, only the end of the connection
    // would end the body.
    let length = header::HeaderValue::from(body.len());
    let mut response = ErrorResponse::new(Some(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length);
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CONNECTION, "close"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}
