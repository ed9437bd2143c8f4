//! What an injector tells of its connections while they are made, open and lost.

use std::time::Duration;

use http::Method;
use proxy_config::{
    ConnectionProxies, ExchangeId, PoolConfig, PoolMember, ProxyConfig, ProxySettings, ProxyUrl,
};
use proxy_injector::{BreakerState, ExitSnapshot, Snapshot};
use testkit::{Canary, MockProxy, ProxyKind};
use transport::{DialErrorKind, HttpTransport, Phase, WsDialer};

use crate::world::{BACKPACK, BINANCE, World, config, egress, request, soon, ws_request};

fn exit_of<'a>(snapshot: &'a Snapshot, proxy: &MockProxy) -> &'a ExitSnapshot {
    let members = snapshot.pools.iter().flat_map(|pool| &pool.members);
    let mut exits = snapshot
        .exits
        .iter()
        .chain(members.map(|member| &member.exit));
    let address = proxy.address().to_string();
    exits.find(|exit| exit.exit.contains(&address)).unwrap()
}

#[tokio::test]
async fn a_wrong_password_is_found_by_the_snapshot_alone_and_neither_login_is_in_it() {
    let (user, password) = ("Qbenutzer", "Zkanarienvogel");
    let world = World::start().await;
    let proxy = world
        .proxy(ProxyKind::Socks5h, 2)
        .credentials("alice", "other");
    let proxy = proxy.start().await.unwrap();
    let url = format!("socks5h://{user}:{password}@{}", proxy.address());
    let wrong = ProxyConfig::new(ProxyUrl::parse(&url).unwrap());
    let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(wrong));
    let injected = world.injector(settings);
    let streams = injected.exchange("binance").websocket();
    let request = ws_request(&format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE)));
    let error = soon(streams.dial(request)).await.unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Authentication);

    let snapshot = injected.injector.snapshot();
    let exit = exit_of(&snapshot, &proxy);
    let failure = exit.last_failure.as_ref().unwrap();
    assert_eq!(failure.phase, Phase::ProxyHandshake);
    assert_eq!(failure.kind, "authentication");
    assert_eq!(failure.exchange, Some(ExchangeId::new("binance").unwrap()));
    assert_eq!((exit.dials.succeeded, exit.dials.failed[0].count), (0, 1));
    assert_eq!(exit.latency, None);
    let json = serde_json::to_string(&snapshot).unwrap();
    for text in [json, format!("{snapshot:?}")] {
        for login in [user, password] {
            assert_eq!(Canary::new(login).form_in(&text), None, "{text}");
        }
    }
}

#[tokio::test]
async fn members_tell_their_connections_and_how_long_their_dials_took() {
    let world = World::start().await;
    let [alive, dead] = world.two_proxies().await;
    dead.stop().await;
    let members = [&alive, &dead].map(|proxy| PoolMember::new(config(proxy).server().clone()));
    let pool = PoolConfig::new(members).unwrap();
    let injected =
        world.injector(ProxySettings::enabled().with_default(ConnectionProxies::both(pool)));
    let scope = injected.exchange("binance");
    let streams = [
        world.stream(&scope.websocket(), BINANCE).await,
        world.stream(&scope.websocket(), BINANCE).await,
    ];
    let rest = injected.exchange("backpack").http();
    for _ in 0..3 {
        world.echo(&rest, BACKPACK).await.unwrap();
    }

    let snapshot = injected.injector.snapshot();
    let [of_alive, of_dead] = &snapshot.pools[0].members[..] else {
        panic!("{snapshot:?}");
    };
    // Three requests, and one connection for them.
    assert_eq!(of_alive.exit.dials.succeeded, 3);
    assert_eq!((of_alive.exit.connections, of_alive.leases), (3, 2));
    let latency = of_alive.exit.latency.unwrap();
    assert_eq!(latency.dials, 3);
    assert!(Duration::ZERO < latency.p50 && latency.p50 <= latency.p99);
    assert_eq!(of_alive.breaker, BreakerState::Closed);
    assert!(matches!(of_dead.breaker, BreakerState::Open { .. }));
    let failed = &of_dead.exit.dials.failed[..];
    assert_eq!((failed.len(), failed[0].kind), (1, "refused"));
    assert_eq!(failed[0].phase, Phase::Tcp);

    drop(streams);
    let snapshot = injected.injector.snapshot();
    let of_alive = &snapshot.pools[0].members[0];
    assert_eq!((of_alive.exit.connections, of_alive.leases), (1, 0));
}

#[tokio::test]
async fn a_dial_that_fails_behind_the_proxy_counts_with_its_phase() {
    let world = World::start().await;
    let elsewhere = "elsewhere.test";
    let proxy = world.proxy(ProxyKind::Socks5h, 2);
    let proxy = proxy.host(elsewhere, egress(1)).start().await.unwrap();
    let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(config(&proxy)));
    let injected = world.injector(settings);
    let scope = injected.exchange("binance");
    // An address that the exchange does not have.
    let upgrade = ws_request(&format!("{}/nowhere", world.ws_url(BINANCE)));
    soon(scope.websocket().dial(upgrade)).await.unwrap_err();
    // A name that the certificate is not for.
    let port = world.binance.rest_addr().port();
    let uri = format!("https://{elsewhere}:{port}/echo");
    let wrong_name = request(Method::GET, &uri, "");
    soon(scope.http().send(wrong_name)).await.unwrap_err();

    let snapshot = injected.injector.snapshot();
    let exit = exit_of(&snapshot, &proxy);
    let failed: Vec<_> = exit
        .dials
        .failed
        .iter()
        .map(|it| (it.phase, it.kind))
        .collect();
    assert_eq!(
        failed,
        [
            (Phase::TargetTls, "certificate"),
            (Phase::Upgrade, "rejected"),
        ]
    );
    assert_eq!(exit.dials.succeeded, 0);
}
