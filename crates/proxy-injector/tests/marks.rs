//! What speaks against the members of a pool, and for how long.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashSet;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use proxy_config::{
    BreakerConfig, ConnectionProxies, ExchangeId, HealthCheck, HealthCheckMethod, PoolConfig,
    PoolMember, PoolStrategy, ProxySettings, ProxyUrl, Transport,
};
use proxy_injector::{ProxyInjector, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{advance, sleep, timeout};
use transport::{
    Affinity, Connection, DialError, DialErrorKind, Dialer, Hop, HttpTransport, Phase, Target,
    WsDialer, WsRequest,
};

/// What the proxy at a port does, and the exchange behind it.
#[derive(Clone, Copy)]
enum Doing {
    Refuses,
    IsSilent,
    /// Answers CONNECT with this.
    Declines(&'static str),
    /// Connects to an exchange that answers with this.
    Answers(&'static str),
}

/// The sockets of this machine, and which ports they were opened to.
struct Sockets {
    doing: Mutex<Vec<Doing>>,
    asked: Mutex<Vec<u16>>,
}

impl Sockets {
    /// The first proxy has port 1.
    fn new<const N: usize>(doing: [Doing; N]) -> Arc<Self> {
        Arc::new(Self {
            doing: Mutex::new(doing.to_vec()),
            asked: Mutex::default(),
        })
    }

    fn set(&self, port: usize, doing: Doing) {
        *self.doing.lock().unwrap().get_mut(port - 1).unwrap() = doing;
    }

    /// The ports that were asked for since the last look.
    fn take_asked(&self) -> Vec<u16> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn config(&self) -> PoolConfig {
        let ports = 1..=self.doing.lock().unwrap().len();
        let members = ports.map(|port| {
            let url: ProxyUrl = format!("http://127.0.0.1:{port}").parse().unwrap();
            PoolMember::new(url)
        });
        PoolConfig::new(members).unwrap()
    }

    fn injector(self: &Arc<Self>, config: PoolConfig) -> Arc<ProxyInjector> {
        let proxies = ConnectionProxies::both(config);
        let settings = ProxySettings::enabled().with_default(proxies);
        let sockets = Ports(Arc::clone(self));
        Arc::new(ProxyInjector::new(settings).with_tcp_dialer(Arc::new(sockets)))
    }

    fn scope(self: &Arc<Self>, config: PoolConfig, exchange: &str) -> Scope {
        let id = ExchangeId::new(exchange).unwrap();
        self.injector(config).exchange(id)
    }

    /// Those of two exchanges.
    fn scopes(self: &Arc<Self>, config: PoolConfig) -> [Scope; 2] {
        let injector = self.injector(config);
        ["binance", "kraken"].map(|id| injector.exchange(ExchangeId::new(id).unwrap()))
    }
}

struct Ports(Arc<Sockets>);

#[async_trait]
impl Dialer for Ports {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let port = target.port();
        self.0.asked.lock().unwrap().push(port);
        let place = usize::from(port).checked_sub(1).unwrap();
        let doing = *self.0.doing.lock().unwrap().get(place).unwrap();
        let (connection, mut server) = tokio::io::duplex(4096);
        let answers = match doing {
            Doing::Refuses => {
                let hop = Hop::Target(target.endpoint().clone());
                let refused = io::ErrorKind::ConnectionRefused.into();
                return Err(DialError::io(hop, Phase::Tcp, refused));
            }
            Doing::IsSilent => vec![],
            Doing::Declines(answer) => vec![answer],
            Doing::Answers(answer) => vec!["200 OK", answer],
        };
        tokio::spawn(async move {
            for answer in answers {
                let _ = server.read(&mut [0; 4096]).await;
                let is_tunnel = answer == "200 OK";
                let length = if is_tunnel {
                    ""
                } else {
                    "Content-Length: 0\r\n"
                };
                let answer = format!("HTTP/1.1 {answer}\r\n{length}\r\n");
                let _ = server.write_all(answer.as_bytes()).await;
            }
            pending::<()>().await;
        });
        Ok(Connection::new(connection))
    }
}

async fn dial(scope: &Scope, port: u16) -> Result<Connection, DialError> {
    let target = Target::parse("exchange.example", port).unwrap();
    scope.dialer(Transport::WebSocket).dial(&target).await
}

/// Sends a request, on a connection of its own.
async fn ask(scope: &Scope) -> u16 {
    let request = Request::get("http://exchange.example/").body(Bytes::new());
    let response = scope.http().send(request.unwrap()).await.unwrap();
    response.status().as_u16()
}

const FINE: Doing = Doing::Answers("204 No Content");

#[tokio::test(start_paused = true)]
async fn a_dial_that_its_caller_gives_up_counts_against_the_member_that_kept_it_waiting() {
    for strategy in [PoolStrategy::RoundRobin, PoolStrategy::LeastConnections] {
        let sockets = Sockets::new([Doing::IsSilent, FINE]);
        let scope = sockets.scope(sockets.config().with_strategy(strategy), "binance");
        let patience = Duration::from_secs(2);
        timeout(patience, dial(&scope, 9)).await.unwrap_err();
        assert_eq!(sockets.take_asked(), [1]);
        for _ in 0..4 {
            timeout(patience, dial(&scope, 9)).await.unwrap().unwrap();
        }
        assert_eq!(sockets.take_asked(), [2, 2, 2, 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_at_once_marks_nobody() {
    let sockets = Sockets::new([Doing::IsSilent, Doing::IsSilent]);
    let scope = sockets.scope(sockets.config(), "binance");
    let hurry = Duration::from_millis(300);
    for _ in 0..3 {
        timeout(hurry, dial(&scope, 9)).await.unwrap_err();
    }
    assert_eq!(sockets.take_asked(), [1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_declines_is_at_fault_or_out_for_the_target() {
    for (answer, is_at_fault) in [
        ("402 Payment Required", true),
        ("407 Proxy Authentication Required", true),
        ("429 Too Many Requests", true),
        ("503 Service Unavailable", true),
        ("403 Forbidden", false),
        ("502 Bad Gateway", false),
    ] {
        let sockets = Sockets::new([Doing::Declines(answer), FINE]);
        let config = sockets.config();
        let config = config.with_strategy(PoolStrategy::LeastConnections);
        let scope = sockets.scope(config, "binance");
        // `least_connections` would ask it first for ever.
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(dial(&scope, 9).await.unwrap());
        }
        assert_eq!(sockets.take_asked(), [1, 2, 2, 2, 2], "{answer}");
        held.push(dial(&scope, 10).await.unwrap());
        let asked = sockets.take_asked();
        let wanted: &[u16] = if is_at_fault { &[2] } else { &[1, 2] };
        assert_eq!(asked, wanted, "{answer}");
        advance(Duration::from_secs(30)).await;
        dial(&scope, 9).await.unwrap();
        assert_eq!(sockets.take_asked(), [1, 2], "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_does_not_want_an_exit_is_not_asked_through_it_for_a_while() {
    for (answer, seconds) in [
        ("403 Forbidden", 600),
        ("451 Unavailable For Legal Reasons", 600),
        ("418 I'm a teapot\r\nRetry-After: 120", 120),
    ] {
        let sockets = Sockets::new([Doing::Answers(answer), FINE]);
        let scope = sockets.scope(sockets.config(), "binance");
        assert_ne!(ask(&scope).await, 204);
        for _ in 0..3 {
            assert_eq!(ask(&scope).await, 204, "{answer}");
        }
        assert_eq!(sockets.take_asked(), [1, 2, 2, 2], "{answer}");
        advance(Duration::from_secs(seconds)).await;
        sockets.set(1, FINE);
        for _ in 0..2 {
            ask(&scope).await;
        }
        assert!(sockets.take_asked().contains(&1), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_an_exchange_declines_speaks_for_the_proxy() {
    let sockets = Sockets::new([Doing::Refuses, FINE]);
    let breaker = BreakerConfig::default().with_failures(2).unwrap();
    let [binance, kraken] = sockets.scopes(sockets.config().with_breaker(breaker));
    dial(&kraken, 9).await.unwrap();
    sockets.set(1, Doing::Answers("403 Forbidden"));
    let request = WsRequest::new("ws://exchange.example/".parse().unwrap()).unwrap();
    binance.websocket().dial(request).await.unwrap_err();
    sockets.set(1, Doing::Refuses);
    sockets.take_asked();
    for _ in 0..3 {
        dial(&kraken, 9).await.unwrap();
    }
    // The failure before does not count any longer: it takes two more.
    assert_eq!(sockets.take_asked(), [1, 2, 1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_an_exchange_declines_goes_on_through_another_member_as_do_all_after_it() {
    let sockets = Sockets::new([Doing::Answers("403 Forbidden"), FINE]);
    let [binance, kraken] = sockets.scopes(sockets.config());
    let upgrade = async |scope: &Scope| {
        let request = WsRequest::new("ws://exchange.example/".parse().unwrap()).unwrap();
        scope.websocket().dial(request).await.unwrap_err()
    };
    upgrade(&binance).await;
    assert_eq!(sockets.take_asked(), [1, 2]);
    for _ in 0..3 {
        upgrade(&binance).await;
    }
    assert_eq!(sockets.take_asked(), [2, 2, 2]);
    for _ in 0..2 {
        upgrade(&kraken).await;
    }
    assert!(sockets.take_asked().contains(&1));
}

#[tokio::test(start_paused = true)]
async fn one_exchange_does_not_speak_for_another() {
    let sockets = Sockets::new([Doing::Answers("403 Forbidden"), FINE]);
    let [binance, kraken] = sockets.scopes(sockets.config());
    ask(&binance).await;
    sockets.take_asked();
    for _ in 0..2 {
        ask(&kraken).await;
    }
    assert!(sockets.take_asked().contains(&1));
}

#[tokio::test(start_paused = true)]
async fn if_an_exchange_has_banned_all_exits_nothing_is_sent_until_the_first_may_ask() {
    let banned = |answer| Doing::Answers(answer);
    let sockets = Sockets::new([
        banned("418 I'm a teapot\r\nRetry-After: 100"),
        banned("418 I'm a teapot\r\nRetry-After: 50"),
    ]);
    let scope = sockets.scope(sockets.config(), "binance");
    for _ in 0..2 {
        assert_eq!(ask(&scope).await, 418);
    }
    sockets.take_asked();
    let error = dial(&scope, 9).await.unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Banned);
    assert!(error.is_retryable());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(50)));
    assert!(sockets.take_asked().is_empty());
    advance(Duration::from_secs(50)).await;
    dial(&scope, 9).await.unwrap();
    assert_eq!(sockets.take_asked(), [2]);
}

#[tokio::test(start_paused = true)]
async fn exits_that_an_exchange_declines_all_of_share_the_load_as_before() {
    let sockets = Sockets::new([Doing::Answers("403 Forbidden"); 3]);
    let config = sockets.config();
    let config = config.with_strategy(PoolStrategy::LeastConnections);
    let scope = sockets.scope(config, "binance");
    for _ in 0..3 {
        ask(&scope).await;
    }
    sockets.take_asked();
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(dial(&scope, 9).await.unwrap());
    }
    let mut asked = sockets.take_asked();
    asked.sort_unstable();
    assert_eq!(asked, [1, 1, 2, 2, 3, 3]);
}

#[tokio::test(start_paused = true)]
async fn sticky_requests_about_the_same_take_the_same_exit_and_others_spread() {
    let sockets = Sockets::new([FINE; 4]);
    let config = sockets.config().with_strategy(PoolStrategy::Sticky);
    let scope = sockets.scope(config, "binance");
    let ask = async |symbol: u16| {
        let request = Request::get("http://exchange.example/");
        let request = request.extension(Affinity::new(&symbol.to_string()));
        let request = request.body(Bytes::new()).unwrap();
        scope.http().send(request).await.unwrap();
        sockets.take_asked()
    };
    let mut exits = HashSet::new();
    for symbol in 0..20 {
        let exit = ask(symbol).await;
        assert_eq!(ask(symbol).await, exit);
        exits.insert(exit);
    }
    assert_eq!(exits.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn checks_find_a_dead_member_before_a_connection_does_and_bring_it_back() {
    for method in [
        HealthCheckMethod::Tcp,
        HealthCheckMethod::Handshake,
        HealthCheckMethod::Http,
    ] {
        let sockets = Sockets::new([FINE, FINE]);
        let check = HealthCheck::new(method).with_interval_seconds(10).unwrap();
        let breaker = BreakerConfig::default()
            .with_cooldown_seconds(3600)
            .unwrap();
        let config = sockets.config().with_breaker(breaker);
        let scope = sockets.scope(config.with_health_check(check), "binance");
        // The use of the pool starts them.
        ask(&scope).await;
        sockets.take_asked();
        sockets.set(2, Doing::Refuses);
        sleep(Duration::from_secs(60)).await;
        let asked = sockets.take_asked();
        let of_one = asked.iter().filter(|port| **port == 1).count();
        assert!((4..=7).contains(&of_one), "{method:?}: {asked:?}");
        for _ in 0..4 {
            ask(&scope).await;
        }
        assert_eq!(sockets.take_asked(), [1, 1, 1, 1], "{method:?}");
        sockets.set(2, FINE);
        sleep(Duration::from_secs(20)).await;
        sockets.take_asked();
        for _ in 0..2 {
            ask(&scope).await;
        }
        assert!(sockets.take_asked().contains(&2), "{method:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_only_checks_have_asked_is_skipped_for_as_long_as_its_pool_says() {
    let sockets = Sockets::new([FINE, Doing::Refuses]);
    let check = HealthCheck::new(HealthCheckMethod::Tcp);
    let check = check.with_interval_seconds(300).unwrap();
    let check = check.with_retries(1).unwrap();
    let breaker = BreakerConfig::default().with_cooldown_seconds(600).unwrap();
    let config = sockets.config().with_breaker(breaker);
    let scope = sockets.scope(config.with_health_check(check), "binance");
    dial(&scope, 9).await.unwrap();
    // It has been checked once, half a minute ago or more.
    sleep(Duration::from_secs(360)).await;
    sockets.take_asked();
    for _ in 0..4 {
        dial(&scope, 9).await.unwrap();
    }
    assert_eq!(sockets.take_asked(), [1, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_declined_counts_only_where_another_one_is_not() {
    let declines = Doing::Answers("403 Forbidden");
    // All of them have been checked after a minute, and again after two.
    for (fourth, pauses, left) in [(declines, &[20, 20, 20, 70][..], 4), (FINE, &[130], 1)] {
        let sockets = Sockets::new([declines, declines, declines, fourth]);
        let check = HealthCheck::new(HealthCheckMethod::Http);
        let check = check.with_interval_seconds(60).unwrap();
        let config = sockets.config().with_health_check(check);
        let scope = sockets.scope(config, "binance");
        dial(&scope, 9).await.unwrap();
        for seconds in pauses {
            sleep(Duration::from_secs(*seconds)).await;
            sockets.take_asked();
            for _ in 0..4 {
                dial(&scope, 9).await.unwrap();
            }
            let asked: HashSet<_> = sockets.take_asked().into_iter().collect();
            assert_eq!(asked.len(), left, "{asked:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_connection_has_found_no_check_takes_back() {
    let sockets = Sockets::new([Doing::Declines("407 Proxy Authentication Required"), FINE]);
    let check = HealthCheck::new(HealthCheckMethod::Tcp);
    let check = check.with_interval_seconds(5).unwrap();
    let breaker = BreakerConfig::default()
        .with_cooldown_seconds(3600)
        .unwrap();
    let config = sockets.config().with_breaker(breaker);
    let scope = sockets.scope(config.with_health_check(check), "binance");
    dial(&scope, 9).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    sockets.take_asked();
    dial(&scope, 9).await.unwrap();
    assert_eq!(sockets.take_asked(), [2]);
}
