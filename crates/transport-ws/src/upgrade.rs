//! The upgrade from HTTP to WebSocket (RFC 6455, section 4).

use std::io;

use bytes::BytesMut;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS};
use http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::generate_request;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use transport::{
    BadHead, Connection, DialError, DialErrorKind, HeadReader, Hop, HttpReply, Phase, Secrets,
    Target, WsRequest, retry_after,
};
use transport_tls::is_certificate_wanted;

use crate::messages::cause;

/// An answer to an upgrade has a few hundred bytes.
const READ: usize = 4096;
const MAGIC: &[u8] = b"HTTP/";
// httparse wants room for all headers ahead.
const MAX_HEADERS: usize = 128;

/// Why there is no upgrade.
enum Failure {
    Io(io::Error),
    Head(BadHead),
    /// What arrived is no head.
    NoHead(httparse::Error),
    /// The end came in the middle of the head, or in front of it.
    Closed,
    /// What has to be there is not.
    Missing(String),
    /// An extension or a subprotocol was not offered.
    Unoffered(&'static str, String),
}

/// Asks for a WebSocket over `connection`. Returns what has arrived behind the answer. An error quotes
/// the answer, which may be a proxy's, without any of `secrets`.
pub(crate) async fn upgrade(
    request: &WsRequest,
    connection: &mut Connection,
    target: &Target,
    secrets: &Secrets,
) -> Result<BytesMut, DialError> {
    let hop = || Hop::Target(target.endpoint().clone());
    let error = |kind| DialError::new(hop(), Phase::Upgrade, kind);
    let invalid = |error_| error(DialErrorKind::Protocol).with_source(secrets.seal(cause(error_)));

    let mut upgrade = request
        .uri()
        .clone()
        .into_client_request()
        .map_err(invalid)?;
    // `extend` replaces headers of the same name: the caller's win over those of the protocol.
    upgrade.headers_mut().extend(request.headers.clone());
    let protocols = upgrade.headers().get(SEC_WEBSOCKET_PROTOCOL).cloned();
    let (request, key) = generate_request(upgrade).map_err(invalid)?;
    let exchange = async {
        connection.write_all(&request).await.map_err(Failure::Io)?;
        connection.flush().await.map_err(Failure::Io)?;
        let (answer, behind) = read_answer(connection).await?;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            let accept = derive_accept_key(key.as_bytes());
            verify(answer.headers(), &accept, protocols.as_ref())?;
        }
        Ok((answer, behind))
    };
    match target.phase(exchange).await {
        Ok(Ok((answer, behind))) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
            Ok(behind)
        }
        // Of a refusal, the body is quoted as far as it came with the head. Nobody waits for the
        // rest: the status and Retry-After are what a caller acts on.
        Ok(Ok((answer, behind))) => Err(rejected(hop(), &answer, &behind, secrets)),
        Ok(Err(failure)) => Err(match failure {
            // Of the TLS with it, which seemed to be done.
            Failure::Io(cause) if is_certificate_wanted(&cause) => {
                DialError::new(hop(), Phase::TargetTls, DialErrorKind::Authentication)
                    .with_source(cause)
            }
            Failure::Io(cause) => DialError::io(hop(), Phase::Upgrade, cause),
            Failure::Head(bad) => error(DialErrorKind::Protocol).with_source(bad.quoted(secrets)),
            // It comes from something else that listens there.
            Failure::NoHead(cause) => error(DialErrorKind::WrongProtocol).with_source(cause),
            Failure::Closed => error(DialErrorKind::Closed).with_source("it sent no whole answer"),
            Failure::Missing(cause) => error(DialErrorKind::Protocol).with_source(cause),
            Failure::Unoffered(what, name) => {
                let name = secrets.quote(name.as_bytes());
                let cause = format!("the {what} \"{name}\" was not offered");
                error(DialErrorKind::Protocol).with_source(cause)
            }
        }),
        Err(elapsed) => Err(DialError::timeout(hop(), Phase::Upgrade, elapsed)),
    }
}

//     HTTP/1.1 101 Switching Protocols
//     Upgrade: websocket
//     Connection: Upgrade
//     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
//     (empty line)                                            read up to here
//     81 02 6f 6b                                             returned beside it
/// The head of the answer, and what has arrived behind it.
async fn read_answer(connection: &mut Connection) -> Result<(Response<()>, BytesMut), Failure> {
    let mut reader = HeadReader::default();
    let mut bytes = [0; READ];
    loop {
        let length = connection.read(&mut bytes).await.map_err(Failure::Io)?;
        let arrived = bytes.get(..length).unwrap_or_default();
        if arrived.is_empty() {
            return Err(Failure::Closed);
        }
        let added = reader.add(arrived);
        // Whoever does not speak HTTP may not end a line, either.
        if !begins_like_http(reader.begun()) {
            return Err(Failure::NoHead(httparse::Error::Version));
        }
        if added.map_err(Failure::Head)? {
            let (head, behind) = reader.parts();
            return Ok((parsed(head).map_err(Failure::NoHead)?, behind.into()));
        }
    }
}

fn begins_like_http(head: &[u8]) -> bool {
    // The first half of an empty line, which may come before.
    head == b"\r" || head.iter().zip(MAGIC).all(|(byte, magic)| byte == magic)
}

fn parsed(head: &[u8]) -> Result<Response<()>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    // What middleboxes do to headers is put up with, as in `transport-http`.
    httparse::ParserConfig::default()
        .ignore_invalid_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .parse_response(&mut answer, head)?;
    let mut response = Response::new(());
    let status = answer.code.and_then(|code| StatusCode::from_u16(code).ok());
    *response.status_mut() = status.unwrap_or_default();
    for header in answer.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(header.value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

/// What a client has to verify (RFC 6455, section 4.1), or else fail the connection.
fn verify(
    headers: &HeaderMap,
    accept: &str,
    protocols: Option<&HeaderValue>,
) -> Result<(), Failure> {
    for (name, wanted) in [(UPGRADE, "websocket"), (CONNECTION, "upgrade")] {
        // `Connection: keep-alive, Upgrade`, in one line or in two.
        if !tokens(headers.get_all(&name)).any(|token| token.eq_ignore_ascii_case(wanted)) {
            return Err(Failure::Missing(format!("there is no {name}: {wanted}")));
        }
    }
    if headers
        .get(SEC_WEBSOCKET_ACCEPT)
        .is_none_or(|it| it != accept)
    {
        let cause = format!("{SEC_WEBSOCKET_ACCEPT} is not the answer to our key");
        return Err(Failure::Missing(cause));
    }
    if let Some(extension) = tokens(headers.get_all(SEC_WEBSOCKET_EXTENSIONS)).next() {
        return Err(Failure::Unoffered("extension", extension.to_owned()));
    }
    let chosen = tokens(headers.get_all(SEC_WEBSOCKET_PROTOCOL)).next();
    match chosen {
        Some(chosen) if !tokens(protocols).any(|offered| offered == chosen) => {
            Err(Failure::Unoffered("subprotocol", chosen.to_owned()))
        }
        None if protocols.is_some() => {
            let cause = "none of the subprotocols was accepted".to_owned();
            Err(Failure::Missing(cause))
        }
        _ => Ok(()),
    }
}

/// The members of a list (RFC 9110, section 5.6.1).
fn tokens<'a>(values: impl IntoIterator<Item = &'a HeaderValue>) -> impl Iterator<Item = &'a str> {
    let values = values.into_iter().filter_map(|value| value.to_str().ok());
    let tokens = values.flat_map(|value| value.split(',').map(str::trim));
    tokens.filter(|token| !token.is_empty())
}

/// The exchange answered, but not with an upgrade: 451 and 403 for a blocked region or address,
/// 429 and 418 for too many connections.
fn rejected(hop: Hop, answer: &Response<()>, body: &[u8], secrets: &Secrets) -> DialError {
    let reply = HttpReply::of_parts(answer.status(), answer.headers(), body, secrets);
    let error =
        DialError::new(hop, Phase::Upgrade, DialErrorKind::Rejected).with_reply(reply.into());
    match retry_after(answer.headers()) {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}
