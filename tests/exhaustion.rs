//! A machine that has run out of what a connection needs, and a pool without a proxy that answers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use proxy_config::{
    ConnectionProxies, ExchangeId, PoolConfig, PoolMember, ProxyServer, ProxySettings, ProxyUrl,
    Transport,
};
use proxy_injector::{ProxyInjector, Scope};
use testkit::{ExchangeTransport, ProxyKind};
use tokio::time::advance;
use transport::{Connection, DialError, DialErrorKind, Dialer, Hop, Phase, Target, chain};
use transport_tunnel::TcpDialer;

use crate::capture::Capture;
use crate::world::{BINANCE, TestNames, World, config, egress};

const EMFILE: i32 = 24;

/// Opens sockets, but not the first ones.
struct Failing {
    code: i32,
    left: AtomicUsize,
    asked: AtomicUsize,
}

impl Failing {
    fn new(code: i32, left: usize) -> Arc<Self> {
        Arc::new(Self {
            code,
            left: left.into(),
            asked: AtomicUsize::default(),
        })
    }
}

#[async_trait]
impl Dialer for Failing {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let is_left = |left: usize| left.checked_sub(1);
        if self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_left)
            .is_ok()
        {
            let hop = Hop::Target(target.endpoint().clone());
            let error = io::Error::from_raw_os_error(self.code);
            return Err(DialError::io(hop, Phase::Tcp, error));
        }
        TcpDialer::with_resolver(TestNames).dial(target).await
    }
}

fn pool(servers: impl IntoIterator<Item = ProxyServer>) -> ProxySettings {
    let pool = PoolConfig::new(servers.into_iter().map(PoolMember::new)).unwrap();
    ProxySettings::enabled().with_default(ConnectionProxies::both(pool))
}

fn dead(number: usize) -> ProxyServer {
    let url: ProxyUrl = format!("http://dead-{number}.example:1").parse().unwrap();
    ProxyServer::new(url)
}

fn scope(injector: ProxyInjector) -> Scope {
    Arc::new(injector).exchange(ExchangeId::new("binance").unwrap())
}

async fn fail(scope: &Scope) -> DialError {
    let target = Target::parse("exchange.example", 443).unwrap();
    let dialed = scope.dialer(Transport::WebSocket).dial(&target).await;
    dialed.unwrap_err()
}

#[tokio::test]
async fn a_proxy_is_not_marked_for_what_this_machine_lacks() {
    let world = World::start().await;
    let a = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let b = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let settings = pool([&a, &b].map(|proxy| config(proxy).server().clone()));
    let injector = ProxyInjector::new(settings)
        .with_tcp_dialer(Failing::new(EMFILE, 1))
        .with_trust(world.trust());
    let scope = scope(injector);
    for _ in 0..4 {
        world.stream(&scope.websocket(), BINANCE).await;
    }
    // The first dial took the second proxy. Marked, the first would take none of the others.
    let seen = world.connections(BINANCE, ExchangeTransport::WebSocket);
    let seen: Vec<_> = seen.iter().map(|connection| connection.peer.ip()).collect();
    assert_eq!(seen, [3, 2, 3, 2].map(egress));
}

#[tokio::test(start_paused = true)]
async fn it_is_told_as_of_this_machine_and_once_in_a_while_with_a_count() {
    let injector = ProxyInjector::new(pool([dead(1), dead(2)]))
        .with_tcp_dialer(Failing::new(EMFILE, usize::MAX));
    let scope = scope(injector);
    let (capture, _guard) = Capture::begin();
    for _ in 0..50 {
        let error = fail(&scope).await;
        assert_eq!(error.kind(), DialErrorKind::Local);
        assert!(error.is_retryable());
    }
    let lines = capture.lines("ERROR");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("dials=1 ") && lines[0].contains("Too many open files"));
    assert!(capture.lines("WARN").is_empty(), "{}", capture.text());
    advance(Duration::from_secs(60)).await;
    let error = fail(&scope).await;
    assert!(
        chain(&error)
            .to_string()
            .contains("this machine has no descriptor")
    );
    assert!(capture.lines("ERROR")[1].contains("dials=100 "));
}

#[tokio::test]
async fn thousands_of_dead_proxies_are_tried_once_each_and_logged_as_one_line() {
    const MEMBERS: usize = 4_000;
    const ECONNREFUSED: i32 = if cfg!(target_os = "linux") { 111 } else { 61 };
    let sockets = Failing::new(ECONNREFUSED, usize::MAX);
    let injector =
        ProxyInjector::new(pool((0..MEMBERS).map(dead))).with_tcp_dialer(sockets.clone());
    let scope = scope(injector);
    let (capture, _guard) = Capture::begin();
    let error = fail(&scope).await;
    assert_eq!(error.kind(), DialErrorKind::Refused);
    assert_eq!(sockets.asked.load(Ordering::Relaxed), MEMBERS);
    let lines = capture.lines("WARN");
    assert_eq!(lines.len(), 1, "{}", lines.len());
    assert!(lines[0].contains("proxy=\"dead-0.example:1\""), "{lines:?}");
    assert!(lines[0].contains("failed=4000"), "{lines:?}");
}
