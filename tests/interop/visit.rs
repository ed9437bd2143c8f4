//! REST and WebSocket of both exchanges through every door of a server.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::StreamExt;
use http::{Method, StatusCode};
use proxy_config::{
    ConnectionProxies, ExchangeId, HandshakeMode, ProxyConfig, ProxyServer, ProxySettings, Scheme,
};
use proxy_injector::{ProxyInjector, Scope};
use testkit::MockExchange;
use transport::{
    Connection, ConnectionInfo, DialError, Dialer, HttpTransport, Message, Phase, Target, WsDialer,
};
use transport_tls::TlsTrust;
use transport_tunnel::TcpDialer;

use super::door::{Door, PASSWORD, Rejection, USER};
use crate::world::{TestNames, World, request, soon, ws_request};

/// A port at which nobody listens.
const CLOSED_PORT: u16 = 1;

/// An exchange, and how to subscribe to its changes of a book.
#[derive(Clone, Copy)]
struct Exchange<'a> {
    mock: &'a MockExchange,
    path: &'static str,
    subscribe: &'static str,
}

/// Goes through every door by every scheme and in every mode of the handshake, with and without a
/// login, and with a wrong one.
pub(super) async fn visit(doors: &[Door]) {
    let world = World::start().await;
    let trust = world.trust();
    visit_with(&world, &trust, doors).await;
}

/// The same for doors with a certificate, given as PEM.
pub(super) async fn visit_trusting(doors: &[Door], certificate: &str) {
    let world = World::start().await;
    let trust = world.trust().with_ca_pem(certificate.as_bytes()).unwrap();
    visit_with(&world, &trust, doors).await;
}

async fn visit_with(world: &World, trust: &TlsTrust, doors: &[Door]) {
    let visit = |door, scheme, userinfo, mode| Visit {
        exchanges: [
            Exchange {
                mock: &world.binance,
                path: "/ws",
                subscribe: r#"{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":1}"#,
            },
            Exchange {
                mock: &world.backpack,
                path: "/",
                subscribe: r#"{"method":"SUBSCRIBE","params":["depth.SOL_USDC"]}"#,
            },
        ],
        trust,
        door,
        scheme,
        userinfo,
        mode,
    };
    for door in doors {
        for &scheme in door.schemes {
            let login = |password| match scheme {
                Scheme::Socks4 | Scheme::Socks4a => format!("{USER}@"),
                _ => format!("{USER}:{password}@"),
            };
            let mut standard = None;
            for mode in [
                HandshakeMode::Standard,
                HandshakeMode::Optimistic,
                HandshakeMode::Auto,
            ] {
                let resident = visit(door, scheme, login(PASSWORD), mode);
                let nobody = visit(door, scheme, String::new(), mode);
                let stranger = visit(door, scheme, login("open-barley"), mode);
                let with_login = resident.passes().await;
                let opened = match door.guard {
                    None => nobody.passes().await,
                    Some(_) => with_login,
                };
                // Another socket is another try.
                let is_more = opened > *standard.get_or_insert(opened);
                let is_expected = mode != HandshakeMode::Standard && !door.copes;
                assert_eq!(is_more, is_expected, "{}: {mode}", resident.url());
                if mode == HandshakeMode::Auto {
                    // Whatever fails, fails in the standard way.
                    continue;
                }
                resident.meets_closed_port().await;
                if let Some(guard) = door.guard {
                    nobody.fails(guard.without_login).await;
                    stranger.fails(guard.wrong_password).await;
                }
            }
        }
    }
}

struct Visit<'a> {
    exchanges: [Exchange<'a>; 2],
    trust: &'a TlsTrust,
    door: &'a Door,
    scheme: Scheme,
    userinfo: String,
    mode: HandshakeMode,
}

impl Visit<'_> {
    /// Both transports of both exchanges work, and the exchanges see the proxy alone. Returns how
    /// many sockets that took.
    async fn passes(&self) -> usize {
        let (scope, sockets) = self.client();
        for exchange in self.exchanges {
            let known = exchange.mock.ledger().connections().len();
            for outcome in [rest(&scope, exchange).await, stream(&scope, exchange).await] {
                outcome.unwrap_or_else(|error| panic!("{}: {error:?}", self.url()));
            }
            let seen = exchange.mock.ledger().connections().split_off(known);
            assert_eq!(seen.len(), 2, "{}: {seen:?}", self.url());
            let opened = sockets.opened();
            for connection in &seen {
                let peer = connection.peer;
                let ours = opened
                    .iter()
                    .any(|socket| socket.local_addr() == Some(peer));
                let egress = self.door.egress.unwrap_or(peer.ip());
                assert!(
                    !ours && peer.ip() == egress,
                    "{}: {connection:?}",
                    self.url()
                );
            }
        }
        for socket in sockets.opened() {
            assert_eq!(
                socket.peer_addr(),
                Some(self.door.address),
                "{}",
                self.url()
            );
        }
        sockets.opened().len()
    }

    /// A target that is not there is not mistaken for a proxy that is not.
    async fn meets_closed_port(&self) {
        let (scope, _) = self.client();
        let uri = format!("https://localhost:{CLOSED_PORT}/");
        let error = soon(scope.http().send(request(Method::GET, &uri, ""))).await;
        let error = error.expect_err(&self.url());
        let expected = self.door.at_closed_port;
        assert!(
            error
                .dial_error()
                .is_some_and(|error| expected.is_told_by(error)),
            "{}: {error:?} is no {expected:?}",
            self.url()
        );
    }

    /// Neither transport of any exchange works, the error is the proxy's word, and no exchange
    /// sees anybody.
    async fn fails(&self, rejection: Rejection) {
        let (scope, _) = self.client();
        for exchange in self.exchanges {
            let known = exchange.mock.ledger().connections().len();
            for outcome in [rest(&scope, exchange).await, stream(&scope, exchange).await] {
                let error = outcome.expect_err(&self.url());
                assert!(
                    error.hop().is_proxy()
                        && error.phase() == Phase::ProxyHandshake
                        && rejection.is_told_by(&error),
                    "{}: {error:?} is no {rejection:?}",
                    self.url()
                );
            }
            assert_eq!(
                exchange.mock.ledger().connections().len(),
                known,
                "{}",
                self.url()
            );
        }
    }

    fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.userinfo, self.door.address)
    }

    /// Whose every connection shall take this door, and the sockets that it opens.
    fn client(&self) -> (Scope, Arc<Sockets>) {
        let sockets = Arc::new(Sockets::default());
        let server = ProxyServer::new(self.url().parse().unwrap()).with_handshake(self.mode);
        let proxy = ProxyConfig::from(server);
        let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(proxy));
        let injector = ProxyInjector::new(settings)
            .with_tcp_dialer(Arc::clone(&sockets) as _)
            .with_resolver(Arc::new(TestNames))
            .with_trust(self.trust.clone());
        let scope = Arc::new(injector).exchange(ExchangeId::new("any").unwrap());
        (scope, sockets)
    }
}

async fn rest(scope: &Scope, exchange: Exchange<'_>) -> Result<(), DialError> {
    let uri = format!(
        "https://localhost:{}/echo",
        exchange.mock.rest_addr().port()
    );
    match soon(scope.http().send(request(Method::GET, &uri, ""))).await {
        Ok(response) => {
            assert_eq!(response.status(), StatusCode::OK);
            Ok(())
        }
        Err(error) => Err(error
            .dial_error()
            .unwrap_or_else(|| panic!("{error:?}"))
            .clone()),
    }
}

/// Opens a stream and waits for its first event.
async fn stream(scope: &Scope, exchange: Exchange<'_>) -> Result<(), DialError> {
    let url = format!("wss://localhost:{}", exchange.mock.ws_addr().port());
    let mut request = ws_request(&format!("{url}{}", exchange.path));
    request
        .first_messages
        .push(Message::text(exchange.subscribe));
    let mut socket = soon(scope.websocket().dial(request)).await?;
    let event = soon(socket.next()).await.unwrap().unwrap();
    assert!(event.as_text().is_some(), "{event:?}");
    Ok(())
}

/// Opens sockets and remembers them.
#[derive(Debug, Default)]
struct Sockets {
    inner: TcpDialer,
    opened: Mutex<Vec<ConnectionInfo>>,
}

impl Sockets {
    fn opened(&self) -> Vec<ConnectionInfo> {
        self.opened.lock().unwrap().clone()
    }
}

#[async_trait]
impl Dialer for Sockets {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let connection = self.inner.dial(target).await?;
        self.opened.lock().unwrap().push(connection.info().clone());
        Ok(connection)
    }
}
