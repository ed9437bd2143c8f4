//! Exits whose addresses are learned: what they are counted by then, and how nobody is asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use feeds::{Binance, Exchange};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{Method, Request};
use proxy_config::{
    Bind, ConnectionProxies, DirectExit, ExchangeId, PoolConfig, PoolMember, PoolSource, ProxyRule,
    ProxySettings,
};
use proxy_injector::{EgressMirror, EgressSource, LearnedEgress, ProxyInjector, Snapshot};
use testkit::{ExchangeTransport, MockProxy, ProxyKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, advance, pause, resume, sleep, timeout_at};
use transport::{Affinity, Draw, Draws, Egress, HttpErrorKind, HttpTransport, WsDialer, chain};

use crate::capture::Capture;
use crate::mirror::{Mirror, ok, once};
use crate::world::{BACKPACK, BINANCE, World, config, egress, request, soon, ws_request};

/// The weight of a book with 5000 prices, of 6000 in a minute.
const BOOK: u32 = 250;

fn mirror(url: &str) -> EgressMirror {
    EgressMirror::new(url.parse().unwrap())
}

fn pool(proxies: &[&MockProxy]) -> PoolConfig {
    let members = proxies.iter();
    let members = members.map(|proxy| PoolMember::new(config(proxy).server().clone()));
    PoolConfig::new(members).unwrap()
}

fn settings(rule: impl Into<ProxyRule>) -> ProxySettings {
    ProxySettings::enabled()
        .with_strict(true)
        .with_default(ConnectionProxies::both(rule))
}

fn book(world: &World) -> Request<Bytes> {
    let path = "/api/v3/depth?symbol=BTCUSDT&limit=5000";
    let url = world.rest_url(BINANCE);
    let mut request = request(Method::GET, &format!("{url}{path}"), "");
    let draw = Draw {
        window: Binance::default().limits().rest[0],
        units: BOOK,
    };
    request.extensions_mut().insert(Draws::from(draw));
    request
}

/// How many of `count` requests for books, all at once, are answered within some seconds.
async fn answered(world: &World, session: &impl HttpTransport, count: usize) -> usize {
    let requests = (0..count).map(|_| session.send(book(world)));
    let mut asked: FuturesUnordered<_> = requests.collect();
    let end = Instant::now() + Duration::from_secs(8);
    let mut answered = 0;
    while let Ok(Some(answer)) = timeout_at(end, asked.next()).await {
        answered += usize::from(answer.unwrap().status() == 200);
    }
    answered
}

#[tokio::test]
async fn two_proxies_that_turn_out_to_leave_by_one_address_share_its_budget() {
    let mirror_server = Mirror::honest().await;
    for learns in [false, true] {
        let world = World::start().await;
        let kinds = [ProxyKind::Socks5h, ProxyKind::Http];
        let proxies = kinds.map(|kind| world.proxy(kind, 2).start());
        let [a, b] = proxies;
        let [a, b] = [a.await.unwrap(), b.await.unwrap()];
        let injected = world.injector(settings(pool(&[&a, &b])));
        let session = injected.exchange("binance").http();
        // By both of them, before anything is learned.
        assert_eq!(answered(&world, &session, 6).await, 6);
        if learns {
            let url = mirror_server.url();
            let learned = injected.injector.learn_egresses(&mirror(&url)).await;
            let learned: Vec<_> = learned.into_iter().map(|it| it.address.unwrap()).collect();
            assert_eq!(learned, [egress(2); 2]);
        }
        let more = answered(&world, &session, 40).await;
        let violations = world.exchange(BINANCE).violations();
        if learns {
            assert_eq!((more, violations), (24 - 6, vec![]));
        } else {
            assert!(!violations.is_empty());
        }
        assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(2)]);
    }
}

#[tokio::test]
async fn only_exits_are_asked_each_once_through_itself_and_directly_by_the_word_only() {
    let world = World::start().await;
    let server = Mirror::honest().await;
    let [dead, alive, other] = [2, 3, 4].map(|n| world.proxy(ProxyKind::Http, n).start());
    let [dead, alive, other] = [
        dead.await.unwrap(),
        alive.await.unwrap(),
        other.await.unwrap(),
    ];
    dead.stop().await;
    let exchange = |id| ExchangeId::new(id).unwrap();
    // The same member in two pools, and a route that is direct because nothing is said.
    let undecided = ProxySettings::enabled().with_exchange(
        exchange("binance"),
        ConnectionProxies::both(pool(&[&dead, &alive])).with_http(pool(&[&alive, &other])),
    );
    let injected = world.injector(undecided.clone());
    injected.exchange("backpack");
    let learned = injected
        .injector
        .learn_egresses(&mirror(&server.url()))
        .await;
    assert_eq!(server.asked(), once(&["127.0.0.3", "127.0.0.4"]));
    let proxies = [&dead, &alive, &other].map(|proxy| proxy.address().to_string());
    let asked_for: BTreeSet<_> = injected.asked_for().into_iter().collect();
    assert_eq!(asked_for, BTreeSet::from(proxies));
    let failed: Vec<_> = learned.iter().filter(|it| it.address.is_err()).collect();
    let [LearnedEgress { exit, address, .. }] = &*failed else {
        panic!("one proxy is dead: {learned:?}");
    };
    assert!(exit.to_string().contains(&dead.address().to_string()));
    assert_eq!(address.as_ref().unwrap_err().kind(), HttpErrorKind::Dial);

    let said = undecided.with_exchange(
        exchange("backpack"),
        ConnectionProxies::both(ProxyRule::Direct),
    );
    let injected = world.injector(said);
    let server = Mirror::honest().await;
    injected
        .injector
        .learn_egresses(&mirror(&server.url()))
        .await;
    let asked = once(&["127.0.0.1", "127.0.0.3", "127.0.0.4"]);
    assert_eq!(server.asked(), asked);
    let stream = injected.exchange("backpack").websocket();
    let stream = world.stream(&stream, BACKPACK).await;
    assert_eq!(stream.info().egress(), Egress::Address(egress(1)));
}

#[tokio::test]
async fn a_stream_beside_one_from_before_the_learning_leaves_by_another_address() {
    let world = World::start().await;
    let server = Mirror::honest().await;
    let proxies = [2, 2, 3].map(|n| world.proxy(ProxyKind::Http, n).start());
    let [a, b, c] = proxies;
    let [a, b, c] = [a.await.unwrap(), b.await.unwrap(), c.await.unwrap()];
    let injected = world.injector(settings(pool(&[&a, &b, &c])));
    let ws = injected.exchange("binance").websocket();
    let dial = |apart_from: Vec<Egress>| {
        let mut request = ws_request(&format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE)));
        request.apart_from = apart_from;
        request.affinity = Some(Affinity::new("btcusdt"));
        soon(ws.dial(request))
    };
    let first = dial(vec![]).await.unwrap();
    let of_first = Egress::Proxy(a.address().to_string().parse().unwrap());
    assert_eq!(first.info().egress(), of_first);
    injected
        .injector
        .learn_egresses(&mirror(&server.url()))
        .await;
    for _ in 0..3 {
        let second = dial(vec![first.info().egress()]).await.unwrap();
        assert_eq!(second.info().egress(), Egress::Address(egress(3)));
    }
}

fn sources(snapshot: &Snapshot) -> Vec<(String, Option<EgressSource>)> {
    let members = snapshot.pools.iter().flat_map(|pool| &pool.members);
    let exits = members.map(|member| &member.exit).chain(&snapshot.exits);
    let known = exits.map(|exit| {
        let address = exit.egress_address.map(|it| it.to_string());
        (address.unwrap_or_default(), exit.egress_source)
    });
    known.collect()
}

#[tokio::test]
async fn what_is_configured_stays_in_force_and_what_is_learned_is_better_than_a_local_address() {
    let world = World::start().await;
    let server = Mirror::start(|peer| {
        // As behind NAT.
        let seen = match peer == egress(7) {
            true => "203.0.113.7".to_owned(),
            false => peer.to_string(),
        };
        ok(&seen)
    })
    .await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let other = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let nat = "203.0.113.9".parse().unwrap();
    let members = [
        PoolMember::new(config(&proxy).server().clone().with_egress(nat)),
        PoolMember::new(config(&other).server().clone()),
        PoolMember::direct_from(DirectExit::new(Bind::Address(egress(7)))),
    ];
    let injected = world.injector(settings(PoolConfig::new(members).unwrap()));
    injected.exchange("binance");
    let said = |text: &str, source| (text.to_owned(), source);
    let before = sources(&injected.injector.snapshot());
    let configured = said("203.0.113.9", Some(EgressSource::Configured));
    let expected = [
        configured.clone(),
        said("", None),
        said("127.0.0.7", Some(EgressSource::Bound)),
    ];
    assert_eq!(before, expected);
    let (capture, _guard) = Capture::begin();
    injected
        .injector
        .learn_egresses(&mirror(&server.url()))
        .await;
    let snapshot = injected.injector.snapshot();
    let expected = [
        configured,
        said("127.0.0.3", Some(EgressSource::Learned)),
        said("203.0.113.7", Some(EgressSource::Learned)),
    ];
    assert_eq!(sources(&snapshot), expected);
    let json = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(json["pools"][0]["members"][1]["egress_source"], "learned");
    let warned = capture.lines("WARN");
    let [line] = &*warned else {
        panic!("one exit leaves by another address than is configured: {warned:?}");
    };
    assert!(line.contains("egress=203.0.113.9 seen=127.0.0.2"), "{line}");
}

#[tokio::test]
async fn an_answer_that_is_no_address_is_not_believed_and_no_secret_is_told() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let injected = world.injector(settings(config(&proxy)));
    injected.exchange("binance");
    let page = "<html>QZQZQZ?format=text</html>";
    for (answer, kind) in [
        (ok(page), HttpErrorKind::Unreadable),
        (ok(""), HttpErrorKind::Unreadable),
        (ok("0.0.0.0"), HttpErrorKind::Unreadable),
        (ok(&"203.0.113.7 ".repeat(100_000)), HttpErrorKind::TooLarge),
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), HttpErrorKind::Broken),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                .to_owned(),
            HttpErrorKind::Status(http::StatusCode::FOUND),
        ),
    ] {
        let server = Mirror::start(move |_| answer.clone()).await;
        let mirror = mirror(&server.url());
        let (capture, _guard) = Capture::begin();
        let learned = injected.injector.learn_egresses(&mirror).await;
        let [LearnedEgress { address, .. }] = &*learned else {
            panic!("there is one exit: {learned:?}");
        };
        let error = address.as_ref().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(server.asked(), once(&["127.0.0.2"]));
        let told = format!("{mirror:?} {learned:?} {}", chain(error));
        for secret in ["format=text", "QZQZQZ", "/ip"] {
            assert!(!told.contains(secret), "{told}");
        }
        let log: String = [capture.lines("WARN"), capture.lines("INFO")]
            .concat()
            .concat();
        assert!(!log.contains("format=text"), "{log}");
        assert_eq!(
            sources(&injected.injector.snapshot()),
            [(String::new(), None)]
        );
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_or_not_to_the_end_is_given_up() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n203"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (is_asked, asked) = oneshot::channel();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(begun.as_bytes()).await.unwrap();
            is_asked.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        let injected = world.injector(settings(config(&proxy)));
        let injector = Arc::clone(&injected.injector);
        let learns = tokio::spawn(async move { injector.learn_egresses(&mirror(&url)).await });
        asked.await.unwrap();
        // What was written arrives.
        sleep(Duration::from_millis(50)).await;
        pause();
        advance(Duration::from_secs(31)).await;
        let learned = soon(learns).await.unwrap();
        resume();
        let error = learned[0].address.as_ref().unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Timeout);
    }
}

/// Lets the time pass until `is_so`, while the sockets are real.
async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..200 {
        if is_so() {
            return;
        }
        pause();
        advance(Duration::from_secs(1)).await;
        resume();
        // What has become due needs the sockets and the disk.
        sleep(Duration::from_millis(50)).await;
    }
    panic!("it was not so for 200 seconds");
}

/// How many exits have an address that was learned.
fn learned(injector: &ProxyInjector) -> usize {
    let is_learned =
        |(_, source): &(String, Option<EgressSource>)| *source == Some(EgressSource::Learned);
    sources(&injector.snapshot())
        .iter()
        .filter(|it| is_learned(it))
        .count()
}

#[tokio::test]
async fn in_the_background_members_of_lists_are_learned_as_they_come_and_all_again_after_a_reload()
{
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let server = Mirror::honest().await;
    let folder = std::env::temp_dir().join(format!("learned-egresses-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("list");
    std::fs::write(&file, a.url() + "\n").unwrap();
    let source = PoolSource::file(&file).with_interval_seconds(5).unwrap();
    let without = settings(PoolConfig::from_source(source));
    let with = without
        .clone()
        .with_egress_url(server.url().parse().unwrap());
    let injected = world.injector(with.clone());
    injected.exchange("binance");
    let injector = &injected.injector;
    let following = tokio::spawn(Arc::clone(injector).follow_egresses());
    until(|| learned(injector) == 1).await;
    std::fs::write(&file, format!("{}\n{}\n", a.url(), b.url())).unwrap();
    until(|| learned(injector) == 2).await;
    assert_eq!(server.asked(), once(&["127.0.0.2", "127.0.0.3"]));

    injector.reload(with.clone()).unwrap();
    until(|| server.asked().values().all(|times| *times == 2)).await;
    // It is kept until then, and without the server it is forgotten.
    assert_eq!(learned(injector), 2);
    injector.reload(without).unwrap();
    until(|| learned(injector) == 0).await;
    assert!(server.asked().values().all(|times| *times == 2));
    following.abort();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn without_an_answer_it_is_told_connections_go_on_and_the_server_is_asked_again() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let refusals = AtomicU32::new(2);
    let server = Mirror::start(move |peer| {
        let refuses = refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        });
        match refuses {
            Ok(_) => "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_owned(),
            Err(_) => ok(&peer.to_string()),
        }
    })
    .await;
    let url = server.url().parse().unwrap();
    let injected = world.injector(settings(config(&proxy)).with_egress_url(url));
    let scope = injected.exchange("binance");
    let (capture, _guard) = Capture::begin();
    let start = Instant::now();
    let following = tokio::spawn(Arc::clone(&injected.injector).follow_egresses());
    world.echo(&scope.http(), BINANCE).await.unwrap();
    until(|| learned(&injected.injector) == 1).await;
    following.abort();
    assert_eq!(server.asked().into_values().sum::<u32>(), 3);
    assert!(start.elapsed() >= Duration::from_secs(5 + 10));
    let told = "it is not known by which addresses exits leave";
    let mut warned = capture.lines("WARN");
    warned.retain(|line| line.contains(told));
    assert_eq!(warned.len(), 2, "{warned:?}");
    assert!(warned[0].contains("status 503"), "{warned:?}");
}

#[tokio::test]
async fn what_makes_an_address_none_to_count_by_is_told_once_for_all_exits() {
    let world = World::start().await;
    let asked = AtomicU32::new(0);
    // A server that sees the load balancer before it, and then gateways that rotate.
    let server = Mirror::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => ok("10.0.0.1"),
        number => ok(&format!("203.0.113.{number}")),
    })
    .await;
    let [a, b] = world.two_proxies().await;
    let with = settings(pool(&[&a, &b])).with_egress_url(server.url().parse().unwrap());
    let injected = world.injector(with.clone());
    injected.exchange("binance");
    let (capture, _guard) = Capture::begin();
    let following = tokio::spawn(Arc::clone(&injected.injector).follow_egresses());
    until(|| capture.lines("WARN").len() == 1).await;
    let told = capture.lines("INFO").concat();
    assert!(told.contains("learned=2 addresses=1 unknown=0"), "{told}");
    injected.injector.reload(with).unwrap();
    until(|| capture.lines("WARN").len() == 2).await;
    following.abort();
    let warned = capture.lines("WARN");
    assert!(warned[0].contains("none of the internet"), "{warned:?}");
    assert!(warned[0].contains("seen=10.0.0.1 exits=2"), "{warned:?}");
    let changed = "other addresses than before";
    assert!(warned[1].contains(changed), "{warned:?}");
    assert!(
        warned[1].contains("before=10.0.0.1 seen=203.0.113."),
        "{warned:?}"
    );
    assert!(warned[1].contains("exits=2"), "{warned:?}");
}
