//! The upgrade from HTTP to WebSocket (RFC 6455, section 4).

use bytes::BytesMut;
use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::{HeaderMap, Request};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use transport::{
    Connection, DialError, DialErrorKind, Excerpt, Hop, Phase, Reply, Secrets, Target, WsRequest,
    retry_after,
};
use transport_tls::is_certificate_wanted;

use crate::head::Head;
use crate::messages::cause;

/// Asks for a WebSocket over `connection`. Returns what has arrived behind the answer. An error quotes
/// the answer, which may be a proxy's, without any of `secrets`.
pub(crate) async fn upgrade(
    request: &WsRequest,
    connection: &mut Connection,
    target: &Target,
    secrets: &Secrets,
) -> Result<BytesMut, DialError> {
    let upgrade_error = |error, body: &[u8]| upgrade_error(target, error, body, secrets);
    //     GET /stream?streams=btcusdt@trade HTTP/1.1
    //     Host: stream.binance.com:9443
    //     Connection: Upgrade
    //     Upgrade: websocket
    //     Sec-WebSocket-Version: 13
    //     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
    let request = http_request(request).map_err(|error| upgrade_error(error, &[]))?;
    let mut behind = BytesMut::new();
    let outcome = target
        .phase(client_async(request, Head::new(connection, &mut behind)))
        .await
        .map(|answer| answer.map(|(_stream, response)| response));
    match outcome {
        Ok(Ok(response)) => match unoffered(response.headers(), secrets) {
            Some(extension) => Err(DialError::new(
                Hop::Target(target.endpoint().clone()),
                Phase::Upgrade,
                DialErrorKind::Protocol,
            )
            .with_source(extension)),
            None => Ok(behind),
        },
        // Of a refusal, the body is quoted as far as it came with the head. Nobody waits for the
        // rest: the status and Retry-After are what a caller acts on.
        Ok(Err(error)) => Err(upgrade_error(error, &behind)),
        Err(elapsed) => Err(DialError::timeout(
            Hop::Target(target.endpoint().clone()),
            Phase::Upgrade,
            elapsed,
        )),
    }
}

/// The answer selects an extension.
#[derive(Debug, thiserror::Error)]
#[error("it selects the extension {0}, which this client does not offer")]
struct Unoffered(Excerpt);

/// The first extension that the answer selects. None is offered, so the upgrade fails then (RFC 6455,
/// section 4.1).
// tungstenite does not look (a "TODO" in its `verify_response`), and fails at the first compressed
// frame.
fn unoffered(headers: &HeaderMap, secrets: &Secrets) -> Option<Unoffered> {
    //     Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover, x-other
    let values = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    let names = values.flat_map(|value| value.as_bytes().split(|byte| matches!(byte, b';' | b',')));
    let name = names
        .map(<[u8]>::trim_ascii)
        .find(|name| !name.is_empty())?;
    Some(Unoffered(secrets.quote(name)))
}

fn http_request(request: &WsRequest) -> Result<Request<()>, Error> {
    let mut upgrade = request.uri().clone().into_client_request()?;
    // `extend` replaces headers of the same name: the caller's win over those of the protocol.
    upgrade.headers_mut().extend(request.headers.clone());
    Ok(upgrade)
}

/// `body` is what has arrived behind the head of the answer.
fn upgrade_error(target: &Target, error: Error, body: &[u8], secrets: &Secrets) -> DialError {
    let hop = Hop::Target(target.endpoint().clone());
    let kind = match error {
        // Of the TLS with it, which seemed to be done.
        Error::Io(error) if is_certificate_wanted(&error) => {
            return DialError::new(hop, Phase::TargetTls, DialErrorKind::Authentication)
                .with_source(error);
        }
        Error::Io(error) => return DialError::io(hop, Phase::Upgrade, error),
        Error::Http(response) => return rejected(hop, &response, &secrets.quote(body)),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::HandshakeIncomplete) => DialErrorKind::Closed,
        // What does not parse as a response comes from something else that listens there.
        Error::Protocol(ProtocolError::HttparseError(_)) => DialErrorKind::WrongProtocol,
        _ => DialErrorKind::Protocol,
    };
    DialError::new(hop, Phase::Upgrade, kind).with_source(secrets.seal(cause(error)))
}

/// The exchange answered, but not with an upgrade: 451 and 403 for a blocked region or address,
/// 429 and 418 for too many connections.
fn rejected<T>(hop: Hop, response: &http::Response<T>, body: &Excerpt) -> DialError {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let error =
        DialError::new(hop, Phase::Upgrade, DialErrorKind::Rejected).with_reply(Reply::Http {
            status: status.as_u16(),
            reason: Excerpt::of(reason.as_bytes()),
            body: body.clone(),
        });
    match retry_after(response.headers()) {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}
