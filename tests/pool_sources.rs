//! Pools whose proxies come from lists outside of the configuration.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use http::{Method, StatusCode};
use proxy_config::{
    ConnectionProxies, HealthCheck, HealthCheckMethod, ListRoute, PoolConfig, PoolMember,
    PoolSource, PoolStrategy, ProxyList, ProxySettings,
};
use proxy_injector::{ProxyInjector, ProxySource};
use testkit::{
    Canary, ExchangeTransport, ListServer, MockProxy, ProxyFault, ProxyKind, RecordingDialer,
};
use tokio::time::{advance, pause, resume, sleep};
use transport::{BoxError, DialErrorKind, HttpError, HttpTransport, Phase, WebSocket, WsErrorKind};
use transport_tunnel::TcpDialer;

use crate::capture::Capture;
use crate::world::{BINANCE, DIRECT, Injected, TestNames, World, config, egress, request, soon};

const LISTS: &str = "lists.test";

/// A folder of this test for lists.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pool-sources-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Replaces the list by a rename.
    fn replace(&self, text: &str) {
        fs::write(self.path("next"), text).unwrap();
        fs::rename(self.path("next"), self.path("proxies.txt")).unwrap();
    }

    fn source(&self) -> PoolSource {
        every_5_seconds(PoolSource::file(self.path("proxies.txt")))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn every_5_seconds(source: PoolSource) -> PoolSource {
    source.with_interval_seconds(5).unwrap()
}

fn settings(pool: &PoolConfig) -> ProxySettings {
    ProxySettings::enabled().with_default(ConnectionProxies::both(pool.clone()))
}

fn lines(proxies: &[&MockProxy]) -> String {
    proxies.iter().map(|proxy| proxy.url() + "\n").collect()
}

/// Two proxies, of which the first one is in a list.
async fn listing_the_first() -> (World, [MockProxy; 2], Folder) {
    let world = World::start().await;
    let proxies = world.two_proxies().await;
    let folder = Folder::new();
    folder.replace(&lines(&[&proxies[0]]));
    (world, proxies, folder)
}

/// The members that `pool` has now, without their logins.
async fn members(injected: &Injected, pool: &PoolConfig) -> Vec<String> {
    let listed = injected.injector.listed(pool).await;
    let members = listed.map(|pool| pool.members().to_vec());
    let members = members.unwrap_or_default().into_iter();
    members
        .map(|member| member.server().unwrap().to_string())
        .collect()
}

/// Lets the time pass until `is_so`, while the sockets are real.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if is_so().await {
            return;
        }
        pause();
        advance(Duration::from_secs(1)).await;
        resume();
        // What has become due needs the sockets and the disk.
        sleep(Duration::from_millis(20)).await;
    }
    panic!("it was not so for 200 seconds");
}

async fn until_listed(injected: &Injected, pool: &PoolConfig, proxies: &[&MockProxy]) {
    let expected: Vec<_> = proxies.iter().map(|proxy| proxy.redacted_url()).collect();
    until(async || members(injected, pool).await == expected).await;
}

async fn still_flows(stream: &mut WebSocket) {
    for _ in 0..3 {
        soon(stream.next()).await.unwrap().unwrap();
    }
}

fn dial_kind(error: &HttpError) -> (Phase, DialErrorKind) {
    let dial = error.dial_error().unwrap();
    (dial.phase(), dial.kind())
}

#[tokio::test]
async fn members_of_a_file_come_and_go_and_what_goes_drains() {
    let (world, [a, b], folder) = listing_the_first().await;
    let pool = PoolConfig::from_source(folder.source());
    let injected = world.injector(settings(&pool));
    let scope = injected.exchange("binance");
    let (rest, streams) = (scope.http(), scope.websocket());
    world.echo(&rest, BINANCE).await.unwrap();
    let mut old = world.stream(&streams, BINANCE).await;

    folder.replace(&lines(&[&b]));
    until_listed(&injected, &pool, &[&b]).await;
    world.echo(&rest, BINANCE).await.unwrap();
    world.stream(&streams, BINANCE).await;
    still_flows(&mut old).await;

    for transport in [ExchangeTransport::Rest, ExchangeTransport::WebSocket] {
        assert_eq!(world.seen(BINANCE, transport), [egress(2), egress(3)]);
    }
    // The kept connection of a request through the one that has gone is closed.
    let ledger = a.ledger();
    let is_closed = |count| {
        move |seen: &[testkit::ProxyConnection]| {
            seen.iter().filter(|seen| seen.closed).count() == count
        }
    };
    soon(ledger.wait_for(is_closed(1))).await;
    drop(old);
    soon(ledger.wait_for(is_closed(2))).await;
}

#[tokio::test]
async fn a_list_behind_a_link_that_is_swapped_is_seen() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let folder = Folder::new();
    // As Kubernetes mounts a ConfigMap.
    for (version, proxy) in [("v1", &a), ("v2", &b)] {
        fs::create_dir(folder.path(version)).unwrap();
        let text = lines(&[proxy]);
        fs::write(folder.path(version).join("proxies.txt"), text).unwrap();
    }
    let link = |version: &str| {
        std::os::unix::fs::symlink(version, folder.path("..data_next")).unwrap();
        fs::rename(folder.path("..data_next"), folder.path("..data")).unwrap();
    };
    link("v1");
    std::os::unix::fs::symlink("..data/proxies.txt", folder.path("proxies.txt")).unwrap();
    let pool = PoolConfig::from_source(folder.source());
    let injected = world.injector(settings(&pool));
    until_listed(&injected, &pool, &[&a]).await;
    link("v2");
    until_listed(&injected, &pool, &[&b]).await;
}

#[tokio::test]
async fn before_the_first_good_list_every_dial_is_refused_and_nothing_is_direct() {
    let world = World::start().await;
    let a = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let folder = Folder::new();
    let pool = PoolConfig::from_source(folder.source());
    let injected = world.injector(settings(&pool));
    let scope = injected.exchange("binance");
    let error = world.echo(&scope.http(), BINANCE).await.unwrap_err();
    assert_eq!(dial_kind(&error), (Phase::Route, DialErrorKind::NoProxy));
    assert!(error.is_retryable());
    let told = transport::chain(&error).to_string();
    let path = folder.path("proxies.txt").display().to_string();
    assert!(
        told.contains(&path) && told.contains("No such file"),
        "{told}"
    );

    folder.replace("# none so far\n");
    until(async || {
        let error = world.echo(&scope.http(), BINANCE).await.unwrap_err();
        transport::chain(&error)
            .to_string()
            .contains("it has no proxy that is enabled")
    })
    .await;
    assert_eq!(injected.asked_for(), [""; 0]);

    folder.replace(&lines(&[&a]));
    until_listed(&injected, &pool, &[&a]).await;
    world.echo(&scope.http(), BINANCE).await.unwrap();
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(2)]);
}

#[tokio::test]
async fn the_last_good_list_outlives_its_file_and_bad_ones() {
    let (world, [a, b], folder) = listing_the_first().await;
    let pool = PoolConfig::from_source(folder.source());
    let injected = world.injector(settings(&pool));
    let (capture, _guard) = Capture::begin();
    until_listed(&injected, &pool, &[&a]).await;
    let told = |what: &str| {
        let warnings = capture.lines("WARN");
        warnings.iter().filter(|line| line.contains(what)).count()
    };

    fs::remove_file(folder.path("proxies.txt")).unwrap();
    until(async || told("No such file") > 0).await;
    folder.replace("");
    until(async || told("it has no proxy") > 0).await;
    folder.replace("ftp://u:ZQZQZQZQsecret@h:1\n");
    until(async || told("line 1: Unsupported proxy scheme: ftp") > 0).await;
    assert_eq!(members(&injected, &pool).await, [a.redacted_url()]);
    let rest = injected.exchange("binance").http();
    world.echo(&rest, BINANCE).await.unwrap();

    folder.replace(&format!("u:ZQZQZQZQsecret@h:1\n{}", lines(&[&b])));
    until_listed(&injected, &pool, &[&b]).await;
    assert_eq!(told("line 1: Proxy URL must include scheme"), 1);
    // Once each, however often it was looked at.
    assert_eq!(told("No such file"), 1);
    assert_eq!(Canary::new("ZQZQZQZQsecret").form_in(&capture.text()), None);
}

#[tokio::test]
async fn a_member_that_stays_keeps_its_connections_in_the_count() {
    let (world, [a, b], folder) = listing_the_first().await;
    let pool = PoolConfig::from_source(folder.source());
    let pool = pool.with_strategy(PoolStrategy::LeastConnections);
    let injected = world.injector(settings(&pool));
    let streams = injected.exchange("binance").websocket();
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(world.stream(&streams, BINANCE).await);
    }
    folder.replace(&lines(&[&a, &b]));
    until_listed(&injected, &pool, &[&a, &b]).await;
    for _ in 0..2 {
        open.push(world.stream(&streams, BINANCE).await);
    }
    let connections = world.connections(BINANCE, ExchangeTransport::WebSocket);
    let seen: Vec<_> = connections.iter().map(|one| one.peer.ip()).collect();
    assert_eq!(seen, [2, 2, 3, 3].map(egress));
}

/// A list server, a pool of its list by `route`, and an injector that knows its certificate.
fn listed_at(world: &World, server: &ListServer, route: ListRoute) -> (PoolConfig, Injected) {
    let host = match route {
        ListRoute::Direct => "localhost",
        ListRoute::Proxy(_) => LISTS,
    };
    let port = server.address().port();
    let url = format!("https://{host}:{port}/v1/ZQZQZQZQtoken?key=QZQZQZQZtoken");
    let source = every_5_seconds(PoolSource::url(url.parse().unwrap(), route));
    let pool = PoolConfig::from_source(source);
    let injected = world.injector(settings(&pool));
    (pool, injected)
}

fn statuses(server: &ListServer) -> Vec<u16> {
    server
        .answers()
        .iter()
        .map(|answer| answer.status)
        .collect()
}

#[tokio::test]
async fn a_list_at_a_url_is_fetched_through_its_proxy_and_only_when_it_has_changed() {
    for kind in [ProxyKind::Socks5h, ProxyKind::Http] {
        let world = World::start().await;
        let [a, b] = world.two_proxies().await;
        let gate = world.proxy(kind, 9).host(LISTS, egress(1));
        let gate = gate
            .credentials("u", "QQZZQQZZlogin")
            .start()
            .await
            .unwrap();
        let tls = world.ca.server_config(&[LISTS]).unwrap();
        let server = ListServer::start(lines(&[&a]), tls).unwrap();
        let route = ListRoute::Proxy(config(&gate).server().clone());
        let (capture, _guard) = Capture::begin();
        let (pool, injected) = listed_at(&world, &server, route);
        let rest = injected.exchange("binance").http();
        world.echo(&rest, BINANCE).await.unwrap();
        until(async || statuses(&server).len() >= 3).await;
        server.replace(lines(&[&b]));
        until_listed(&injected, &pool, &[&b]).await;
        server.fail_with(StatusCode::SERVICE_UNAVAILABLE);
        until(async || statuses(&server).last() == Some(&503)).await;
        server.fail_with(StatusCode::FOUND);
        until(async || statuses(&server).last() == Some(&302)).await;
        server.replace("");
        until(async || capture.text().contains("it has no proxy")).await;
        world.echo(&rest, BINANCE).await.unwrap();

        let mut seen = statuses(&server);
        seen.dedup();
        assert_eq!(seen, [200, 304, 200, 503, 302, 200]);
        assert_eq!(
            world.seen(BINANCE, ExchangeTransport::Rest),
            [egress(2), egress(3)]
        );
        for answer in server.answers() {
            assert_eq!(answer.peer.ip(), egress(9));
            assert_eq!(answer.path, "/v1/ZQZQZQZQtoken?key=QZQZQZQZtoken");
        }
        let sockets = [&a, &b, &gate].map(|proxy| proxy.address().to_string());
        for asked in injected.asked_for() {
            assert!(sockets.contains(&asked), "{asked}");
        }
        for secret in ["ZQZQZQZQtoken", "QZQZQZQZtoken", "QQZZQQZZlogin"] {
            assert_eq!(Canary::new(secret).form_in(&capture.text()), None);
        }
    }
}

#[tokio::test]
async fn a_list_is_fetched_directly_only_where_the_word_says_so() {
    let world = World::start().await;
    let a = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let tls = world.ca.server_config(&[LISTS]).unwrap();
    let server = ListServer::start(lines(&[&a]), tls).unwrap();
    let (_, injected) = listed_at(&world, &server, ListRoute::Direct);
    let rest = injected.exchange("binance").http();
    world.echo(&rest, BINANCE).await.unwrap();
    assert_eq!(server.answers()[0].peer.ip(), DIRECT);

    let gate = world.proxy(ProxyKind::Http, 9).host(LISTS, egress(1));
    let gate = gate.start().await.unwrap();
    let asked = server.answers().len();
    let route = ListRoute::Proxy(config(&gate).server().clone());
    gate.stop().await;
    let (_, injected) = listed_at(&world, &server, route);
    let rest = injected.exchange("binance").http();
    let error = world.echo(&rest, BINANCE).await.unwrap_err();
    assert_eq!(dial_kind(&error), (Phase::Route, DialErrorKind::NoProxy));
    assert_eq!(server.answers().len(), asked);
    assert_eq!(injected.asked_for(), [gate.address().to_string()]);
}

#[tokio::test]
async fn a_list_whose_server_cannot_prove_its_name_is_not_taken() {
    let world = World::start().await;
    let a = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let gate = world.proxy(ProxyKind::Socks5h, 9).host(LISTS, egress(1));
    let gate = gate.start().await.unwrap();
    let server = ListServer::start(lines(&[&a]), world.ca.wrong_name_config().unwrap()).unwrap();
    let route = ListRoute::Proxy(config(&gate).server().clone());
    let (_, injected) = listed_at(&world, &server, route);
    let rest = injected.exchange("binance").http();
    let error = world.echo(&rest, BINANCE).await.unwrap_err();
    assert_eq!(dial_kind(&error), (Phase::Route, DialErrorKind::NoProxy));
    let told = transport::chain(&error).to_string();
    assert!(told.contains("certificate"), "{told}");
    assert!(server.answers().is_empty());
}

#[tokio::test]
async fn a_list_that_is_too_large_is_not_taken() {
    let world = World::start().await;
    let tls = world.ca.server_config(&[LISTS]).unwrap();
    let server = ListServer::start("#".repeat(1024 * 1024 + 1), tls).unwrap();
    let (pool, injected) = listed_at(&world, &server, ListRoute::Direct);
    let error = injected.injector.listed(&pool).await.unwrap_err();
    assert!(error.to_string().ends_with(": answer too large"), "{error}");
}

#[tokio::test]
async fn a_reload_keeps_a_list_in_use_and_ends_what_a_list_that_is_not_has_allowed() {
    let (world, [_a, b], folder) = listing_the_first().await;
    let pool = PoolConfig::from_source(folder.source());
    let injected = world.injector(settings(&pool));
    let scope = injected.exchange("binance");
    let mut stream = world.stream(&scope.websocket(), BINANCE).await;

    fs::remove_file(folder.path("proxies.txt")).unwrap();
    let slower = PoolSource::file(folder.path("proxies.txt"));
    let other = PoolConfig::from_source(slower).with_strategy(PoolStrategy::Random);
    injected.injector.reload(settings(&other)).unwrap();
    still_flows(&mut stream).await;
    world.echo(&scope.http(), BINANCE).await.unwrap();
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(2)]);

    let fixed = PoolConfig::new([PoolMember::new(config(&b).server().clone())]).unwrap();
    injected.injector.reload(settings(&fixed)).unwrap();
    let end = soon(async {
        loop {
            if let Err(error) = stream.next().await.unwrap() {
                break error;
            }
        }
    });
    assert_eq!(end.await.kind(), WsErrorKind::RouteChanged);
    world.stream(&scope.websocket(), BINANCE).await;
    let seen = world.seen(BINANCE, ExchangeTransport::WebSocket);
    assert_eq!(seen, [egress(2), egress(3)]);
    assert!(injected.injector.listed(&other).await.is_err());
}

#[tokio::test]
async fn a_dial_under_way_asks_no_member_that_has_left_meanwhile() {
    let world = World::start().await;
    let silent = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let left = world.proxy(ProxyKind::Socks5h, 3).start().await.unwrap();
    let new = world.proxy(ProxyKind::Http, 4).start().await.unwrap();
    silent.fail_with(ProxyFault::Stall);
    let folder = Folder::new();
    folder.replace(&lines(&[&silent, &left]));
    let pool = PoolConfig::from_source(folder.source());
    let pool = pool.with_timeout_seconds(300).unwrap();
    let injected = world.injector(settings(&pool));
    let rest = injected.exchange("binance").http();
    let url = format!("{}/echo", world.rest_url(BINANCE));
    let dial = tokio::spawn(async move { rest.send(request(Method::GET, &url, "")).await });
    soon(silent.ledger().wait_for(|seen| !seen.is_empty())).await;
    folder.replace(&lines(&[&new]));
    until_listed(&injected, &pool, &[&new]).await;
    silent.stop().await;
    soon(dial).await.unwrap().unwrap_err();
    assert_eq!(left.ledger().connections().len(), 0);
}

#[tokio::test]
async fn the_checks_of_a_pool_follow_its_list_without_a_dial() {
    let (world, [a, b], folder) = listing_the_first().await;
    let check = HealthCheck::new(HealthCheckMethod::Handshake);
    let check = check.with_interval_seconds(5).unwrap();
    let pool = PoolConfig::from_source(folder.source()).with_health_check(check);
    let injected = world.injector(settings(&pool));
    world
        .echo(&injected.exchange("binance").http(), BINANCE)
        .await
        .unwrap();
    let checks_of = |proxy: &MockProxy| proxy.ledger().connections().len();
    until(async || checks_of(&a) > 1).await;

    folder.replace(&lines(&[&b]));
    until(async || checks_of(&b) > 0).await;
    let of_the_one_that_left = checks_of(&a);
    until(async || checks_of(&b) > 3).await;
    assert_eq!(checks_of(&a), of_the_one_that_left);
}

#[test]
fn a_list_is_looked_after_again_when_its_runtime_has_ended() {
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap()
    };
    let mocks = runtime();
    let (world, a, b) = mocks.block_on(async {
        let world = World::start().await;
        let [a, b] = world.two_proxies().await;
        (world, a, b)
    });
    let folder = Folder::new();
    folder.replace(&lines(&[&a]));
    let pool = PoolConfig::from_source(folder.source());
    let injected = world.injector(settings(&pool));
    runtime().block_on(until_listed(&injected, &pool, &[&a]));
    folder.replace(&lines(&[&b]));
    runtime().block_on(until_listed(&injected, &pool, &[&b]));
}

/// A registry that the program knows: what it lists can be changed.
#[derive(Clone, Default)]
struct Registry(Arc<Mutex<Option<String>>>);

#[async_trait]
impl ProxySource for Registry {
    async fn list(&self) -> Result<Option<ProxyList>, BoxError> {
        let text = self.0.lock().unwrap().clone();
        let text = text.ok_or("the registry is away")?;
        Ok(Some(ProxyList::parse(text.as_bytes())))
    }
}

#[tokio::test]
async fn a_program_has_sources_of_its_own() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let registry = Registry::default();
    let source = every_5_seconds(PoolSource::program("registry"));
    let pool = PoolConfig::from_source(source);
    let sockets = Arc::new(RecordingDialer::new(TcpDialer::with_resolver(TestNames)));
    let injector = ProxyInjector::new(settings(&pool))
        .with_tcp_dialer(sockets.clone())
        .with_trust(world.trust())
        .with_source("registry", registry.clone());
    let injected = Injected {
        injector: Arc::new(injector),
        sockets,
    };
    let rest = injected.exchange("binance").http();
    let error = world.echo(&rest, BINANCE).await.unwrap_err();
    assert_eq!(dial_kind(&error), (Phase::Route, DialErrorKind::NoProxy));
    for proxy in [&a, &b] {
        *registry.0.lock().unwrap() = Some(lines(&[proxy]));
        until_listed(&injected, &pool, &[proxy]).await;
        world.echo(&rest, BINANCE).await.unwrap();
    }
    *registry.0.lock().unwrap() = None;
    world.echo(&rest, BINANCE).await.unwrap();
    let seen = world.seen(BINANCE, ExchangeTransport::Rest);
    assert_eq!(seen, [egress(2), egress(3)]);

    let unknown = PoolConfig::from_source(PoolSource::program("another"));
    let injected = world.injector(settings(&unknown));
    let error = injected.injector.listed(&unknown).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the program's list `another` has named no proxy so far: the program has no source of this name"
    );
}
