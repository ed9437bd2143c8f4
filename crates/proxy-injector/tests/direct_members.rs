//! Members of a pool that are local addresses: judged and checked as proxies are.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use proxy_config::{
    Bind, BreakerConfig, ConnectionProxies, DirectExit, ExchangeId, HealthCheck, HealthCheckMethod,
    PoolConfig, PoolMember, ProxyServer, ProxySettings, ProxyUrl,
};
use proxy_injector::{ProxyInjector, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{advance, sleep};
use transport::{
    Connection, DialError, Dialer, Hop, HttpError, HttpTransport, LocalAddress, Phase, Target,
};

/// What happens to connections from a local address.
#[derive(Clone, Copy)]
enum Fate {
    Gone,
    RefusedBy(&'static str),
    AnsweredWith(&'static str),
}

/// The sockets of this machine.
#[derive(Default)]
struct Sockets {
    /// By the last byte of the local address. Where nothing is said, all is well.
    fates: Mutex<HashMap<u8, Fate>>,
    /// The last bytes of the local addresses that connections began at; 0 for anywhere.
    asked: Mutex<Vec<u8>>,
}

impl Sockets {
    fn set(&self, last: u8, fate: Fate) {
        self.fates.lock().unwrap().insert(last, fate);
    }

    fn take_asked(&self) -> Vec<u8> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn scope(self: &Arc<Self>, config: PoolConfig) -> Scope {
        let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(config));
        let tcp = Arc::new(Local(Arc::clone(self)));
        let injector = ProxyInjector::new(settings).with_tcp_dialer(tcp);
        Arc::new(injector).exchange(ExchangeId::new("binance").unwrap())
    }
}

struct Local(Arc<Sockets>);

#[async_trait]
impl Dialer for Local {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let last = match target.local_address() {
            Some(LocalAddress::Ip(IpAddr::V4(ip))) => ip.octets()[3],
            _ => 0,
        };
        self.0.asked.lock().unwrap().push(last);
        let fate = self.0.fates.lock().unwrap().get(&last).copied();
        let failed = |kind: io::ErrorKind| {
            let hop = Hop::Target(target.endpoint().clone());
            Err(DialError::io(hop, Phase::Tcp, kind.into()))
        };
        let answer = match fate {
            Some(Fate::Gone) => return failed(io::ErrorKind::NetworkUnreachable),
            Some(Fate::RefusedBy(host)) if target.host().to_string() == host => {
                return failed(io::ErrorKind::ConnectionRefused);
            }
            Some(Fate::AnsweredWith(answer)) => answer,
            Some(Fate::RefusedBy(_)) | None => "204 No Content",
        };
        let (connection, mut server) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let _ = server.read(&mut [0; 4096]).await;
            let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
            let _ = server.write_all(answer.as_bytes()).await;
            pending::<()>().await;
        });
        Ok(Connection::new(connection))
    }
}

fn address(last: u8) -> Bind {
    Bind::Address([192, 0, 2, last].into())
}

/// Turns between 192.0.2.7 and 192.0.2.8.
fn config() -> PoolConfig {
    let members = [7, 8].map(|last| PoolMember::direct_from(DirectExit::new(address(last))));
    PoolConfig::new(members).unwrap()
}

async fn try_to_ask(scope: &Scope, host: &str) -> Result<u16, HttpError> {
    let request = Request::get(format!("http://{host}/")).body(Bytes::new());
    let response = scope.http().send(request.unwrap()).await?;
    Ok(response.status().as_u16())
}

/// Sends a request, on a connection of its own.
async fn ask(scope: &Scope, host: &str) -> u16 {
    try_to_ask(scope, host).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_local_address_that_is_gone_is_out_everywhere_until_its_trial_and_then_for_twice_as_long()
{
    let sockets = Arc::new(Sockets::default());
    sockets.set(7, Fate::Gone);
    let scope = sockets.scope(config());
    for host in ["one.example", "other.example", "one.example"] {
        assert_eq!(ask(&scope, host).await, 204);
    }
    assert_eq!(sockets.take_asked(), [7, 8, 8, 8]);
    for seconds in [30, 60] {
        advance(Duration::from_secs(seconds - 1)).await;
        ask(&scope, "one.example").await;
        assert_eq!(sockets.take_asked(), [8]);
        advance(Duration::from_secs(1)).await;
        ask(&scope, "one.example").await;
        ask(&scope, "one.example").await;
        assert!(sockets.take_asked().contains(&7));
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_one_local_address_does_not_reach_is_asked_from_another() {
    let sockets = Arc::new(Sockets::default());
    sockets.set(7, Fate::RefusedBy("one.example"));
    let scope = sockets.scope(config());
    for _ in 0..3 {
        assert_eq!(ask(&scope, "one.example").await, 204);
    }
    assert_eq!(sockets.take_asked(), [7, 8, 8, 8]);
    for _ in 0..2 {
        ask(&scope, "other.example").await;
    }
    assert!(sockets.take_asked().contains(&7));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_does_not_want_a_local_address_is_asked_from_another() {
    let sockets = Arc::new(Sockets::default());
    sockets.set(
        7,
        Fate::AnsweredWith("418 I'm a teapot\r\nRetry-After: 100"),
    );
    let scope = sockets.scope(config());
    assert_eq!(ask(&scope, "one.example").await, 418);
    for _ in 0..2 {
        assert_eq!(ask(&scope, "one.example").await, 204);
    }
    assert_eq!(sockets.take_asked(), [7, 8, 8]);
    sockets.set(8, Fate::Gone);
    // Neither from an address that is banned, nor from anywhere else.
    for _ in 0..2 {
        try_to_ask(&scope, "one.example").await.unwrap_err();
    }
    assert!(sockets.take_asked().iter().all(|last| *last == 8));
}

#[tokio::test(start_paused = true)]
async fn a_local_address_is_checked_by_connections_of_its_own() {
    for method in [
        HealthCheckMethod::Tcp,
        HealthCheckMethod::Handshake,
        HealthCheckMethod::Http,
    ] {
        let sockets = Arc::new(Sockets::default());
        let check = HealthCheck::new(method).with_interval_seconds(10).unwrap();
        let breaker = BreakerConfig::default()
            .with_cooldown_seconds(3600)
            .unwrap();
        let config = config().with_breaker(breaker).with_health_check(check);
        let scope = sockets.scope(config);
        // The use of the pool starts them.
        ask(&scope, "one.example").await;
        sockets.take_asked();
        sockets.set(8, Fate::Gone);
        sleep(Duration::from_secs(60)).await;
        let asked = sockets.take_asked();
        assert!(
            asked.contains(&7) && !asked.contains(&0),
            "{method:?}: {asked:?}"
        );
        for _ in 0..4 {
            ask(&scope, "one.example").await;
        }
        assert_eq!(sockets.take_asked(), [7, 7, 7, 7], "{method:?}");
        sockets.set(8, Fate::AnsweredWith("204 No Content"));
        sleep(Duration::from_secs(20)).await;
        sockets.take_asked();
        for _ in 0..2 {
            ask(&scope, "one.example").await;
        }
        assert!(sockets.take_asked().contains(&8), "{method:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_is_checked_from_the_local_address_that_it_is_reached_from() {
    let sockets = Arc::new(Sockets::default());
    sockets.set(9, Fate::AnsweredWith("200 OK"));
    let check = HealthCheck::new(HealthCheckMethod::Tcp);
    let url: ProxyUrl = "http://proxy.example:3128".parse().unwrap();
    let server = ProxyServer::from(url).with_bind(address(9));
    let config = PoolConfig::new([PoolMember::new(server)]).unwrap();
    let scope = sockets.scope(config.with_health_check(check));
    let _ = try_to_ask(&scope, "one.example").await;
    sockets.take_asked();
    sleep(Duration::from_secs(120)).await;
    let asked = sockets.take_asked();
    assert!(
        asked.len() >= 3 && asked.iter().all(|last| *last == 9),
        "{asked:?}"
    );
}
