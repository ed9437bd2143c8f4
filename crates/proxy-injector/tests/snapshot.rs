//! What an injector tells of its pools, and when what speaks against a member is over.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use proxy_config::{
    ConnectionProxies, ExchangeId, PoolConfig, PoolMember, PoolSource, ProxyList, ProxyRule,
    ProxySettings, ProxyUrl, Transport,
};
use proxy_injector::{
    BreakerState, Mark, MemberSnapshot, ProxyInjector, ProxySource, Scope, Snapshot, Way,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;
use tokio::time::advance;
use transport::{
    Advice, BoxError, Connection, DialError, Dialer, Draw, Draws, Egress, HealthAdvice, HealthMark,
    Hop, HttpTransport, Phase, Target, Window,
};

/// The sockets of this machine. Proxies at port 1 refuse, those at port 2 lead to an exchange that bans,
/// and all others to one that answers.
struct Sockets;

#[async_trait]
impl Dialer for Sockets {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let port = target.port();
        if port == 1 {
            let hop = Hop::Target(target.endpoint().clone());
            let refused = io::ErrorKind::ConnectionRefused.into();
            return Err(DialError::io(hop, Phase::Tcp, refused));
        }
        let (ours, mut theirs) = duplex(4096);
        tokio::spawn(async move {
            let mut read = [0; 4096];
            while let Ok(1..) = theirs.read(&mut read).await {
                let answer = match (read.starts_with(b"CONNECT"), port) {
                    (true, _) => "HTTP/1.1 200 OK\r\n\r\n",
                    (false, 2) => {
                        "HTTP/1.1 418 Teapot\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n"
                    }
                    (false, _) => "HTTP/1.1 204 No Content\r\n\r\n",
                };
                let _ = theirs.write_all(answer.as_bytes()).await;
            }
        });
        Ok(Connection::new(ours))
    }
}

fn pool(ports: &[u16]) -> PoolConfig {
    let members = ports.iter().map(|port| {
        let url: ProxyUrl = format!("http://user:Zs3cret@127.0.0.1:{port}")
            .parse()
            .unwrap();
        PoolMember::new(url)
    });
    PoolConfig::new(members).unwrap()
}

fn injector(rule: impl Into<ProxyRule>) -> ProxyInjector {
    let proxies = ConnectionProxies::both(rule);
    let settings = ProxySettings::enabled().with_default(proxies);
    ProxyInjector::new(settings).with_tcp_dialer(Arc::new(Sockets))
}

fn binance(injector: ProxyInjector) -> (Arc<ProxyInjector>, Scope) {
    let injector = Arc::new(injector);
    let scope = injector.exchange(ExchangeId::new("binance").unwrap());
    (injector, scope)
}

async fn dial(scope: &Scope, host: &str) -> Result<Connection, DialError> {
    let target = Target::parse(host, 443).unwrap();
    scope.dialer(Transport::WebSocket).dial(&target).await
}

fn members(snapshot: &Snapshot) -> &[MemberSnapshot] {
    let [pool] = &snapshot.pools[..] else {
        unreachable!("there is one pool");
    };
    &pool.members
}

#[tokio::test(start_paused = true)]
async fn a_breaker_is_open_for_its_time_then_half_open_and_closed_by_a_success() {
    let (injector, scope) = binance(injector(pool(&[1, 3])));
    let first = || members(&injector.snapshot())[0].clone();
    assert_eq!(first().breaker, BreakerState::Closed);
    let open = dial(&scope, "exchange.example").await.unwrap();
    advance(Duration::from_secs(10)).await;

    let failed = first();
    let BreakerState::Open { until } = failed.breaker else {
        panic!("{failed:?}");
    };
    assert_eq!(until.left, Duration::from_secs(20));
    let failure = failed.exit.last_failure.unwrap();
    assert_eq!((failure.phase, failure.kind), (Phase::Tcp, "refused"));
    assert_eq!(failure.when.ago, Duration::from_secs(10));
    assert_eq!(failure.exchange.unwrap().as_str(), "binance");
    assert!(
        failure.message.starts_with("connect to proxy 127.0.0.1:1"),
        "{}",
        failure.message
    );
    let snapshot = injector.snapshot();
    let second = &members(&snapshot)[1];
    assert_eq!((second.leases, second.exit.connections), (1, 1));
    assert_eq!(second.exit.dials.succeeded, 1);

    advance(Duration::from_secs(20)).await;
    assert_eq!(first().breaker, BreakerState::HalfOpen);
    drop(open);
    let snapshot = injector.snapshot();
    let second = &members(&snapshot)[1];
    assert_eq!((second.leases, second.exit.connections), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_ban_is_told_with_its_exchange_and_reason_until_it_is_over() {
    let (injector, scope) = binance(injector(pool(&[2])));
    let request = Request::get("http://exchange.example/").body(Bytes::new());
    let mut request = request.unwrap();
    let window = Window::new("weight", 100, Duration::from_secs(60));
    let draws: Draws = [Draw { window, units: 7 }].into_iter().collect();
    request.extensions_mut().insert(draws);
    scope.http().send(request).await.unwrap();
    advance(Duration::from_secs(30)).await;

    let snapshot = injector.snapshot();
    let [Mark::Banned { exchange, until }] = &members(&snapshot)[0].marks[..] else {
        panic!("{snapshot:?}");
    };
    assert_eq!(exchange.as_str(), "binance");
    assert_eq!(until.left, Duration::from_secs(60));
    let [budget] = &snapshot.budgets[..] else {
        panic!("{snapshot:?}");
    };
    assert_eq!((budget.budget, budget.units), ("weight", 100));
    assert_eq!((budget.used, budget.left), (7, 93));
    assert_eq!(budget.egress.to_string(), "127.0.0.1:2");
    assert_eq!(budget.banned, Some(*until));

    advance(Duration::from_secs(60)).await;
    let snapshot = injector.snapshot();
    assert_eq!(members(&snapshot)[0].marks, []);
    assert_eq!(snapshot.budgets[0].left, 100);
    assert_eq!(snapshot.budgets[0].banned, None);
}

#[tokio::test(start_paused = true)]
async fn routes_tell_their_way_and_reason_and_nothing_tells_a_login() {
    let url: ProxyUrl = "http://user:Zs3cret@127.0.0.1:3".parse().unwrap();
    let settings = ProxySettings::enabled()
        .with_default(ConnectionProxies::both(pool(&[1, 3])))
        .with_exchange(
            ExchangeId::new("kraken").unwrap(),
            ConnectionProxies::both(ProxyRule::Direct)
                .with_websocket(proxy_config::ProxyConfig::new(url)),
        );
    let injector = ProxyInjector::new(settings).with_tcp_dialer(Arc::new(Sockets));
    let (injector, scope) = binance(injector);
    let _open = dial(&scope, "exchange.example").await.unwrap();
    let snapshot = injector.snapshot();
    let routes: Vec<_> = snapshot
        .routes
        .iter()
        .map(|route| {
            let way = match route.way {
                Way::Direct { exit } | Way::Proxy { exit } => snapshot.exits[exit].exit.clone(),
                Way::Pool { pool } => format!("pool of {}", snapshot.pools[pool].members.len()),
                Way::Refused => "refused".to_owned(),
            };
            format!(
                "{} {}: {way}, {}",
                route.owner, route.transport, route.source
            )
        })
        .collect();
    assert_eq!(
        routes,
        [
            "binance http: pool of 2, default",
            "binance websocket: pool of 2, default",
            "kraken http: direct, exchange",
            "kraken websocket: http://***@127.0.0.1:3, exchange",
            "any other exchange http: pool of 2, default",
            "any other exchange websocket: pool of 2, default",
        ]
    );
    let json = serde_json::to_string(&snapshot).unwrap();
    for text in [json, format!("{snapshot:?}")] {
        assert!(
            !text.contains("Zs3cret") && !text.contains("user"),
            "{text}"
        );
    }
}

/// Has a good list once, and fails from then on.
struct Once(parking_lot::Mutex<bool>);

#[async_trait]
impl ProxySource for Once {
    async fn list(&self) -> Result<Option<ProxyList>, BoxError> {
        match std::mem::replace(&mut *self.0.lock(), true) {
            false => Ok(Some(ProxyList::parse(b"http://127.0.0.1:3\nftp://a:1"))),
            true => Err("gone".into()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_any_more_tells_since_when_and_keeps_its_members() {
    let source = PoolSource::program("mine")
        .with_interval_seconds(60)
        .unwrap();
    let injector =
        injector(PoolConfig::from_source(source)).with_source("mine", Once(false.into()));
    let (injector, scope) = binance(injector);
    let before = injector.snapshot();
    assert_eq!(before.lists[0].proxies, None);
    assert_eq!(members(&before).len(), 0);
    let _open = dial(&scope, "exchange.example").await.unwrap();
    tokio::time::sleep(Duration::from_secs(90)).await;
    let snapshot = injector.snapshot();
    let list = &snapshot.lists[0];
    assert_eq!((list.proxies, list.refused), (Some(1), 1));
    assert_eq!(list.last_good.unwrap().ago, Duration::from_secs(90));
    assert_eq!(list.error.as_deref(), Some("gone"));
    assert_eq!(snapshot.pools[0].list, Some(0));
    assert_eq!(members(&snapshot)[0].exit.connections, 1);
}

/// Another process.
#[derive(Debug)]
struct Other(Arc<[Advice]>);

impl HealthAdvice for Other {
    fn mark(&self, _: HealthMark, _: Instant) {}

    fn clear(&self, _: &HealthMark) {}

    fn heard(&self) -> Arc<[Advice]> {
        Arc::clone(&self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_advise_against_is_told_until_it_is_over() {
    let now = Instant::now();
    let says = |port: u16, exchange: Option<&str>| Advice {
        adviser: "other".into(),
        mark: HealthMark {
            egress: Egress::Proxy(format!("127.0.0.1:{port}").parse().unwrap()),
            exchange: exchange.map(str::to_owned),
        },
        heard_at: now,
        until: now + Duration::from_secs(60),
    };
    let said = [
        says(3, None),
        says(3, Some("binance")),
        says(3, Some("okx")),
    ];
    let (injector, scope) =
        binance(injector(pool(&[3, 4, 5])).with_health_advice(Arc::new(Other(said.into()))));
    let told = || {
        let snapshot = injector.snapshot();
        let marks = members(&snapshot)[0].marks.iter().map(|mark| match mark {
            Mark::AdvisedAgainst { exchange, until } => {
                let exchange = exchange.as_ref().map_or("-", ExchangeId::as_str);
                format!("{exchange} {}", until.left.as_secs())
            }
            mark => panic!("{mark:?}"),
        });
        marks.collect::<Vec<_>>()
    };
    // Nothing is known of a pool that nobody has used.
    assert_eq!(told(), [""; 0]);
    dial(&scope, "exchange.example").await.unwrap();
    advance(Duration::from_secs(10)).await;
    // Nobody asks for another exchange here.
    assert_eq!(told(), ["- 50", "binance 50"]);
    let json = serde_json::to_value(injector.snapshot()).unwrap();
    let mark = &json["pools"][0]["members"][0]["marks"][1];
    assert_eq!(mark["reason"], "advised_against");
    assert_eq!(mark["exchange"], "binance");
    advance(Duration::from_secs(50)).await;
    assert_eq!(told(), [""; 0]);
}
