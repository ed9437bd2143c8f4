//! What a reload accepts, and whose code may ask for one.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode};
use proxy_config::{
    ConnectionProxies, ExchangeId, PoolConfig, PoolMember, ProxyConfig, ProxyRule, ProxySettings,
    Transport,
};
use proxy_injector::{ProxyInjector, ReloadError, RouteChange, RouteOwner, StackRequest};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use transport::{Connection, DialError, DialErrorKind, Dialer, HttpTransport, Io, Phase, Target};

fn id(name: &str) -> ExchangeId {
    ExchangeId::new(name).unwrap()
}

fn proxy(name: &str) -> ProxyConfig {
    ProxyConfig::new(format!("http://{name}.example:1").parse().unwrap())
}

fn rules(rule: impl Into<ProxyRule>) -> ConnectionProxies {
    ConnectionProxies::both(rule.into())
}

fn through(name: &str) -> ProxySettings {
    ProxySettings::enabled().with_default(rules(proxy(name)))
}

fn target() -> Target {
    Target::parse("exchange.example", 443).unwrap()
}

/// What was lost, as the error tells.
fn lost(outcome: Result<impl Sized, ReloadError>) -> Vec<String> {
    match outcome.map(drop).unwrap_err() {
        ReloadError::Lost(routes) => routes
            .iter()
            .map(|change| format!("{} {}", change.owner(), change.transport()))
            .collect(),
        other => vec![other.to_string()],
    }
}

#[test]
fn settings_that_say_nothing_of_enabled_never_apply() {
    let injector = ProxyInjector::new(through("a"));
    let unsaid = ProxySettings::default().with_default(rules(proxy("a")));
    assert_eq!(
        lost(injector.reload(unsaid)),
        ["apply settings that do not say whether they are enabled"]
    );
    assert_eq!(*injector.settings(), through("a"));
}

#[test]
fn a_route_in_use_is_not_lost_by_what_is_missing() {
    let injector = Arc::new(ProxyInjector::new(through("a")));
    let _scope = injector.exchange(id("binance"));
    let all = [
        "binance http",
        "binance websocket",
        "any other exchange http",
        "any other exchange websocket",
    ];
    assert_eq!(lost(injector.reload(ProxySettings::default())), all);
    assert_eq!(lost(injector.reload(ProxySettings::enabled())), all);
    // Refused is not direct, but nobody asked for it either.
    let strict = ProxySettings::enabled().with_strict(true);
    assert_eq!(lost(injector.reload(strict)), all[..2]);
    let half = ConnectionProxies::default().with_http(proxy("a"));
    let half = ProxySettings::enabled().with_default(half);
    assert_eq!(lost(injector.reload(half)), [all[1], all[3]]);
    let others_direct = ProxySettings::enabled().with_exchange(id("binance"), rules(proxy("a")));
    assert_eq!(lost(injector.reload(others_direct)), all[2..]);
    assert_eq!(*injector.settings(), through("a"));
}

#[test]
fn words_make_a_route_direct_and_every_change_is_told() {
    let exposed = |settings: ProxySettings| {
        let injector = Arc::new(ProxyInjector::new(through("a")));
        let _scope = injector.exchange(id("binance"));
        let changes = injector.reload(settings).unwrap();
        changes.iter().filter(|change| change.exposes()).count()
    };
    let direct = ProxySettings::enabled().with_default(rules(ProxyRule::Direct));
    assert_eq!(exposed(direct), 4);
    assert_eq!(exposed(ProxySettings::disabled()), 4);
    let one = through("a").with_exchange(id("binance"), rules(ProxyRule::Direct));
    assert_eq!(exposed(one), 2);
    assert_eq!(exposed(through("b")), 0);
}

#[test]
fn what_is_refused_becomes_direct_only_if_somebody_takes_strict_back() {
    let strict = || ProxyInjector::new(through("a").with_strict(true));
    // What belongs to no exchange has no rule; `strict` is what keeps it from being direct.
    let both = ["no exchange http", "no exchange websocket"];
    assert_eq!(lost(strict().reload(through("a"))), both);
    let changes = strict().reload(through("a").with_strict(false)).unwrap();
    let owners: Vec<_> = changes.iter().map(RouteChange::owner).collect();
    assert_eq!(owners, [&RouteOwner::NoExchange; 2]);
}

#[test]
fn the_rule_of_an_exchange_that_nobody_asked_for_may_go() {
    let settings = || ProxySettings::enabled().with_exchange(id("binance"), rules(proxy("a")));
    let injector = Arc::new(ProxyInjector::new(
        settings().with_exchange(id("okx"), rules(proxy("b"))),
    ));
    let _scope = injector.exchange(id("binance"));
    let changes = injector.reload(settings()).unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0].owner(), &RouteOwner::Exchange(id("okx")));
}

/// A connection to nowhere, whose other end is kept.
#[derive(Default)]
struct Pipe(Mutex<Vec<DuplexStream>>);

#[async_trait]
impl Dialer for Pipe {
    async fn connect(&self, _target: &Target) -> Result<Connection, DialError> {
        let (ours, theirs) = duplex(64);
        self.0.lock().unwrap().push(theirs);
        Ok(Connection::new(ours))
    }
}

/// Runs `work` in a thread of its own, which must come to its end.
fn ends(work: impl FnOnce() + Send + 'static) {
    let thread = thread::spawn(work);
    for _ in 0..1_000 {
        if thread.is_finished() {
            return thread.join().unwrap();
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    unreachable!("it is stuck");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

/// The injector that the code of a test asks for a reload, once there is one.
type Slot = Arc<OnceLock<Arc<ProxyInjector>>>;

fn reload(slot: &OnceLock<Arc<ProxyInjector>>, name: &str) {
    if let Some(injector) = slot.get() {
        injector.reload(through(name)).unwrap();
    }
}

#[test]
fn a_stack_may_ask_for_a_reload_while_it_is_built() {
    ends(|| {
        let slot = Slot::default();
        let stack = {
            let slot = Arc::clone(&slot);
            move |request: StackRequest<'_>| {
                let proxy = request.proxy();
                if proxy.is_some_and(|proxy| proxy.to_string().contains("a.example")) {
                    reload(&slot, "b");
                }
                Ok(Arc::new(Pipe::default()) as Arc<dyn Dialer>)
            }
        };
        let injector = Arc::new(ProxyInjector::new(through("a")).with_stack(stack));
        assert!(slot.set(Arc::clone(&injector)).is_ok());
        let dialer = injector.exchange(id("binance")).dialer(Transport::Http);
        block_on(dialer.dial(&target())).unwrap();
        assert_eq!(*injector.settings(), through("b"));
    });
}

/// Answers every request on a connection with 204.
struct Answering;

#[async_trait]
impl Dialer for Answering {
    async fn connect(&self, _target: &Target) -> Result<Connection, DialError> {
        let (ours, mut theirs) = duplex(1024);
        tokio::spawn(async move {
            let mut read = [0; 1024];
            while theirs.read(&mut read).await.is_ok_and(|length| length > 0) {
                let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                theirs.write_all(answer).await.unwrap();
            }
        });
        Ok(Connection::new(ours))
    }
}

#[tokio::test]
async fn what_was_built_before_a_reload_is_not_kept_after_it() {
    let (slot, built) = (Slot::default(), Arc::<AtomicUsize>::default());
    let stack = {
        let (slot, built) = (Arc::clone(&slot), Arc::clone(&built));
        move |_: StackRequest<'_>| {
            if built.fetch_add(1, Ordering::Relaxed) == 0 {
                // The route stays, but what it needs may have been replaced.
                reload(&slot, "a");
            }
            Ok(Arc::new(Answering) as Arc<dyn Dialer>)
        }
    };
    let injector = Arc::new(ProxyInjector::new(through("a")).with_stack(stack));
    assert!(slot.set(Arc::clone(&injector)).is_ok());
    let session = injector.exchange(id("binance")).http();
    for times_built in [1, 2, 2] {
        let request = Request::get("http://exchange.example/").body(Bytes::new());
        let answer = session.send(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(built.load(Ordering::Relaxed), times_built);
    }
}

/// Asks for a reload when it is dropped.
struct Parting(Slot);

impl Drop for Parting {
    fn drop(&mut self) {
        reload(&self.0, "c");
    }
}

#[async_trait]
impl Dialer for Parting {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        Pipe::default().dial(target).await
    }
}

#[test]
fn a_dialer_may_ask_for_a_reload_when_it_is_dropped() {
    ends(|| {
        let slot = Slot::default();
        let stack = {
            let slot = Arc::clone(&slot);
            move |_: StackRequest<'_>| Ok(Arc::new(Parting(Arc::clone(&slot))) as Arc<dyn Dialer>)
        };
        let injector = Arc::new(ProxyInjector::new(through("a")).with_stack(stack));
        let dialer = injector.exchange(id("binance")).dialer(Transport::Http);
        block_on(dialer.dial(&target())).unwrap();
        assert!(slot.set(Arc::clone(&injector)).is_ok());
        injector.reload(through("b")).unwrap();
        assert_eq!(*injector.settings(), through("c"));
    });
}

/// Asks for a reload when it is read.
struct Restless<T>(T, Slot);

impl<T: Io> AsyncRead for Restless<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        reload(&self.1, "b");
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<T: Io> AsyncWrite for Restless<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

struct RestlessDialer(Arc<Pipe>, Slot);

#[async_trait]
impl Dialer for RestlessDialer {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let connection = self.0.dial(target).await?;
        Ok(Connection::new(Restless(connection, Arc::clone(&self.1))))
    }
}

#[test]
fn a_connection_may_ask_for_a_reload_while_it_is_read_and_is_closed_by_it() {
    ends(|| {
        let slot = Slot::default();
        let stack = {
            let (pipe, slot) = (Arc::<Pipe>::default(), Arc::clone(&slot));
            move |_: StackRequest<'_>| {
                let dialer = RestlessDialer(Arc::clone(&pipe), Arc::clone(&slot));
                Ok(Arc::new(dialer) as Arc<dyn Dialer>)
            }
        };
        let injector = Arc::new(ProxyInjector::new(through("a")).with_stack(stack));
        let dialer = injector.exchange(id("binance")).dialer(Transport::Http);
        block_on(async {
            let mut connection = dialer.dial(&target()).await.unwrap();
            assert!(slot.set(Arc::clone(&injector)).is_ok());
            let error = connection.read_u8().await.unwrap_err();
            let error = DialError::find(&error).unwrap();
            assert_eq!(error.kind(), DialErrorKind::RouteChanged);
        });
    });
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_time_is_a_timeout_and_not_a_loop() {
    let members = ["a", "b"].map(|name| PoolMember::new(proxy(name).server().clone()));
    let pool = PoolConfig::new(members).unwrap();
    let settings = ProxySettings::enabled().with_default(rules(pool));
    let injector = Arc::new(ProxyInjector::new(settings));
    let dialer = injector.exchange(id("binance")).dialer(Transport::Http);
    let target = target().within(Duration::ZERO);
    let error = dialer.dial(&target).await.unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Timeout);
    assert_eq!(error.phase(), Phase::Route);
}
