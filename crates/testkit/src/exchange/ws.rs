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
use super::protocol::{Conduct, StreamProtocol};
use super::record::{ExchangeConnection, ExchangeTransport};
use super::rest_message::Answer;
use super::session::Session;
use crate::ledger::Entry;
use crate::server::secure;

pub(super) async fn serve(setup: Arc<Setup>, stream: TcpStream, peer: SocketAddr) {
    let record = ExchangeConnection::new(ExchangeTransport::WebSocket, peer);
    let entry = setup.ledger.open(record);
    if let Err(error) = talk(&setup, stream, peer, entry).await {
        tracing::debug!(%peer, error, "websocket client lost");
    }
}

async fn talk(
    setup: &Setup,
    stream: TcpStream,
    peer: SocketAddr,
    entry: Entry<ExchangeConnection>,
) -> Result<(), BoxError> {
    // Before the handshake, so that no order is missed that a test gives after it.
    let orders = setup.orders.subscribe();
    let stream = secure(stream, setup.tls.as_ref()).await?;
    let mut protocol = None;
    #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
    let accept = |request: &Request, response: Response| {
        entry.update(|record| record.add_request(request));
        match admit(setup, request, peer) {
            Ok(admitted) => {
                protocol = Some(admitted);
                Ok(response)
            }
            Err(answer) => Err(refusal(answer)),
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
    Session::new(setup, socket, protocol, entry, peer)
        .run(feed, orders)
        .await
}

/// Opens the connection, unless it is refused.
fn admit(
    setup: &Setup,
    request: &Request,
    peer: SocketAddr,
) -> Result<Box<dyn StreamProtocol>, Answer> {
    let plain = |status, text| Answer::new(status, "text/plain", text);
    let Conduct { dials, url, .. } = setup.conduct;
    let source = setup.source(peer);
    let client = source.client;
    if let Some(ban) = client.ban() {
        return Err(setup.protocol.banned(ban));
    }
    if let Some(window) = dials
        && client.dial(window).refused.is_some()
    {
        return Err(plain(StatusCode::TOO_MANY_REQUESTS, "too many connections"));
    }
    if let Some(substitute) = setup.faults.take_upgrade() {
        return Err(substitute.into_answer());
    }
    let uri = request.uri();
    let length = uri.path_and_query().map_or(0, |it| it.as_str().len());
    if url.is_some_and(|limit| client.exceeds("url", length, limit)) {
        return Err(plain(StatusCode::URI_TOO_LONG, "URL too long"));
    }
    setup.protocol.open(uri, source)
}

fn refusal(answer: Answer) -> ErrorResponse {
    let response = answer.into_response();
    // tungstenite writes the head as it is given; without a length, only the end of the connection
    // would end the body.
    let length = header::HeaderValue::from(response.body().len());
    let mut response = response.map(|body| Some(String::from_utf8_lossy(&body).into_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length);
    let close = header::HeaderValue::from_static("close");
    headers.insert(header::CONNECTION, close);
    response
}
