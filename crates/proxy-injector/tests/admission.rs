//! When requests and dials may leave, and by which exit.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use proxy_config::{
    Bind, ConnectionProxies, DirectExit, ExchangeId, PoolConfig, PoolMember, ProxyConfig,
    ProxyRule, ProxySettings,
};
use proxy_injector::{HttpSession, ProxyInjector, Scope, StackRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use transport::{
    Connection, DialError, DialErrorKind, Dialer, Draw, Draws, Hop, HttpError, HttpTransport,
    Phase, ResponseLimits, Target, Window, WsDialer, WsRequest, chain,
};

/// Three units in ten seconds.
const WINDOW: Window = Window::new("weight", 3, Duration::from_secs(10)).with_used_header("x-used");

/// An exchange in memory: which exits its requests came by, and in which second.
struct World {
    start: Instant,
    seen: Mutex<Vec<(u64, String)>>,
    /// What its answers say is used.
    used: Mutex<Option<u32>>,
    /// In which phase dials fail, if they do.
    fails_in: Mutex<Option<Phase>>,
}

impl World {
    fn start() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            seen: Mutex::default(),
            used: Mutex::default(),
            fails_in: Mutex::default(),
        })
    }

    /// An injector whose connections all lead here.
    fn injector(self: &Arc<Self>, settings: ProxySettings) -> Arc<ProxyInjector> {
        let world = Arc::clone(self);
        let stack = move |request: StackRequest<'_>| {
            let exit = request.proxy().map_or_else(
                || "direct".to_owned(),
                |proxy| proxy.url().host().to_string(),
            );
            let world = Arc::clone(&world);
            Ok(Arc::new(Way { exit, world }) as Arc<dyn Dialer>)
        };
        Arc::new(ProxyInjector::new(settings).with_stack(stack))
    }

    fn note(&self, exit: &str) {
        let second = self.start.elapsed().as_secs();
        self.seen.lock().unwrap().push((second, exit.to_owned()));
    }

    /// What came since the last look: `0 a, 0 b, 10 a`.
    fn take_seen(&self) -> String {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        let seen: Vec<_> = seen
            .iter()
            .map(|(at, exit)| format!("{at} {exit}"))
            .collect();
        seen.join(", ")
    }
}

/// The way to the exchange by one exit.
struct Way {
    exit: String,
    world: Arc<World>,
}

#[async_trait]
impl Dialer for Way {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let (exit, world) = (self.exit.clone(), Arc::clone(&self.world));
        let fails_in = *world.fails_in.lock().unwrap();
        if let Some(phase) = fails_in {
            world.note(&exit);
            let hop = match exit.as_str() {
                "direct" => Hop::Target(target.endpoint().clone()),
                proxy => Hop::Proxy(format!("{proxy}:1").parse().unwrap()),
            };
            return Err(DialError::new(hop, phase, DialErrorKind::Refused));
        }
        let (ours, mut theirs) = duplex(4096);
        tokio::spawn(async move {
            let mut read = [0; 4096];
            while theirs.read(&mut read).await.is_ok_and(|length| length > 0) {
                world.note(&exit);
                let used = *world.used.lock().unwrap();
                let used = used.map_or_else(String::new, |used| format!("X-Used: {used}\r\n"));
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{used}\r\n");
                if theirs.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        });
        Ok(Connection::new(ours))
    }
}

fn scope(injector: &Arc<ProxyInjector>, exchange: &str) -> Scope {
    injector.exchange(ExchangeId::new(exchange).unwrap())
}

fn proxy(name: &str) -> ProxyConfig {
    ProxyConfig::new(format!("http://{name}:1").parse().unwrap())
}

fn pool(names: [&str; 2]) -> PoolConfig {
    let members = names.map(|name| PoolMember::new(proxy(name).server().clone()));
    PoolConfig::new(members).unwrap()
}

fn through(rule: impl Into<ProxyRule>) -> ProxySettings {
    ProxySettings::enabled().with_default(ConnectionProxies::both(rule.into()))
}

fn draw(units: u32) -> Draw {
    let window = WINDOW;
    Draw { window, units }
}

/// A request that uses `units`.
fn request(units: u32) -> Request<Bytes> {
    let request = Request::get("http://exchange.example/");
    let request = request.extension(Draws::from(draw(units)));
    request.body(Bytes::new()).unwrap()
}

type Answer = Result<Response<Bytes>, HttpError>;

/// Sends a request in a task of its own.
fn spawn(session: &HttpSession, request: Request<Bytes>) -> JoinHandle<Answer> {
    let session = session.clone();
    tokio::spawn(async move { session.send(request).await })
}

/// Sends a request of each weight, in this order, and waits for all answers.
async fn burst<const N: usize>(session: &HttpSession, weights: [u32; N]) {
    let mut sent = Vec::new();
    for weight in weights {
        sent.push(spawn(session, request(weight)));
        settle().await;
    }
    for answer in sent {
        answer.await.unwrap().unwrap();
    }
}

/// Lets everything happen that needs no time.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn all_sessions_of_an_injector_share_the_budget_of_an_exit() {
    let world = World::start();
    let injector = world.injector(through(proxy("a")));
    let [one, other] = [(); 2].map(|()| scope(&injector, "binance").http());
    for session in [&one, &other, &one, &other, &one.clone(), &other, &one] {
        session.send(request(1)).await.unwrap();
    }
    assert_eq!(world.take_seen(), "0 a, 0 a, 0 a, 10 a, 10 a, 10 a, 20 a");
}

#[tokio::test(start_paused = true)]
async fn each_exchange_each_exit_and_each_name_has_a_budget_of_its_own() {
    let world = World::start();
    let settings = ProxySettings::enabled()
        .with_default(ConnectionProxies::both(proxy("a")))
        .with_exchange(
            ExchangeId::new("okx").unwrap(),
            ConnectionProxies::both(ProxyRule::Direct),
        );
    let injector = world.injector(settings);
    let binance = scope(&injector, "binance").http();
    burst(&binance, [3, 3]).await;
    burst(&scope(&injector, "kraken").http(), [3, 3]).await;
    burst(&scope(&injector, "okx").http(), [3, 3]).await;
    assert_eq!(
        world.take_seen(),
        "0 a, 10 a, 10 a, 20 a, 20 direct, 30 direct"
    );
    // Of the direct way and of a proxy, for the same exchange.
    injector.reload(through(ProxyRule::Direct)).unwrap();
    let okx = scope(&injector, "okx").http();
    let other = Draw {
        window: Window {
            name: "other",
            ..WINDOW
        },
        units: 3,
    };
    let mut sent = request(3);
    sent.extensions_mut().insert(Draws::from(other));
    okx.send(sent).await.unwrap();
    assert_eq!(world.take_seen(), "30 direct");
    burst(&binance, [3]).await;
    assert_eq!(world.take_seen(), "30 direct");
}

#[tokio::test(start_paused = true)]
async fn who_uses_nothing_waits_for_nobody() {
    let world = World::start();
    let injector = world.injector(through(proxy("a")));
    let session = scope(&injector, "binance").http();
    burst(&session, [3]).await;
    let waiting = spawn(&session, request(1));
    settle().await;
    for _ in 0..3 {
        let free = Request::get("http://exchange.example/").body(Bytes::new());
        session.send(free.unwrap()).await.unwrap();
    }
    assert_eq!(world.take_seen(), "0 a, 0 a, 0 a, 0 a");
    waiting.await.unwrap().unwrap();
    assert_eq!(world.take_seen(), "10 a");
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_no_part_of_the_time_for_an_answer_or_of_that_of_a_pool() {
    let world = World::start();
    let soon = ResponseLimits {
        total: Some(Duration::from_secs(1)),
        ..ResponseLimits::default()
    };
    let one = |name: &str| proxy(name).with_timeout_seconds(1).unwrap();
    let injector = world.injector(through(one("a")));
    let session = scope(&injector, "binance").http();
    burst(&session.with_limits(soon), [3, 3]).await;
    assert_eq!(world.take_seen(), "0 a, 10 a");
    let short = pool(["b", "c"]).with_timeout_seconds(1).unwrap();
    injector.reload(through(short)).unwrap();
    let session = scope(&injector, "binance").http();
    burst(&session.with_limits(soon), [3, 3, 3]).await;
    assert_eq!(world.take_seen(), "10 b, 10 c, 20 b");
}

#[tokio::test(start_paused = true)]
async fn the_load_spreads_over_the_members_of_a_pool() {
    let world = World::start();
    let injector = world.injector(through(pool(["a", "b"])));
    let session = scope(&injector, "binance").http();
    // By turns it would be a, b, a, b; but `a` has no room for its second. When none has, it is as
    // it would be.
    burst(&session, [3, 1, 1, 1, 1]).await;
    assert_eq!(world.take_seen(), "0 a, 0 b, 0 b, 0 b, 10 a");
}

/// How many of eight requests are sent at once by a pool of these two, of three at an egress.
async fn at_once(members: [PoolMember; 2]) -> usize {
    let world = World::start();
    let injector = world.injector(through(PoolConfig::new(members).unwrap()));
    let session = scope(&injector, "binance").http();
    burst(&session, [1; 8]).await;
    world.take_seen().matches(", 0 ").count() + 1
}

#[tokio::test(start_paused = true)]
async fn exits_with_the_same_egress_share_a_budget_and_others_do_not() {
    let server = |name: &str| proxy(name).server().clone();
    let [one, other] = [1, 2].map(|last| [203, 0, 113, last].into());
    let bound = |last: u8| DirectExit::new(Bind::Address([192, 0, 2, last].into()));
    let direct = PoolMember::direct_from;
    let through = |server| PoolMember::new(server);
    // By endpoint, unless it is known which addresses there are.
    let session = |name| server("a").with_header("x-session", name).unwrap();
    let same_gateway = ["1", "2"].map(|name| through(session(name)));
    assert_eq!(at_once(same_gateway).await, 3);
    let told_apart = [("1", one), ("2", other)];
    let told_apart = told_apart.map(|(name, egress)| through(session(name).with_egress(egress)));
    assert_eq!(at_once(told_apart).await, 6);
    let same_exit = ["a", "b"].map(|name| through(server(name).with_egress(one)));
    assert_eq!(at_once(same_exit).await, 3);
    // By local address, unless exchanges see another.
    assert_eq!(at_once([7, 8].map(|last| direct(bound(last)))).await, 6);
    let behind_nat = [7, 8].map(|last| direct(bound(last).with_egress(one)));
    assert_eq!(at_once(behind_nat).await, 3);
    let own = [192, 0, 2, 7].into();
    let same = [direct(bound(7)), through(server("a").with_egress(own))];
    assert_eq!(at_once(same).await, 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_corrects_what_is_known() {
    let world = World::start();
    let injector = world.injector(through(proxy("a")));
    let session = scope(&injector, "binance").http();
    // Somebody else uses the same address.
    *world.used.lock().unwrap() = Some(3);
    session.send(request(1)).await.unwrap();
    *world.used.lock().unwrap() = Some(1);
    session.send(request(1)).await.unwrap();
    session.send(request(1)).await.unwrap();
    assert_eq!(world.take_seen(), "0 a, 10 a, 10 a");
}

#[tokio::test(start_paused = true)]
async fn a_reload_moves_who_waits_and_forgets_nothing() {
    let world = World::start();
    let injector = world.injector(through(proxy("a")));
    let session = scope(&injector, "binance").http();
    burst(&session, [3]).await;
    let first = spawn(&session, request(2));
    settle().await;
    let second = spawn(&session, request(2));
    sleep(Duration::from_secs(4)).await;
    assert_eq!(world.take_seen(), "0 a");
    // The same exits: nobody loses a place.
    let slower = proxy("a").with_timeout_seconds(7).unwrap();
    injector.reload(through(slower)).unwrap();
    settle().await;
    assert_eq!(world.take_seen(), "");
    // Another exit has room for one of them. The other goes on to wait.
    injector.reload(through(pool(["a", "b"]))).unwrap();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(world.take_seen(), "4 b, 10 a");
    injector.reload(through(proxy("b"))).unwrap();
    burst(&session, [3]).await;
    assert_eq!(world.take_seen(), "14 b");
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_gives_an_exit_an_egress_or_takes_it_away_forgets_nothing() {
    let world = World::start();
    let injector = world.injector(through(proxy("a")));
    let session = scope(&injector, "binance").http();
    burst(&session, [3]).await;
    let address = "203.0.113.7".parse().unwrap();
    let known = ProxyConfig::from(proxy("a").server().clone().with_egress(address));
    injector.reload(through(known)).unwrap();
    burst(&session, [3]).await;
    assert_eq!(world.take_seen(), "0 a, 10 a");
    injector.reload(through(proxy("a"))).unwrap();
    burst(&session, [3]).await;
    assert_eq!(world.take_seen(), "20 a");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_leaves_its_place_and_takes_nothing_with_it() {
    let world = World::start();
    let injector = world.injector(through(proxy("a")));
    let session = scope(&injector, "binance").http();
    burst(&session, [2]).await;
    let large = spawn(&session, request(3));
    settle().await;
    let small = spawn(&session, request(1));
    sleep(Duration::from_secs(5)).await;
    // What is left is kept for the first.
    assert_eq!(world.take_seen(), "0 a");
    large.abort();
    small.await.unwrap().unwrap();
    assert_eq!(world.take_seen(), "5 a");
    for _ in 0..100 {
        let waiting = spawn(&session, request(3));
        settle().await;
        waiting.abort();
    }
    burst(&session, [2]).await;
    assert_eq!(world.take_seen(), "10 a");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_cut_off_under_way_counts() {
    let world = World::start();
    let injector = world.injector(through(proxy("a")));
    let session = scope(&injector, "binance").http();
    let sent = spawn(&session, request(3));
    while world.seen.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    sent.abort();
    burst(&session, [1]).await;
    assert_eq!(world.take_seen(), "0 a, 10 a");
}

#[tokio::test(start_paused = true)]
async fn more_than_there_ever_is_fails_at_once() {
    let world = World::start();
    let injector = world.injector(through(proxy("a")));
    let session = scope(&injector, "binance").http();
    let error = session.send(request(4)).await.unwrap_err();
    let dial = error.dial_error().unwrap();
    assert_eq!(dial.kind(), DialErrorKind::OverBudget);
    assert!(!error.is_retryable());
    assert!(
        chain(&error).to_string().ends_with(
            "choose a route to exchange.example:80: it uses more than its budget has: it uses 4 of \
             \"weight\", of which there are 3 in 10s"
        ),
        "{}",
        chain(&error)
    );
    assert_eq!(world.take_seen(), "");
    burst(&session, [3]).await;
}

fn dial(scope: &Scope) -> impl Future<Output = DialError> + use<> {
    let mut request = WsRequest::new("ws://exchange.example/".parse().unwrap()).unwrap();
    request.draws = Draws::from(draw(1));
    let session = scope.websocket();
    async move { session.dial(request).await.unwrap_err() }
}

#[tokio::test(start_paused = true)]
async fn every_attempt_of_a_dial_counts_at_its_exit_unless_the_exchange_cannot_have_seen_it() {
    let world = World::start();
    let injector = world.injector(through(pool(["a", "b"])));
    let scope = scope(&injector, "binance");
    // Neither proxy is reached, and each dial tries both.
    *world.fails_in.lock().unwrap() = Some(Phase::Tcp);
    for _ in 0..4 {
        assert_eq!(dial(&scope).await.kind(), DialErrorKind::Refused);
    }
    let seen = world.take_seen();
    assert_eq!(seen.matches("0 a").count(), 4, "{seen}");
    assert_eq!(seen.matches("0 b").count(), 4, "{seen}");
    // They are, and fail to open a tunnel.
    *world.fails_in.lock().unwrap() = Some(Phase::ProxyHandshake);
    for _ in 0..4 {
        assert_eq!(dial(&scope).await.kind(), DialErrorKind::Refused);
    }
    let seen = world.take_seen();
    for exit in ["0 a", "0 b"] {
        assert_eq!(seen.matches(exit).count(), 4, "{seen}");
        assert_eq!(seen.matches(&format!("1{exit}")).count(), 1, "{seen}");
    }
    // On the direct way, the exchange itself refuses.
    injector.reload(through(ProxyRule::Direct)).unwrap();
    *world.fails_in.lock().unwrap() = Some(Phase::Tcp);
    for _ in 0..4 {
        assert_eq!(dial(&scope).await.kind(), DialErrorKind::Refused);
    }
    assert_eq!(
        world.take_seen(),
        "10 direct, 10 direct, 10 direct, 20 direct"
    );
}
