//! HTTP CONNECT, by hyper.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use transport::{BoxError, Io};

use super::client::{Client, Refusal};
use super::egress::Unreached;
use super::record::{Authentication, TunnelTarget};

/// What a CONNECT that was granted leaves behind: both ends of the tunnel.
// A service of hyper is called by reference, so what it finds out goes through a lock.
type Tunnel = Mutex<Option<(OnUpgrade, TcpStream)>>;

pub(super) async fn serve(stream: Box<dyn Io>, client: Client) -> Result<(), BoxError> {
    let client = Arc::new(client);
    let tunnel = Arc::new(Tunnel::default());
    let service = service_fn(|request| {
        let (client, tunnel) = (Arc::clone(&client), Arc::clone(&tunnel));
        async move { answer(request, &client, &tunnel).await }
    });
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await?;
    // Relayed in this task and not in one that the service starts: cutting the proxy off ends the
    // tasks of its connections, and must end its tunnels.
    let granted = tunnel.lock().take();
    if let Some((upgrade, target)) = granted {
        let mut upgraded = TokioIo::new(upgrade.await?);
        client.relay(&mut upgraded, target).await;
    }
    Ok(())
}

//     CONNECT exchange.test:443 HTTP/1.1                 HTTP/1.1 200 OK
//     Host: exchange.test:443
//     Proxy-Authorization: Basic dXNlcjpwYXNz
//
// hyper keeps the connection after every other status, as RFC 9112 has it, so a client may ask
// again with a login.
async fn answer(
    mut request: Request<Incoming>,
    client: &Client,
    tunnel: &Tunnel,
) -> Result<Response<Full<Bytes>>, Declined> {
    if request.method() != Method::CONNECT {
        return Ok(decline(StatusCode::METHOD_NOT_ALLOWED, "only CONNECT"));
    }
    let outcome = authenticate(request.headers(), client);
    client.record_authentication(outcome);
    if !outcome.is_passed() {
        let mut response = decline(StatusCode::PROXY_AUTHENTICATION_REQUIRED, "who are you?");
        response.headers_mut().insert(
            header::PROXY_AUTHENTICATE,
            header::HeaderValue::from_static("Basic realm=\"mock\""),
        );
        return Ok(response);
    }
    let Some((host, port)) = request
        .uri()
        .authority()
        .and_then(|authority| Some((authority.host(), authority.port_u16()?)))
    else {
        return Ok(decline(StatusCode::BAD_REQUEST, "no host with port"));
    };
    let target = TunnelTarget::new(host, port);
    match client.open(target, request.headers().clone()).await {
        Ok(stream) => {
            let upgrade = hyper::upgrade::on(&mut request);
            *tunnel.lock() = Some((upgrade, stream));
            // 200 without a body. What the client has sent ahead of it is in the upgraded stream.
            Ok(Response::default())
        }
        Err(refusal) => refuse(refusal),
    }
}

fn authenticate(headers: &HeaderMap, client: &Client) -> Authentication {
    match (
        client.credentials(),
        headers.get(header::PROXY_AUTHORIZATION),
    ) {
        (None, _) => Authentication::NotRequired,
        (Some(_), None) => Authentication::Missing,
        (Some(credentials), Some(header)) if credentials.is_basic(header.as_bytes()) => {
            Authentication::Accepted
        }
        (Some(_), Some(_)) => Authentication::Wrong,
    }
}

/// The proxy hangs up without a response.
#[derive(Debug, thiserror::Error)]
#[error("told to hang up")]
struct Declined;

fn refuse(refusal: Refusal) -> Result<Response<Full<Bytes>>, Declined> {
    let (status, body) = match refusal {
        Refusal::Hangup => return Err(Declined),
        Refusal::Told { code, body } => (
            StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY),
            body,
        ),
        Refusal::Unreached(Unreached::UnknownHost) => {
            (StatusCode::BAD_GATEWAY, "unknown host".to_owned())
        }
        Refusal::Unreached(Unreached::Forbidden) => (
            StatusCode::FORBIDDEN,
            "not a target of this proxy".to_owned(),
        ),
        Refusal::Unreached(Unreached::Io(error)) => (StatusCode::BAD_GATEWAY, error.to_string()),
    };
    Ok(decline(status, body))
}

fn decline(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}
