//! Everything that somebody keeps follows a reload, or fails with `RouteChanged`, and soon.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use feeds::FeedEventKind;
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request};
use proxy_config::{
    AmbientProxies, ConnectionProxies, PoolConfig, PoolMember, ProxyConfig, ProxyRule,
    ProxySettings, Transport,
};
use testkit::{ExchangeTransport, MockProxy, ProxyFault, ProxyKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;
use transport::{
    BoxError, DialError, DialErrorKind, Hop, HttpTransport, Message, Phase, Target, WsDialer,
    WsErrorKind, WsRequest,
};
use transport_ws::{Authenticator, Hooks};

use crate::firehose::Firehose;
use crate::running::Running;
use crate::world::{BACKPACK, BINANCE, Injected, World, config, egress, request, soon, ws_request};

/// Within this time everything has moved.
const SOON: Duration = Duration::from_secs(1);

fn through(rule: impl Into<ProxyRule>) -> ProxySettings {
    ProxySettings::enabled().with_default(ConnectionProxies::both(rule.into()))
}

fn pool(proxies: &[&MockProxy]) -> PoolConfig {
    let servers = proxies.iter().map(|proxy| config(proxy).server().clone());
    PoolConfig::new(servers.map(PoolMember::new)).unwrap()
}

fn reload(injected: &Injected, rule: impl Into<ProxyRule>) {
    injected.injector.reload(through(rule)).unwrap();
}

/// Waits until `proxy` has no connection left.
async fn until_unused(proxy: &MockProxy) {
    let ledger = proxy.ledger();
    let is_unused = async {
        while ledger.connections().iter().any(|it| !it.closed) {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, is_unused).await.expect("a connection stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_under_full_load_moves_though_its_reader_never_catches_up() {
    let world = World::start().await;
    let firehose = Firehose::start().await;
    let old = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let new = world.proxy(ProxyKind::Socks5h, 3).start().await.unwrap();
    let injected = world.injector(through(config(&old)));
    let streams = injected.exchange("binance").websocket();
    let mut socket = soon(streams.dial(ws_request(&firehose.url())))
        .await
        .unwrap();
    // The last one is the first of many that come together.
    for _ in 0..1_001 {
        soon(socket.next()).await.unwrap().unwrap();
    }
    reload(&injected, config(&new));
    let next = timeout(SOON, socket.next()).await;
    let next = next.expect("it stays on the old way").unwrap();
    assert_eq!(next.unwrap_err().kind(), WsErrorKind::RouteChanged);
    assert!(soon(socket.next()).await.is_none());
    until_unused(&old).await;
    soon(streams.dial(ws_request(&firehose.url())))
        .await
        .unwrap();
    assert_eq!(firehose.peers(), [egress(2), egress(3)]);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_closed_all_the_same() {
    let world = World::start().await;
    let old = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let injected = world.injector(through(config(&old)));
    let scope = injected.exchange("binance");
    let mut socket = world.stream(&scope.websocket(), BINANCE).await;
    let target = Target::parse(BINANCE, world.binance.ws_addr().port()).unwrap();
    let bytes = scope.dialer(Transport::WebSocket);
    let mut bytes = soon(bytes.dial(&target)).await.unwrap();
    reload(&injected, ProxyRule::Direct);
    until_unused(&old).await;
    let error = soon(socket.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), WsErrorKind::RouteChanged);
    assert!(soon(socket.next()).await.is_none());
    let error = soon(bytes.read_u8()).await.unwrap_err();
    let error = DialError::find(&error).unwrap();
    assert_eq!(error.kind(), DialErrorKind::RouteChanged);
}

#[tokio::test]
async fn the_writing_half_of_a_stream_fails_like_the_reading_half() {
    let world = World::start().await;
    let old = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let new = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let injected = world.injector(through(config(&old)));
    let socket = world
        .stream(&injected.exchange("backpack").websocket(), BACKPACK)
        .await;
    let (mut sink, _stream) = socket.split();
    reload(&injected, config(&new));
    let order = Message::text(r#"{"method":"SUBSCRIBE","params":["bookTicker.SOL_USDC"]}"#);
    let error = soon(sink.send(order)).await.unwrap_err();
    assert_eq!(error.kind(), WsErrorKind::RouteChanged);
    until_unused(&old).await;
    let seen = world.connections(BACKPACK, ExchangeTransport::WebSocket);
    assert_eq!(seen[0].messages_received.len(), 1);
}

#[tokio::test]
async fn a_byte_stream_cannot_be_written_any_longer_and_its_dialer_follows() {
    let world = World::start().await;
    let old = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let new = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let injected = world.injector(through(config(&old)));
    let dialer = injected.exchange("binance").dialer(Transport::Http);
    let target = Target::parse(BINANCE, world.binance.rest_addr().port()).unwrap();
    let mut connection = soon(dialer.dial(&target)).await.unwrap();
    reload(&injected, config(&new));
    let error = soon(connection.write_all(b"x")).await.unwrap_err();
    let error = DialError::find(&error).unwrap();
    assert_eq!(error.kind(), DialErrorKind::RouteChanged);
    soon(dialer.dial(&target)).await.unwrap();
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::Rest),
        [egress(2), egress(3)]
    );
}

#[tokio::test]
async fn idle_connections_of_a_session_are_closed_and_not_used_again() {
    let world = World::start().await;
    let old = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let injected = world.injector(through(config(&old)));
    let session = injected.exchange("binance").http();
    world.echo(&session, BINANCE).await.unwrap();
    reload(&injected, ProxyRule::Direct);
    until_unused(&old).await;
    world.echo(&session, BINANCE).await.unwrap();
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::Rest),
        [egress(2), egress(1)]
    );
}

/// Prepares when it is told to.
#[derive(Default)]
struct Patient {
    is_asked: Notify,
    go_on: Notify,
}

#[async_trait]
impl Authenticator for Patient {
    async fn prepare(&self, _request: &mut WsRequest) -> Result<(), BoxError> {
        self.is_asked.notify_one();
        self.go_on.notified().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_dial_that_prepares_its_login_takes_the_new_route() {
    let world = World::start().await;
    let old = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let new = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let injected = world.injector(through(config(&old)));
    let login = Arc::new(Patient::default());
    let hooks = Hooks::default().with_authenticator(Arc::clone(&login) as _);
    let streams = injected.exchange("binance").websocket().with_hooks(hooks);
    let uri = format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE));
    let reloads = async {
        login.is_asked.notified().await;
        reload(&injected, config(&new));
        login.go_on.notify_one();
    };
    let (dialed, ()) = soon(async { tokio::join!(streams.dial(ws_request(&uri)), reloads) }).await;
    dialed.unwrap();
    assert!(old.ledger().connections().is_empty());
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(3)]
    );
}

#[tokio::test]
async fn dials_under_way_in_a_pool_take_the_new_route_and_no_other_member() {
    let world = World::start().await;
    let silent = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let next = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let new = world.proxy(ProxyKind::Socks5h, 4).start().await.unwrap();
    silent.fail_with(ProxyFault::Stall);
    let injected = world.injector(through(pool(&[&silent, &next])));
    let scope = injected.exchange("binance");
    let (session, streams) = (scope.http(), scope.websocket());
    let bytes = scope.dialer(Transport::Http);
    let target = Target::parse(BINANCE, world.binance.rest_addr().port()).unwrap();
    let uri = format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE));
    let key = format!("{}/echo?key=1", world.rest_url(BINANCE));

    let order = session.send(request(Method::POST, &key, "order"));
    let all = async { tokio::join!(order, streams.dial(ws_request(&uri)), bytes.dial(&target)) };
    let reloads = async {
        while silent.ledger().connections().is_empty() {
            tokio::task::yield_now().await;
        }
        reload(&injected, config(&new));
    };
    // The turns of the pool let the second dial take the other member.
    let dials = async { tokio::join!(all, reloads) };
    let ((order, stream, bytes), ()) = soon(dials).await;
    assert_eq!(order.unwrap().status(), 200);
    stream.unwrap();
    bytes.unwrap();
    let reached: Vec<IpAddr> = [ExchangeTransport::Rest, ExchangeTransport::WebSocket]
        .iter()
        .flat_map(|transport| world.seen(BINANCE, *transport))
        .filter(|peer| *peer != egress(3))
        .collect();
    assert!(reached.iter().all(|peer| *peer == egress(4)), "{reached:?}");
    let orders = world.connections(BINANCE, ExchangeTransport::Rest);
    let orders: Vec<_> = orders
        .iter()
        .filter(|connection| !connection.requests.is_empty())
        .collect();
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].peer.ip(), egress(4));
}

#[tokio::test]
async fn a_request_that_was_sent_is_answered_where_it_is() {
    let world = World::start().await;
    let firehose = Firehose::start().await;
    let old = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let new = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let injected = world.injector(through(config(&old)));
    let session = injected.exchange("binance").http();
    let url = firehose.slow_url();
    let reloads = async {
        firehose.is_asked().await;
        reload(&injected, config(&new));
        firehose.answer();
    };
    let send = session.send(request(Method::POST, &url, "order"));
    let (answer, ()) = soon(async { tokio::join!(send, reloads) }).await;
    assert_eq!(answer.unwrap().body(), "slow");
    until_unused(&old).await;
    assert_eq!(firehose.peers(), [egress(2)]);
}

/// Somebody who takes connections and everything that comes, and says nothing.
async fn black_hole() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    address
}

/// Waits until `proxy` has opened a tunnel.
async fn until_tunnelled(proxy: &MockProxy) {
    while proxy
        .ledger()
        .connections()
        .iter()
        .all(|it| it.egress.is_none())
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_tls_hangs_takes_the_new_route() {
    let world = World::start().await;
    let hole = black_hole().await;
    let old = world.proxy(ProxyKind::Http, 2).redirect(BINANCE, hole);
    let old = old.start().await.unwrap();
    let new = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let injected = world.injector(through(config(&old)));
    let session = injected.exchange("binance").http();
    let uri = format!("{}/echo", world.rest_url(BINANCE));
    let reloads = async {
        until_tunnelled(&old).await;
        reload(&injected, config(&new));
    };
    let send = session.send(request(Method::POST, &uri, "order"));
    let both = async { tokio::join!(send, reloads) };
    let (answer, ()) = timeout(10 * SOON, both).await.expect("it hangs");
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_sent_in_part_fails_at_once_and_is_not_sent_again() {
    let world = World::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let old = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let new = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let injected = world.injector(through(config(&old)));
    let session = injected.exchange("binance").http();
    let order = Request::post(format!("http://{BINANCE}:{port}/order"))
        .body(Bytes::from(vec![b'x'; 16 << 20]))
        .unwrap();
    let exchange = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 200]).await.unwrap();
        // The interim answer is no end of the request.
        stream
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await
            .unwrap();
        let down = || old.ledger().connections()[0].bytes_down();
        while down() == 0 {
            tokio::task::yield_now().await;
        }
        reload(&injected, config(&new));
        stream
    };
    let both = async { tokio::join!(session.send(order), exchange) };
    let (answer, _stream) = timeout(10 * SOON, both).await.expect("it hangs");
    let error = answer.unwrap_err();
    let error = DialError::find(&error).unwrap();
    assert_eq!(error.kind(), DialErrorKind::RouteChanged);
    assert!(new.ledger().connections().is_empty());
}

#[tokio::test]
async fn a_corrected_password_is_used_at_once() {
    let world = World::start().await;
    let proxy = world
        .proxy(ProxyKind::Http, 2)
        .credentials("alice", "right")
        .start()
        .await
        .unwrap();
    let with_password = |password: &str| {
        let url = format!("http://alice:{password}@{}", proxy.address());
        ProxyConfig::new(url.parse().unwrap())
    };
    let injected = world.injector(through(with_password("wrong")));
    let mut feed = Running::start(&world, &injected, BINANCE, &["BTC-USDT"]);
    let event = feed
        .until(|event| matches!(event, FeedEventKind::Disconnected { .. }))
        .await;
    let FeedEventKind::Disconnected { retry_in, .. } = event else {
        unreachable!("it was looked for");
    };
    assert!(retry_in > Duration::from_secs(30), "{retry_in:?}");
    reload(&injected, with_password("right"));
    feed.until_everything_flows().await;
}

/// Leads a request elsewhere.
struct Elsewhere(String);

#[async_trait]
impl Authenticator for Elsewhere {
    async fn prepare(&self, request: &mut WsRequest) -> Result<(), BoxError> {
        request.set_uri(self.0.parse()?)?;
        Ok(())
    }
}

#[tokio::test]
async fn the_route_is_that_of_where_the_hooks_lead() {
    let world = World::start().await;
    let tls = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let plain = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let (secure, insecure) = (tls.url(), plain.url());
    let ambient = AmbientProxies::from_variables([
        ("HTTPS_PROXY", secure.as_str()),
        ("HTTP_PROXY", insecure.as_str()),
        ("NO_PROXY", "exempt.test"),
    ]);
    let settings = ProxySettings::enabled()
        .with_strict(true)
        .with_ambient(ambient.unwrap());
    let injected = world.injector(settings);
    let uri = format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE));
    for first in [
        "wss://exempt.test/",
        "ws://exempt.test/",
        "ws://binance.test/",
    ] {
        let hooks = Hooks::default().with_authenticator(Arc::new(Elsewhere(uri.clone())));
        let streams = injected.exchange("binance").websocket().with_hooks(hooks);
        let _socket = soon(streams.dial(ws_request(first))).await.unwrap();
    }
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(2)]
    );
    assert!(plain.ledger().connections().is_empty());
}

/// A login whose own request fails at the proxy `0`.
struct Locked(MockProxy);

#[async_trait]
impl Authenticator for Locked {
    async fn prepare(&self, _request: &mut WsRequest) -> Result<(), BoxError> {
        let proxy = Target::parse("127.0.0.1", self.0.address().port())?;
        let hop = Hop::Proxy(proxy.endpoint().clone());
        Err(DialError::new(hop, Phase::Tcp, DialErrorKind::Refused).into())
    }
}

#[tokio::test]
async fn a_login_that_fails_at_a_member_does_not_mark_it_and_tries_no_other() {
    let world = World::start().await;
    let a = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let b = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let injected = world.injector(through(pool(&[&a, &b])));
    let uri = format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE));
    let hooks = Hooks::default().with_authenticator(Arc::new(Locked(a)));
    let scope = injected.exchange("binance");
    let streams = scope.websocket().with_hooks(hooks);
    let error = soon(streams.dial(ws_request(&uri))).await.unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Refused);
    assert!(world.binance.ledger().connections().is_empty());
    world.stream(&scope.websocket(), BINANCE).await;
    world.stream(&scope.websocket(), BINANCE).await;
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(2), egress(3)]
    );
}
