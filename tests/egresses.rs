//! By which address connections leave: what an exchange counts its limits by, as connections, answers and
//! errors say it.

use http::Response;
use proxy_config::{
    ConnectionProxies, DirectExit, PoolConfig, PoolMember, PoolStrategy, ProxyRule, ProxyServer,
    ProxySettings,
};
use testkit::{Fault, MockProxy, ProxyKind};
use transport::{
    Affinity, ConnectionInfo, DialErrorKind, Egress, WebSocket, WsDialer, require_success,
};

use crate::world::{BINANCE, World, config, egress, soon, ws_request};

fn settings(rule: impl Into<ProxyRule>) -> ProxySettings {
    ProxySettings::enabled()
        .with_strict(true)
        .with_default(ConnectionProxies::both(rule))
}

fn direct_from(n: u8) -> DirectExit {
    DirectExit::new(proxy_config::Bind::Address(egress(n)))
}

fn server(proxy: &MockProxy) -> ProxyServer {
    config(proxy).server().clone()
}

/// What an answer says of the connection that it came over.
fn told<T>(response: &Response<T>) -> Egress {
    response
        .extensions()
        .get::<ConnectionInfo>()
        .unwrap()
        .egress()
}

#[tokio::test]
async fn a_connection_says_by_which_address_it_leaves() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 3).start().await.unwrap();
    let of_proxy = Egress::of(&[proxy.address().to_string().parse().unwrap()]);
    let nat = "203.0.113.7".parse().unwrap();
    let configured = config(&proxy).with_server(server(&proxy).with_egress(nat));
    let rules: [(ProxyRule, Egress); 5] = [
        (ProxyRule::Direct, Egress::Direct),
        (direct_from(7).into(), Egress::Address(egress(7))),
        (direct_from(7).with_egress(nat).into(), Egress::Address(nat)),
        (config(&proxy).into(), of_proxy),
        (configured.into(), Egress::Address(nat)),
    ];
    for (rule, expected) in rules {
        let injected = world.injector(settings(rule));
        let scope = injected.exchange("binance");
        let stream = world.stream(&scope.websocket(), BINANCE).await;
        assert_eq!(stream.info().egress(), expected);
        let rest = scope.http();
        // The second answer comes over the same connection.
        for _ in 0..2 {
            assert_eq!(told(&world.echo(&rest, BINANCE).await.unwrap()), expected);
        }
    }
}

#[tokio::test]
async fn a_stream_beside_another_one_leaves_by_another_address() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    // The proxy is another member, and leaves by the address of the first one.
    let members = [
        PoolMember::direct_from(direct_from(7)),
        PoolMember::new(server(&proxy).with_egress(egress(7))),
        PoolMember::direct_from(direct_from(8)),
    ];
    for strategy in [
        PoolStrategy::RoundRobin,
        PoolStrategy::Random,
        PoolStrategy::LeastConnections,
        PoolStrategy::Sticky,
    ] {
        let pool = PoolConfig::new(members.clone()).unwrap();
        let injected = world.injector(settings(pool.with_strategy(strategy)));
        let ws = injected.exchange("binance").websocket();
        let dial = |beside: Option<&WebSocket>| {
            let mut request = ws_request(&format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE)));
            request.apart_from = beside.iter().map(|it| it.info().egress()).collect();
            request.affinity = Some(Affinity::new("btcusdt"));
            soon(ws.dial(request))
        };
        for _ in 0..4 {
            let first = dial(None).await.unwrap();
            let second = dial(Some(&first)).await.unwrap();
            let both = [first, second].map(|stream| stream.info().egress().to_string());
            let is_apart = both[0] != both[1];
            assert!(
                is_apart && both.contains(&"127.0.0.8".to_owned()),
                "{both:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_exchange_that_declines_an_address_is_told_with_it() {
    let world = World::start().await;
    let injected = world.injector(settings(direct_from(7)));
    let scope = injected.exchange("binance");
    let exchange = world.exchange(BINANCE);
    exchange.inject(Fault::UpgradeStatus {
        status: 403,
        body: String::new(),
        count: 1,
    });
    exchange.inject(Fault::RestStatus {
        status: 451,
        body: String::new(),
        count: 1,
    });
    let request = ws_request(&format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE)));
    let declined = soon(scope.websocket().dial(request)).await.unwrap_err();
    assert_eq!(declined.kind(), DialErrorKind::Rejected);
    assert_eq!(declined.egress(), Egress::Address(egress(7)));
    let answer = world.echo(&scope.http(), BINANCE).await.unwrap();
    let declined = require_success(answer).unwrap_err();
    assert_eq!(declined.egress(), Egress::Address(egress(7)));
}
