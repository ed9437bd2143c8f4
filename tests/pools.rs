//! Pools of proxies: who is chosen, and what happens when one fails.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use proxy_config::{
    ConnectionProxies, PoolConfig, PoolMember, PoolStrategy, ProxyServer, ProxySettings, ProxyUrl,
    Transport,
};
use proxy_injector::WsSession;
use testkit::{ExchangeTransport, Link, LinkFault, MockProxy, ProxyKind};
use transport::{
    Affinity, DialError, DialErrorKind, Dialer, Phase, Target, WebSocket, WsDialer, WsErrorKind,
};

use crate::running::Running;
use crate::world::{BINANCE, Injected, World, config, egress, soon, ws_request};

fn pool(proxies: &[&MockProxy]) -> PoolConfig {
    let servers = proxies.iter().map(|proxy| config(proxy).server().clone());
    PoolConfig::new(servers.map(PoolMember::new)).unwrap()
}

fn settings(pool: PoolConfig) -> ProxySettings {
    ProxySettings::enabled().with_default(ConnectionProxies::both(pool))
}

fn by_least_connections(world: &World, proxies: [&MockProxy; 2]) -> WsSession {
    let pool = pool(&proxies).with_strategy(PoolStrategy::LeastConnections);
    let injected = world.injector(settings(pool));
    injected.exchange("binance").websocket()
}

/// How often the socket of `proxy` was asked for.
fn dials(injected: &Injected, proxy: &MockProxy) -> usize {
    let targets = injected.sockets.targets();
    let port = proxy.address().port();
    targets
        .iter()
        .filter(|target| target.port() == port)
        .count()
}

#[tokio::test]
async fn requests_take_the_members_in_turns_and_each_keeps_its_connection() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let injected = world.injector(settings(pool(&[&a, &b])));
    let rest = injected.exchange("binance").http();
    for _ in 0..4 {
        world.echo(&rest, BINANCE).await.unwrap();
    }
    let connections = world.connections(BINANCE, ExchangeTransport::Rest);
    let seen: Vec<_> = connections
        .iter()
        .map(|connection| (connection.peer.ip(), connection.requests.len()))
        .collect();
    assert_eq!(seen, [(egress(2), 2), (egress(3), 2)]);
}

#[tokio::test]
async fn streams_follow_the_weights() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let [a, b] = [&a, &b].map(|proxy| PoolMember::new(config(proxy).server().clone()));
    let members = [a.with_weight(3).unwrap(), b];
    let injected = world.injector(settings(PoolConfig::new(members).unwrap()));
    let streams = injected.exchange("binance").websocket();
    for _ in 0..8 {
        world.stream(&streams, BINANCE).await;
    }
    let connections = world.connections(BINANCE, ExchangeTransport::WebSocket);
    let through_a = connections
        .iter()
        .filter(|connection| connection.peer.ip() == egress(2));
    assert_eq!(through_a.count(), 6);
}

#[tokio::test]
async fn a_stream_beside_another_one_takes_another_member_as_long_as_there_is_one() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    for strategy in [
        PoolStrategy::RoundRobin,
        PoolStrategy::Random,
        PoolStrategy::LeastConnections,
        PoolStrategy::Sticky,
    ] {
        let injected = world.injector(settings(pool(&[&a, &b]).with_strategy(strategy)));
        let ws = injected.exchange("binance").websocket();
        let request = |beside: &[&WebSocket]| {
            let mut request = ws_request(&format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE)));
            request.apart_from = beside.iter().map(|it| it.info().egress()).collect();
            request.affinity = Some(Affinity::new("btcusdt"));
            request
        };
        for _ in 0..4 {
            let first = soon(ws.dial(request(&[]))).await.unwrap();
            let second = soon(ws.dial(request(&[&first]))).await.unwrap();
            assert_ne!(first.info().egress(), second.info().egress());
            // There is no third one, and that is no reason to fail.
            soon(ws.dial(request(&[&first, &second]))).await.unwrap();
        }
    }
    a.stop().await;
    let injected = world.injector(settings(pool(&[&a, &b])));
    let ws = injected.exchange("binance").websocket();
    let mut request = ws_request(&format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE)));
    let only = soon(ws.dial(request.clone())).await.unwrap();
    request.apart_from = vec![only.info().egress()];
    let beside = soon(ws.dial(request)).await.unwrap();
    assert_eq!(beside.info().egress(), only.info().egress());
}

#[tokio::test]
async fn what_one_transport_finds_dead_the_other_passes_over() {
    let world = World::start().await;
    let dead = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let alive = world.proxy(ProxyKind::Socks5h, 3).start().await.unwrap();
    dead.stop().await;
    let both = pool(&[&dead, &alive]);
    let least = both.clone().with_strategy(PoolStrategy::LeastConnections);
    let proxies = ConnectionProxies::both(both).with_websocket(least);
    let injected = world.injector(ProxySettings::enabled().with_default(proxies));
    let scope = injected.exchange("binance");
    world.echo(&scope.http(), BINANCE).await.unwrap();
    assert_eq!(dials(&injected, &dead), 1);
    for _ in 0..3 {
        world.echo(&scope.http(), BINANCE).await.unwrap();
        world.stream(&scope.websocket(), BINANCE).await;
    }
    assert_eq!(dials(&injected, &dead), 1);
    for transport in [ExchangeTransport::Rest, ExchangeTransport::WebSocket] {
        assert_eq!(world.seen(BINANCE, transport), [egress(3)]);
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_us_is_passed_over_like_a_dead_one() {
    let world = World::start().await;
    let strict = world
        .proxy(ProxyKind::Http, 2)
        .credentials("u", "p")
        .start()
        .await
        .unwrap();
    let open = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let without_password = strict.url().replace("u:p@", "").parse().unwrap();
    let refusing = PoolMember::new(ProxyServer::new(without_password));
    let members = [refusing, PoolMember::new(config(&open).server().clone())];
    let injected = world.injector(settings(PoolConfig::new(members).unwrap()));
    let scope = injected.exchange("binance");
    for _ in 0..3 {
        world.stream(&scope.websocket(), BINANCE).await;
    }
    assert_eq!(strict.ledger().connections().len(), 1);
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(3)]
    );
}

#[tokio::test]
async fn a_pool_with_nobody_left_fails_and_never_goes_direct() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    a.stop().await;
    b.stop().await;
    let injected = world.injector(settings(pool(&[&a, &b])));
    let scope = injected.exchange("binance");
    for attempt in 1..=2 {
        let error = world.echo(&scope.http(), BINANCE).await.unwrap_err();
        let dial = DialError::find(&error).unwrap();
        assert_eq!(
            (dial.kind(), dial.phase()),
            (DialErrorKind::Refused, Phase::Tcp)
        );
        assert!(dial.hop().is_proxy());
        let url = format!("{}/ws", world.ws_url(BINANCE));
        let error = soon(scope.websocket().dial(ws_request(&url))).await;
        assert!(error.unwrap_err().hop().is_proxy());
        assert_eq!(dials(&injected, &a) + dials(&injected, &b), 4 * attempt);
    }
    assert_eq!(injected.asked_for().len(), 2);
    assert!(world.binance.ledger().connections().is_empty());
}

#[tokio::test]
async fn least_connections_counts_the_streams_that_are_open() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let streams = by_least_connections(&world, [&a, &b]);
    let through = || {
        let connections = world.connections(BINANCE, ExchangeTransport::WebSocket);
        connections.last().unwrap().peer.ip()
    };
    let first = world.stream(&streams, BINANCE).await;
    assert_eq!(through(), egress(2));
    let second = world.stream(&streams, BINANCE).await;
    assert_eq!(through(), egress(3));
    drop(first);
    let mut third = world.stream(&streams, BINANCE).await;
    assert_eq!(through(), egress(2));
    // A stream that has ended counts no longer, though somebody still holds it.
    a.cut_all().await;
    while let Some(Ok(_)) = soon(third.next()).await {}
    a.stop().await;
    a.restart().await.unwrap();
    world.stream(&streams, BINANCE).await;
    assert_eq!(through(), egress(2));
    drop((second, third));
}

#[tokio::test]
async fn a_member_that_connects_and_stalls_is_judged_by_its_streams() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let streams = by_least_connections(&world, [&a, &b]);
    let mute = world.stream(&streams, BINANCE).await;
    mute.report_stall();
    drop(mute);
    for _ in 0..3 {
        world.stream(&streams, BINANCE).await;
    }
    let connections = world.connections(BINANCE, ExchangeTransport::WebSocket);
    let seen: Vec<_> = connections.iter().map(|it| it.peer.ip()).collect();
    assert_eq!(seen, [egress(2), egress(3), egress(3), egress(3)]);
}

#[tokio::test]
async fn a_member_whose_path_freezes_under_a_stream_is_passed_over_at_once() {
    const QUICK: Option<Duration> = Some(Duration::from_millis(50));
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let link = Link::start(a.address()).await.unwrap();
    let port = |address: SocketAddr| format!(":{}", address.port());
    let url = a.url().replace(&port(a.address()), &port(link.address()));
    let behind_link = PoolMember::new(url.parse::<ProxyUrl>().unwrap());
    let other = PoolMember::new(config(&b).server().clone());
    let pool = PoolConfig::new([behind_link, other]).unwrap();
    let pool = pool.with_strategy(PoolStrategy::LeastConnections);
    let injected = world.injector(settings(pool));
    let streams = injected.exchange("binance").websocket();

    let mut request = ws_request(&format!("{}/ws", world.ws_url(BINANCE)));
    (request.ping_interval, request.ping_timeout) = (QUICK, QUICK);
    let mut frozen = soon(streams.dial(request)).await.unwrap();
    link.inject(LinkFault::Stall).await.unwrap();
    let error = soon(frozen.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), WsErrorKind::Unresponsive);
    drop(frozen);
    // By its dials alone, nothing would speak against it any longer.
    link.clear().await.unwrap();
    for _ in 0..3 {
        world.stream(&streams, BINANCE).await;
    }
    let connections = world.connections(BINANCE, ExchangeTransport::WebSocket);
    let seen: Vec<_> = connections.iter().map(|it| it.peer.ip()).collect();
    assert_eq!(seen, [egress(2), egress(3), egress(3), egress(3)]);
}

#[tokio::test]
async fn a_byte_stream_counts_until_it_is_dropped() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let pool = pool(&[&a, &b]).with_strategy(PoolStrategy::LeastConnections);
    let injected = world.injector(settings(pool));
    let dialer = injected.exchange("binance").dialer(Transport::WebSocket);
    let target = Target::parse(BINANCE, world.binance.ws_addr().port()).unwrap();
    let first = soon(dialer.dial(&target)).await.unwrap();
    let second = soon(dialer.dial(&target)).await.unwrap();
    assert_ne!(first.info().hops(), second.info().hops());
    let freed = second.info().hops().to_vec();
    drop(second);
    let third = soon(dialer.dial(&target)).await.unwrap();
    assert_eq!(third.info().hops(), freed);
    a.stop().await;
    b.stop().await;
    let error = soon(dialer.dial(&target)).await.unwrap_err();
    assert!(error.hop().is_proxy());
}

#[tokio::test]
async fn a_feed_whose_proxy_dies_goes_on_through_another_member() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let injected = world.injector(settings(pool(&[&a, &b])));
    let mut feed = Running::start(&world, &injected, BINANCE, &["BTC-USDT"]);
    feed.until_everything_flows().await;
    let first = world.seen(BINANCE, ExchangeTransport::WebSocket);
    let (dying, heir) = if first == [egress(2)] {
        (&a, egress(3))
    } else {
        (&b, egress(2))
    };
    dying.stop().await;
    feed.until_everything_flows().await;
    while world.seen(BINANCE, ExchangeTransport::WebSocket) == first {
        feed.next().await;
    }
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket).last(),
        Some(&heir)
    );
}

#[tokio::test]
async fn a_stream_stays_while_its_proxy_is_in_the_pool() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let injected = world.injector(settings(pool(&[&a])));
    let streams = injected.exchange("binance").websocket();
    let mut socket = world.stream(&streams, BINANCE).await;

    let wider = pool(&[&b, &a]).with_strategy(PoolStrategy::Random);
    injected.injector.reload(settings(wider)).unwrap();
    for _ in 0..20 {
        soon(socket.next()).await.unwrap().unwrap();
    }
    injected.injector.reload(settings(pool(&[&b]))).unwrap();
    let error = loop {
        if let Err(error) = soon(socket.next()).await.unwrap() {
            break error;
        }
    };
    assert_eq!(error.kind(), WsErrorKind::RouteChanged);
}

#[tokio::test]
async fn a_reload_gives_a_marked_proxy_another_chance_and_keeps_the_counts() {
    let world = World::start().await;
    let [a, b] = world.two_proxies().await;
    let pool = pool(&[&a, &b]).with_strategy(PoolStrategy::LeastConnections);
    let injected = world.injector(settings(pool.clone()));
    let streams = injected.exchange("binance").websocket();
    a.stop().await;
    let _held = world.stream(&streams, BINANCE).await;
    a.restart().await.unwrap();
    let _other = world.stream(&streams, BINANCE).await;
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(3)]
    );
    injected.injector.reload(settings(pool)).unwrap();
    world.stream(&streams, BINANCE).await;
    world.stream(&streams, BINANCE).await;
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(3), egress(2)]
    );
}
