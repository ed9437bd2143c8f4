//! Exits by address: what the other side sees of connections that begin at a local address.

use futures_util::StreamExt;
use proxy_config::{
    Bind, ConnectionProxies, DirectExit, PoolConfig, PoolMember, ProxyConfig, ProxyRule,
    ProxySettings,
};
use proxy_injector::ReloadError;
use testkit::{ExchangeTransport, MockProxy, ProxyKind};
use transport::{DialErrorKind, WsErrorKind};

use crate::world::{BINANCE, World, config, egress, soon};

fn bind(n: u8) -> Bind {
    Bind::Address(egress(n))
}

fn direct_from(n: u8) -> DirectExit {
    DirectExit::new(bind(n))
}

/// An address of a block for documentation (RFC 5737), which no machine has.
fn not_here() -> DirectExit {
    DirectExit::new("192.0.2.7".parse().unwrap())
}

fn settings(rule: impl Into<ProxyRule>) -> ProxySettings {
    ProxySettings::enabled()
        .with_strict(true)
        .with_default(ConnectionProxies::both(rule))
}

fn pool<const N: usize>(members: [PoolMember; N]) -> PoolConfig {
    PoolConfig::new(members).unwrap()
}

fn member(proxy: &MockProxy) -> PoolMember {
    PoolMember::new(config(proxy).server().clone())
}

#[tokio::test]
async fn an_exchange_sees_the_local_address_of_direct_connections() {
    let world = World::start().await;
    let injected = world.injector(settings(direct_from(7)));
    let scope = injected.exchange("binance");
    world.echo(&scope.http(), BINANCE).await.unwrap();
    world.stream(&scope.websocket(), BINANCE).await;
    for transport in [ExchangeTransport::Rest, ExchangeTransport::WebSocket] {
        assert_eq!(world.seen(BINANCE, transport), [egress(7)]);
    }
}

#[tokio::test]
async fn a_proxy_sees_the_local_address_and_the_exchange_that_of_the_proxy() {
    let world = World::start().await;
    for kind in ProxyKind::ALL {
        let near = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
        let exit = world.proxy(kind, 3).start().await.unwrap();
        let bound = |proxy: &MockProxy| config(proxy).server().clone().with_bind(bind(8));
        for route in [
            ProxyConfig::from(bound(&exit)),
            config(&exit).with_via([bound(&near)]).unwrap(),
        ] {
            let is_chain = !route.via().is_empty();
            let injected = world.injector(settings(route));
            world
                .echo(&injected.exchange("binance").http(), BINANCE)
                .await
                .unwrap();
            let first = if is_chain { &near } else { &exit };
            let connections = first.ledger().connections();
            assert_eq!(connections.last().unwrap().peer.ip(), egress(8), "{kind}");
        }
        assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(3)]);
    }
}

#[tokio::test]
async fn without_its_local_address_a_direct_connection_is_not_made() {
    let world = World::start().await;
    let injected = world.injector(settings(not_here()));
    let scope = injected.exchange("binance");
    let error = world.echo(&scope.http(), BINANCE).await.unwrap_err();
    assert_eq!(
        error.dial_error().unwrap().kind(),
        DialErrorKind::Unreachable
    );
    assert!(world.exchange(BINANCE).ledger().connections().is_empty());
}

#[tokio::test]
async fn a_pool_takes_turns_between_local_addresses_and_proxies() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 3).start().await.unwrap();
    let [one, two] = [7, 8].map(|n| PoolMember::direct_from(direct_from(n)));
    let injected = world.injector(settings(pool([one, two, member(&proxy)])));
    let rest = injected.exchange("binance").http();
    for _ in 0..6 {
        world.echo(&rest, BINANCE).await.unwrap();
    }
    let rest = world.connections(BINANCE, ExchangeTransport::Rest);
    let from: Vec<_> = rest.iter().map(|connection| connection.peer.ip()).collect();
    // Each of them keeps its connection.
    assert_eq!(from, [egress(7), egress(8), egress(3)]);
}

#[tokio::test]
async fn a_member_whose_local_address_is_gone_is_passed_over_and_skipped() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let gone = PoolMember::direct_from(not_here());
    let injected = world.injector(settings(pool([gone, member(&proxy)])));
    let scope = injected.exchange("binance");
    for _ in 0..4 {
        world.stream(&scope.websocket(), BINANCE).await;
    }
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(3)]
    );
    let direct = injected
        .asked_for()
        .iter()
        .filter(|it| it.starts_with(BINANCE))
        .count();
    assert_eq!(direct, 1, "{:?}", injected.asked_for());
}

#[tokio::test]
async fn another_local_address_is_another_route() {
    let world = World::start().await;
    let injected = world.injector(settings(direct_from(7)));
    let scope = injected.exchange("binance");
    let mut stream = world.stream(&scope.websocket(), BINANCE).await;
    injected
        .injector
        .reload(settings(pool([PoolMember::direct_from(direct_from(7))])))
        .unwrap();
    soon(stream.next()).await.unwrap().unwrap();
    injected.injector.reload(settings(direct_from(8))).unwrap();
    let ended = async {
        loop {
            if let Err(error) = stream.next().await.unwrap() {
                break error;
            }
        }
    };
    assert_eq!(soon(ended).await.kind(), WsErrorKind::RouteChanged);
    world.stream(&scope.websocket(), BINANCE).await;
    let seen = world.seen(BINANCE, ExchangeTransport::WebSocket);
    assert_eq!(seen, [egress(7), egress(8)]);
}

#[tokio::test]
async fn a_local_address_is_not_lost_by_what_a_reload_lacks() {
    let world = World::start().await;
    let injected = world.injector(settings(direct_from(7)));
    let _scope = injected.exchange("binance");
    let without = ProxySettings::enabled().with_strict(false);
    let lost = injected.injector.reload(without).unwrap_err();
    assert!(matches!(lost, ReloadError::Lost(_)), "{lost}");
    let changes = injected
        .injector
        .reload(settings(ProxyRule::Direct))
        .unwrap();
    assert!(changes.iter().all(proxy_injector::RouteChange::exposes));
    let changes = injected.injector.reload(settings(direct_from(8))).unwrap();
    assert!(!changes.iter().any(proxy_injector::RouteChange::exposes));
}

#[tokio::test]
async fn a_pool_with_a_direct_member_in_place_of_a_proxy_exposes() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let injected = world.injector(settings(config(&proxy)));
    let mixed = pool([PoolMember::direct_from(direct_from(7)), member(&proxy)]);
    let changes = injected.injector.reload(settings(mixed)).unwrap();
    assert!(changes.iter().all(proxy_injector::RouteChange::exposes));
    let disabled = PoolMember::direct_from(direct_from(7)).with_enabled(false);
    injected.injector.reload(settings(config(&proxy))).unwrap();
    let changes = injected
        .injector
        .reload(settings(pool([disabled, member(&proxy)])))
        .unwrap();
    assert!(!changes.iter().any(proxy_injector::RouteChange::exposes));
}
