//! The upgrade from HTTP to WebSocket (RFC 6455, section 4).

use std::time::Duration;

use http::Request;
use http::header::RETRY_AFTER;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use transport::{
    Connection, DialError, DialErrorKind, Excerpt, Hop, Phase, Reply, Target, WsRequest,
};

use crate::stream::cause;

/// tungstenite zeroes and fills a buffer of this size for every read. Its own 128 KiB would stay
/// resident for each connection.
const READ_BUFFER: usize = 16 * 1024;
/// Queue nothing: a message leaves with the flush that follows it.
const WRITE_BUFFER: usize = 0;
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Asks for a WebSocket over `connection`.
pub(crate) async fn upgrade(
    request: &WsRequest,
    connection: Connection,
    target: &Target,
) -> Result<WebSocketStream<Connection>, DialError> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let request = http_request(request).map_err(|error| upgrade_error(target, error))?;
    target
        .phase(client_async_with_config(request, connection, Some(config)))
        .await
        .map_err(|overdue| {
            DialError::timeout(
                Hop::Target(target.endpoint().clone()),
                Phase::Upgrade,
                overdue,
            )
        })?
        .map(|(stream, _response)| stream)
        .map_err(|error| upgrade_error(target, error))
}

fn http_request(request: &WsRequest) -> Result<Request<()>, Error> {
    let mut upgrade = request.uri().clone().into_client_request()?;
    upgrade.headers_mut().extend(request.headers.clone());
    Ok(upgrade)
}

fn upgrade_error(target: &Target, error: Error) -> DialError {
    let hop = Hop::Target(target.endpoint().clone());
    let kind = match error {
        Error::Io(error) => return DialError::io(hop, Phase::Upgrade, error),
        Error::Http(response) => return rejected(hop, &response),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::HandshakeIncomplete) => DialErrorKind::Closed,
        Error::Protocol(ProtocolError::HttparseError(_)) => DialErrorKind::WrongProtocol,
        _ => DialErrorKind::Protocol,
    };
    DialError::new(hop, Phase::Upgrade, kind).with_source(cause(error))
}

/// The exchange answered, but not with an upgrade: 451 and 403 for a blocked region or address,
/// 429 and 418 for too many connections.
fn rejected(hop: Hop, response: &http::Response<Option<Vec<u8>>>) -> DialError {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let body = response.body().as_deref().unwrap_or_default();
    let error =
        DialError::new(hop, Phase::Upgrade, DialErrorKind::Rejected).with_reply(Reply::Http {
            status: status.as_u16(),
            reason: Excerpt::of(reason.as_bytes()),
            body: Excerpt::of(body),
        });
    let seconds = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    match seconds {
        Some(seconds) => error.with_retry_after(Duration::from_secs(seconds)),
        None => error,
    }
}
