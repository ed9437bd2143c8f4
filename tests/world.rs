//! Two exchanges on this machine, known by names that only this suite resolves.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use feeds::{Backpack, Binance};
use futures_util::StreamExt;
use http::{Method, Request, Response};
use proxy_config::{ExchangeId, ProxyConfig, ProxySettings, ProxyUrl};
use proxy_injector::{ProxyInjector, Scope};
use testkit::{
    ExchangeConnection, ExchangeTransport, MockExchange, MockProxy, MockProxyBuilder, ProxyKind,
    RecordingDialer, TestCa,
};
use tokio::time::timeout;
use transport::{HttpError, HttpTransport, Message, WebSocket, WsDialer, WsRequest};
use transport_tls::TlsTrust;
use transport_tunnel::{Resolver, TcpDialer};

pub(crate) const BINANCE: &str = "binance.test";
pub(crate) const BACKPACK: &str = "backpack.test";

/// Where connections come from that pass no proxy.
pub(crate) const DIRECT: IpAddr = egress(1);

/// The address by which proxy number `n` leaves.
pub(crate) const fn egress(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, n))
}

/// Waits for something that must happen, but not for ever.
pub(crate) async fn soon<F: Future>(event: F) -> F::Output {
    timeout(Duration::from_secs(20), event)
        .await
        .expect("it did not happen within 20 seconds")
}

pub(crate) struct World {
    pub(crate) ca: TestCa,
    pub(crate) binance: MockExchange,
    pub(crate) backpack: MockExchange,
}

impl World {
    pub(crate) async fn start() -> Self {
        let ca = TestCa::new().unwrap();
        let tls = ca.server_config(&[BINANCE, BACKPACK]).unwrap();
        Self {
            binance: Binance::mock().tls(tls.clone()).start().await.unwrap(),
            backpack: Backpack::mock().tls(tls).start().await.unwrap(),
            ca,
        }
    }

    pub(crate) fn exchange(&self, name: &str) -> &MockExchange {
        match name {
            BINANCE => &self.binance,
            BACKPACK => &self.backpack,
            _ => panic!("no exchange has the name {name}"),
        }
    }

    /// The URL of an exchange's REST listener, by name.
    pub(crate) fn rest_url(&self, name: &str) -> String {
        format!("https://{name}:{}", self.exchange(name).rest_addr().port())
    }

    /// The URL of an exchange's WebSocket listener, by name.
    pub(crate) fn ws_url(&self, name: &str) -> String {
        format!("wss://{name}:{}", self.exchange(name).ws_addr().port())
    }

    /// A proxy of `kind` that leaves by `egress(n)` and knows the exchanges by name.
    pub(crate) fn proxy(&self, kind: ProxyKind, n: u8) -> MockProxyBuilder {
        MockProxy::builder(kind)
            .egress(egress(n))
            .host(BINANCE, egress(1))
            .host(BACKPACK, egress(1))
            .tls(self.ca.server_config(&[]).unwrap())
    }

    /// A SOCKS5 proxy that leaves by `egress(2)`, and a CONNECT proxy that leaves by `egress(3)`.
    pub(crate) async fn two_proxies(&self) -> [MockProxy; 2] {
        let socks = self.proxy(ProxyKind::Socks5h, 2).start();
        let connect = self.proxy(ProxyKind::Http, 3).start();
        [socks.await.unwrap(), connect.await.unwrap()]
    }

    pub(crate) fn trust(&self) -> TlsTrust {
        TlsTrust::platform()
            .with_ca_pem(self.ca.pem().as_bytes())
            .unwrap()
    }

    /// An injector over real sockets, which remember what they were asked for.
    pub(crate) fn injector(&self, settings: ProxySettings) -> Injected {
        let sockets = Arc::new(RecordingDialer::new(TcpDialer::with_resolver(TestNames)));
        let injector = ProxyInjector::new(settings)
            .with_tcp_dialer(sockets.clone())
            .with_resolver(Arc::new(TestNames))
            .with_trust(self.trust());
        Injected {
            injector: Arc::new(injector),
            sockets,
        }
    }

    /// The addresses from which an exchange was reached, in order, repeated ones once.
    pub(crate) fn seen(&self, name: &str, transport: ExchangeTransport) -> Vec<IpAddr> {
        let mut peers: Vec<_> = self
            .connections(name, transport)
            .iter()
            .map(|connection| connection.peer.ip())
            .collect();
        peers.dedup();
        peers
    }

    pub(crate) fn connections(
        &self,
        name: &str,
        transport: ExchangeTransport,
    ) -> Vec<ExchangeConnection> {
        let mut connections = self.exchange(name).ledger().connections();
        connections.retain(|connection| connection.transport == transport);
        connections
    }

    /// Sends `GET /echo` to an exchange.
    pub(crate) async fn echo(
        &self,
        rest: &impl HttpTransport,
        name: &str,
    ) -> Result<Response<Bytes>, HttpError> {
        let uri = format!("{}/echo", self.rest_url(name));
        soon(rest.send(request(Method::GET, &uri, ""))).await
    }

    /// Opens a stream of an exchange and waits for its first event.
    pub(crate) async fn stream(&self, ws: &impl WsDialer, name: &str) -> WebSocket {
        let url = self.ws_url(name);
        let mut request = match name {
            BINANCE => ws_request(&format!("{url}/ws/btcusdt@trade")),
            _ => ws_request(&url),
        };
        if name == BACKPACK {
            let subscribe = r#"{"method":"SUBSCRIBE","params":["trade.SOL_USDC"]}"#;
            request.first_messages.push(Message::text(subscribe));
        }
        let mut socket = soon(ws.dial(request)).await.unwrap();
        soon(socket.next()).await.unwrap().unwrap();
        socket
    }
}

/// An injector and the sockets under it.
pub(crate) struct Injected {
    pub(crate) injector: Arc<ProxyInjector>,
    pub(crate) sockets: Arc<RecordingDialer<TcpDialer<TestNames>>>,
}

impl Injected {
    pub(crate) fn exchange(&self, id: &str) -> Scope {
        self.injector.exchange(ExchangeId::new(id).unwrap())
    }

    /// What the sockets were asked for, repeated ones once.
    pub(crate) fn asked_for(&self) -> Vec<String> {
        let mut targets: Vec<_> = self
            .sockets
            .targets()
            .iter()
            .map(ToString::to_string)
            .collect();
        targets.sort();
        targets.dedup();
        targets
    }
}

pub(crate) fn ws_request(uri: &str) -> WsRequest {
    WsRequest::new(uri.parse().unwrap()).unwrap()
}

pub(crate) fn request(method: Method, uri: &str, body: &'static str) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(uri)
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap()
}

/// The settings of a proxy, as its user would write them.
pub(crate) fn config(proxy: &MockProxy) -> ProxyConfig {
    ProxyConfig::new(ProxyUrl::parse(&proxy.url()).unwrap())
}

/// Knows the names of the two exchanges, and `localhost`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TestNames;

#[async_trait]
impl Resolver for TestNames {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match name {
            BINANCE | BACKPACK | "localhost" => Ok(vec![egress(1)]),
            _ => Err(io::Error::other(format!(
                "{name} is not a name of this suite"
            ))),
        }
    }
}
