//! The REST listener of an exchange, by hyper.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use transport::BoxError;

use super::Setup;
use super::fault::Substitute;
use super::record::{ExchangeConnection, ExchangeTransport};
use super::rest_message::{Answer, RestRequest};
use crate::ledger::Entry;
use crate::server::secure;

/// The longest body that `/echo` takes.
const LONGEST_BODY: usize = 1024 * 1024;

pub(super) async fn serve(setup: Arc<Setup>, stream: TcpStream, peer: SocketAddr) {
    let record = ExchangeConnection::new(ExchangeTransport::Rest, peer);
    let entry = setup.ledger.open(record);
    if let Err(error) = talk(&setup, stream, peer, &entry).await {
        tracing::debug!(%peer, error, "rest client lost");
    }
}

async fn talk(
    setup: &Setup,
    stream: TcpStream,
    peer: SocketAddr,
    entry: &Entry<ExchangeConnection>,
) -> Result<(), BoxError> {
    let stream = secure(stream, setup.tls.as_ref()).await?;
    let service = service_fn(|request: Request<Incoming>| async move {
        entry.update(|record| record.add_request(&request));
        let answer = answer(setup, request, peer).await;
        Ok::<_, Infallible>(answer.into_response().map(Full::new))
    });
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await?;
    Ok(())
}

async fn answer(setup: &Setup, request: Request<Incoming>, peer: SocketAddr) -> Answer {
    let source = setup.source(peer);
    if let Some(ban) = source.client.ban() {
        return setup.protocol.banned(ban);
    }
    // Ahead of all paths, as a firewall or a region's block is: those answer `ping` like this, too.
    if let Some(substitute) = setup.faults.take_rest() {
        return substituted(setup, substitute);
    }
    if request.uri().path() == "/echo" {
        return echo(request, peer).await;
    }
    let request = RestRequest::new(&request, peer);
    setup.protocol.answer(&request, source)
}

fn substituted(setup: &Setup, substitute: Substitute) -> Answer {
    let is_too_much = matches!(substitute.status.as_u16(), 418 | 429);
    let answer = substitute.into_answer();
    match setup.conduct.retry_after {
        Some(seconds) if is_too_much => answer.with_header("retry-after", seconds),
        _ => answer,
    }
}

/// Tells a client what arrived of its request, and from where.
async fn echo(request: Request<Incoming>, peer: SocketAddr) -> Answer {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LONGEST_BODY).collect().await else {
        return Answer::new(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "too long");
    };
    let mut headers = BTreeMap::<&str, Vec<_>>::new();
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers.entry(name.as_str()).or_default().push(value);
    }
    let headers: BTreeMap<_, _> = headers
        .into_iter()
        .map(|(name, values)| (name, values.join(", ")))
        .collect();
    let told = json!({
        "method": head.method.as_str(),
        "path": head.uri.path_and_query().map(PathAndQuery::as_str),
        "headers": headers,
        "body": String::from_utf8_lossy(&body.to_bytes()),
        "peer": peer.to_string(),
    });
    Answer::new(StatusCode::OK, "application/json", told.to_string())
}
