//! Proxies behind proxies, of any mix, from configuration.

use proxy_config::Sources;
use testkit::{ExchangeTransport, MockProxy, ProxyKind};
use transport::{DialErrorKind, Hop, Phase, WsDialer};

use crate::world::{BINANCE, Injected, World, egress, soon, ws_request};

/// An injector whose every connection passes all `hops`, the nearest first, as a file says.
fn through(world: &World, hops: &[&MockProxy]) -> Injected {
    let (exit, via) = hops.split_last().unwrap();
    let via: Vec<_> = via.iter().map(|hop| format!("'{}'", hop.url())).collect();
    let chain = format!("{{url: '{}', via: [{}]}}", exit.url(), via.join(", "));
    let yaml = format!("proxy: {{enabled: true, default: {{http: {chain}, websocket: {chain}}}}}");
    let loaded = Sources::new().with_text("chain.yaml", yaml).load().unwrap();
    world.injector(loaded.into_settings())
}

async fn passes_every_hop(kinds: &[ProxyKind]) {
    let world = World::start().await;
    let mut proxies = Vec::new();
    for (kind, n) in kinds.iter().zip(2..) {
        let proxy = world
            .proxy(*kind, n)
            .credentials(format!("user{n}"), format!("p{n}"));
        proxies.push(proxy.start().await.unwrap());
    }
    let hops: Vec<_> = proxies.iter().collect();
    let injected = through(&world, &hops);
    let scope = injected.exchange("binance");
    world.echo(&scope.http(), BINANCE).await.unwrap();
    let stream = world.stream(&scope.websocket(), BINANCE).await;

    let passed: Vec<_> = stream
        .info()
        .hops()
        .iter()
        .map(ToString::to_string)
        .collect();
    let addresses: Vec<_> = hops.iter().map(|hop| hop.address().to_string()).collect();
    assert_eq!(passed, addresses, "{kinds:?}");
    assert_eq!(injected.asked_for(), [addresses[0].clone()]);
    for (hop, n) in hops.iter().skip(1).zip(2..) {
        for connection in hop.ledger().connections() {
            assert_eq!(connection.peer.ip(), egress(n), "{kinds:?}");
        }
    }
    let exit = egress(u8::try_from(kinds.len()).unwrap() + 1);
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [exit]);
    assert_eq!(world.seen(BINANCE, ExchangeTransport::WebSocket), [exit]);
}

#[tokio::test]
async fn every_pair_of_kinds_makes_a_chain() {
    let kinds = [
        ProxyKind::Http,
        ProxyKind::Https,
        ProxyKind::Socks4a,
        ProxyKind::Socks5h,
    ];
    for first in kinds {
        for second in kinds {
            passes_every_hop(&[first, second]).await;
        }
    }
}

#[tokio::test]
async fn three_proxies_make_a_chain() {
    passes_every_hop(&[ProxyKind::Https, ProxyKind::Socks5h, ProxyKind::Http]).await;
}

#[tokio::test]
async fn a_failure_names_the_hop_of_the_chain() {
    let world = World::start().await;
    let first = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let second = world.proxy(ProxyKind::Socks5h, 3).start().await.unwrap();
    let dial = async || {
        let injected = through(&world, &[&first, &second]);
        let dialer = injected.exchange("binance").websocket();
        soon(dialer.dial(ws_request(&world.ws_url(BINANCE))))
            .await
            .unwrap_err()
    };

    second.fail_with(testkit::ProxyFault::Refuse {
        code: 5,
        body: String::new(),
    });
    let error = dial().await;
    assert_eq!(
        error.hop().endpoint().to_string(),
        second.address().to_string()
    );
    assert_eq!(error.phase(), Phase::ProxyHandshake);

    second.stop().await;
    let error = dial().await;
    assert_eq!(
        error.hop().endpoint().to_string(),
        first.address().to_string()
    );
    assert_eq!(error.kind(), DialErrorKind::Rejected);

    first.stop().await;
    let error = dial().await;
    assert!(
        matches!(error.hop(), Hop::Proxy(proxy) if proxy.to_string() == first.address().to_string())
    );
    assert_eq!(error.phase(), Phase::Tcp);
}
