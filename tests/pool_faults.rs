//! Whose fault a failure is, as far as a pool can tell.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, fs, process};

use async_trait::async_trait;
use http::Method;
use proxy_config::{
    ConnectionProxies, ExchangeId, HandshakeMode, PoolConfig, PoolMember, PoolStrategy,
    ProxyConfig, ProxyServer, ProxySettings, Transport,
};
use proxy_injector::{HttpSession, ProxyInjector};
use testkit::{ExchangeTransport, MockProxy, ProxyKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use transport::{
    BoxError, Connection, DialError, Dialer, Hop, HttpTransport, Phase, Target, WsDialer, WsRequest,
};
use transport_ws::{Authenticator, Hooks};

use crate::world::{BACKPACK, BINANCE, World, config, egress, request, soon, ws_request};

fn server(proxy: &MockProxy) -> ProxyServer {
    config(proxy).server().clone()
}

fn pool(servers: impl IntoIterator<Item = ProxyServer>) -> PoolConfig {
    PoolConfig::new(servers.into_iter().map(PoolMember::new)).unwrap()
}

fn settings(rules: ConnectionProxies) -> ProxySettings {
    ProxySettings::enabled().with_default(rules)
}

/// A file without a certificate in it.
const NO_AUTHORITIES: &str = "Cargo.toml";

#[tokio::test]
async fn a_member_that_cannot_be_trusted_is_passed_over() {
    let world = World::start().await;
    let a = world.proxy(ProxyKind::Https, 2).start().await.unwrap();
    let b = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    for strategy in [PoolStrategy::RoundRobin, PoolStrategy::LeastConnections] {
        let nobody = server(&a).with_ca_file(NO_AUTHORITIES).unwrap();
        let pool = pool([nobody, server(&b)]).with_strategy(strategy);
        let injected = world.injector(settings(ConnectionProxies::both(pool)));
        let scope = injected.exchange("binance");
        for _ in 0..3 {
            world.stream(&scope.websocket(), BINANCE).await;
            world.echo(&scope.http(), BINANCE).await.unwrap();
        }
    }
    assert!(a.ledger().connections().is_empty());
}

#[tokio::test]
async fn a_session_recovers_when_a_reload_brings_the_authorities_of_its_proxy() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Https, 2).start().await.unwrap();
    let path = env::temp_dir().join(format!("pool-faults-{}.pem", process::id()));
    let trusting = |path: &Path| {
        let proxy = ProxyConfig::from(server(&proxy).with_ca_file(path).unwrap());
        settings(ConnectionProxies::both(proxy))
    };
    let injected = world.injector(trusting(Path::new(NO_AUTHORITIES)));
    let rest = injected.exchange("binance").http();
    let error = world.echo(&rest, BINANCE).await.unwrap_err();
    assert!(DialError::find(&error).unwrap().hop().is_proxy());
    world.ca.write_pem(&path).unwrap();
    injected.injector.reload(trusting(&path)).unwrap();
    // The file was read by then.
    fs::remove_file(&path).unwrap();
    world.echo(&rest, BINANCE).await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_agrees_and_hangs_up_does_not_fail_the_dial() {
    let world = World::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _hanging_up = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = client.read(&mut head).await;
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        }
    });
    let good = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let bad = ProxyServer::new(format!("http://{address}").parse().unwrap());
    let pool = pool([bad, server(&good)]).with_strategy(PoolStrategy::LeastConnections);
    let injected = world.injector(settings(ConnectionProxies::both(pool)));
    let scope = injected.exchange("binance");
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(world.stream(&scope.websocket(), BINANCE).await);
        world.echo(&scope.http(), BINANCE).await.unwrap();
    }
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(3)]
    );
}

/// Logs in by REST, the first time.
struct Login {
    rest: HttpSession,
    uri: String,
    is_done: AtomicBool,
}

#[async_trait]
impl Authenticator for Login {
    async fn prepare(&self, _request: &mut WsRequest) -> Result<(), BoxError> {
        if !self.is_done.swap(true, Ordering::Relaxed) {
            let login = request(Method::POST, &self.uri, "");
            self.rest.send(login).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_login_that_fails_elsewhere_is_no_fault_of_a_member() {
    let world = World::start().await;
    let dead = world.proxy(ProxyKind::Http, 9).start().await.unwrap();
    let a = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let b = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let rules = ConnectionProxies::default()
        .with_http(config(&dead))
        .with_websocket(pool([server(&a), server(&b)]));
    dead.stop().await;
    let injected = world.injector(settings(rules));
    let scope = injected.exchange("binance");
    let login = Login {
        rest: scope.http(),
        uri: format!("{}/echo", world.rest_url(BINANCE)),
        is_done: AtomicBool::new(false),
    };
    let hooks = Hooks::default().with_authenticator(Arc::new(login));
    let streams = scope.websocket().with_hooks(hooks);
    let uri = format!("{}/ws", world.ws_url(BINANCE));
    soon(streams.dial(ws_request(&uri))).await.unwrap_err();
    for _ in 0..2 {
        soon(streams.dial(ws_request(&uri))).await.unwrap();
    }
    assert_eq!(a.ledger().connections().len(), 1);
    assert_eq!(b.ledger().connections().len(), 1);
}

#[tokio::test]
async fn what_a_proxy_cannot_reach_is_not_held_against_it() {
    let world = World::start().await;
    let knows_binance = MockProxy::builder(ProxyKind::Socks5h)
        .egress(egress(2))
        .host(BINANCE, egress(1));
    let alive = knows_binance.start().await.unwrap();
    let dead = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    dead.stop().await;
    let pool = pool([server(&alive), server(&dead)]);
    let injected = world.injector(settings(ConnectionProxies::both(pool)));
    let streams = injected.exchange("binance").websocket();
    for _ in 0..2 {
        world.stream(&streams, BINANCE).await;
    }
    let port = dead.address().port();
    let dials = || {
        let targets = injected.sockets.targets();
        targets
            .iter()
            .filter(|target| target.port() == port)
            .count()
    };
    let uri = format!("{}/ws", world.ws_url(BACKPACK));
    let backpack = injected.exchange("backpack").websocket();
    let error = soon(backpack.dial(ws_request(&uri))).await.unwrap_err();
    assert!(error.hop().is_proxy());
    let before = dials();
    world.stream(&streams, BINANCE).await;
    assert_eq!(dials(), before, "the dead one is asked again");
}

#[tokio::test]
async fn how_a_proxy_is_spoken_to_makes_it_no_other_proxy() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let speaking = |mode| {
        let pool = pool([server(&a).with_handshake(mode), server(&b)]);
        let pool = pool.with_strategy(PoolStrategy::LeastConnections);
        settings(ConnectionProxies::both(pool))
    };
    let injected = world.injector(speaking(HandshakeMode::Standard));
    let streams = injected.exchange("binance").websocket();
    let _first = world.stream(&streams, BINANCE).await;
    injected
        .injector
        .reload(speaking(HandshakeMode::Auto))
        .unwrap();
    let _second = world.stream(&streams, BINANCE).await;
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(2), egress(3)]
    );
}

/// Connects after 14 seconds to somebody who never speaks.
struct SlowAndSilent;

#[async_trait]
impl Dialer for SlowAndSilent {
    async fn connect(&self, _target: &Target) -> Result<Connection, DialError> {
        sleep(Duration::from_secs(14)).await;
        let (connection, silent) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let _held = silent;
            pending::<()>().await;
        });
        Ok(Connection::new(connection))
    }
}

#[tokio::test(start_paused = true)]
async fn all_members_together_take_no_longer_than_the_timeout() {
    let urls = [
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
        "http://127.0.0.1:3",
    ];
    let pool = pool(urls.map(|url| ProxyServer::new(url.parse().unwrap())));
    let timeout = pool.timeout();
    let injector = ProxyInjector::new(settings(ConnectionProxies::both(pool)));
    let injector = Arc::new(injector.with_tcp_dialer(Arc::new(SlowAndSilent)));
    let scope = injector.exchange(ExchangeId::new("binance").unwrap());
    let start = Instant::now();
    let ask = request(Method::GET, "http://127.0.0.1:9/", "");
    scope.http().send(ask).await.unwrap_err();
    assert!(start.elapsed() <= timeout, "{:?}", start.elapsed());
    let start = Instant::now();
    let stream = ws_request("ws://127.0.0.1:9/");
    scope.websocket().dial(stream).await.unwrap_err();
    assert!(start.elapsed() <= timeout, "{:?}", start.elapsed());
}

/// Reaches port 3 at once, and no other ever.
struct OnlyTheThird;

#[async_trait]
impl Dialer for OnlyTheThird {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        if target.port() != 3 {
            let hop = Hop::Target(target.endpoint().clone());
            let elapsed = target.phase(pending::<()>()).await.unwrap_err();
            return Err(DialError::timeout(hop, Phase::Tcp, elapsed));
        }
        let (connection, mut proxy) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let _ = proxy.read(&mut [0; 4096]).await;
            let _ = proxy.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            pending::<()>().await;
        });
        Ok(Connection::new(connection))
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_was_given_no_time_is_not_marked() {
    let member = |port| {
        let url = format!("http://127.0.0.1:{port}").parse().unwrap();
        PoolMember::new(ProxyServer::new(url))
    };
    // The first two use the time up.
    let first = member(1).with_weight(100).unwrap();
    let pool = PoolConfig::new([first, member(2), member(3)]).unwrap();
    let injector = ProxyInjector::new(settings(ConnectionProxies::both(pool)));
    let injector = Arc::new(injector.with_tcp_dialer(Arc::new(OnlyTheThird)));
    let scope = injector.exchange(ExchangeId::new("binance").unwrap());
    let dialer = scope.dialer(Transport::WebSocket);
    let target = Target::parse("127.0.0.1", 9).unwrap();
    let short = target.clone().within(Duration::from_secs(10));
    dialer.dial(&short).await.unwrap_err();
    let start = Instant::now();
    dialer.dial(&target).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}
