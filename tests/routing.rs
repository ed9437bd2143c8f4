//! Which way connections take when rules meet: what the exchanges saw decides.

use proxy_config::{ConnectionProxies, ExchangeId, ProxyRule, ProxySettings, Transport};
use proxy_resolve::{Route, RouteSource};
use testkit::{ExchangeTransport, ProxyKind};
use transport::{DialErrorKind, Phase, WsDialer};

use crate::world::{BACKPACK, BINANCE, DIRECT, Injected, World, config, egress, soon, ws_request};

/// Uses both transports of an exchange once; returns from where it was reached by each.
async fn visit(world: &World, injected: &Injected, name: &str) -> (Vec<String>, Vec<String>) {
    let scope = injected.exchange(name.trim_end_matches(".test"));
    world.echo(&scope.http(), name).await.unwrap();
    world.stream(&scope.websocket(), name).await;
    let seen = |transport| {
        let seen = world.seen(name, transport);
        seen.iter().map(ToString::to_string).collect()
    };
    (
        seen(ExchangeTransport::Rest),
        seen(ExchangeTransport::WebSocket),
    )
}

fn from(n: u8) -> Vec<String> {
    vec![egress(n).to_string()]
}

#[tokio::test]
async fn an_override_applies_to_its_transport_and_the_default_to_the_rest() {
    let world = World::start().await;
    let default = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let streams = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    let settings = ProxySettings::enabled()
        .with_default(ConnectionProxies::both(config(&default)))
        .with_exchange(
            ExchangeId::new("binance").unwrap(),
            ConnectionProxies::default().with_websocket(config(&streams)),
        );
    let injected = world.injector(settings);
    assert_eq!(visit(&world, &injected, BINANCE).await, (from(2), from(3)));
    assert_eq!(visit(&world, &injected, BACKPACK).await, (from(2), from(2)));
}

#[tokio::test]
async fn direct_as_a_value_beats_the_default() {
    let world = World::start().await;
    let default = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let settings = ProxySettings::enabled()
        .with_default(ConnectionProxies::both(config(&default)))
        .with_exchange(
            ExchangeId::new("backpack").unwrap(),
            ConnectionProxies::both(ProxyRule::Direct),
        );
    let injected = world.injector(settings);
    assert_eq!(visit(&world, &injected, BACKPACK).await, (from(1), from(1)));
    assert_eq!(visit(&world, &injected, BINANCE).await, (from(2), from(2)));
}

#[tokio::test]
async fn a_disabled_system_leaves_nothing_behind() {
    let world = World::start().await;
    let default = world.proxy(ProxyKind::Socks5, 2).start().await.unwrap();
    let rules = ConnectionProxies::both(config(&default));

    let enabled = world.injector(ProxySettings::enabled().with_default(rules.clone()));
    assert_eq!(visit(&world, &enabled, BINANCE).await, (from(2), from(2)));

    let disabled = world.injector(ProxySettings::disabled().with_default(rules));
    let (rest, streams) = visit(&world, &disabled, BINANCE).await;
    assert_eq!(rest, [from(2), from(1)].concat());
    assert_eq!(streams, [from(2), from(1)].concat());
    assert_eq!(default.ledger().connections().len(), 2);
}

#[tokio::test]
async fn a_legacy_proxy_is_used_when_disabled_and_when_nothing_else_applies() {
    let world = World::start().await;
    let legacy = world.proxy(ProxyKind::Http, 4).start().await.unwrap();
    for settings in [
        ProxySettings::default(),
        ProxySettings::disabled(),
        ProxySettings::enabled().with_strict(true),
    ] {
        let injected = world.injector(settings);
        let scope = injected.exchange("binance").with_legacy(config(&legacy));
        assert_eq!(scope.resolve(Transport::Http).source(), RouteSource::Legacy);
        world.echo(&scope.http(), BINANCE).await.unwrap();
        world.stream(&scope.websocket(), BINANCE).await;
    }
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(4)]);
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(4)]
    );
}

#[tokio::test]
async fn a_rule_beats_the_legacy_proxy() {
    let world = World::start().await;
    let legacy = world.proxy(ProxyKind::Http, 4).start().await.unwrap();
    let default = world.proxy(ProxyKind::Socks4a, 2).start().await.unwrap();
    let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(config(&default)));
    let injected = world.injector(settings);
    let scope = injected.exchange("binance").with_legacy(config(&legacy));
    world.echo(&scope.http(), BINANCE).await.unwrap();
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(2)]);
}

#[tokio::test]
async fn without_an_exchange_the_default_does_not_apply() {
    let world = World::start().await;
    let default = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(config(&default)));
    let injected = world.injector(settings);
    let scope = injected.injector.anonymous();
    assert_eq!(scope.resolve(Transport::Http).route(), &Route::Direct);
    world.echo(&scope.http(), BINANCE).await.unwrap();
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [DIRECT]);
}

#[tokio::test]
async fn strict_settings_refuse_what_no_rule_applies_to() {
    let world = World::start().await;
    let injected = world.injector(ProxySettings::enabled().with_strict(true));
    let scope = injected.exchange("binance");

    let error = world.echo(&scope.http(), BINANCE).await.unwrap_err();
    assert_eq!(error.dial_error().unwrap().kind(), DialErrorKind::NoRoute);

    let error = soon(scope.websocket().dial(ws_request(&world.ws_url(BINANCE))))
        .await
        .unwrap_err();
    assert_eq!(error.phase(), Phase::Route);
    assert!(!error.is_retryable());
    assert!(injected.asked_for().is_empty());
}

#[tokio::test]
async fn two_injectors_with_different_settings_do_not_interfere() {
    let world = World::start().await;
    let one = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let two = world.proxy(ProxyKind::Https, 3).start().await.unwrap();
    let through = |proxy| {
        let rules = ConnectionProxies::both(config(proxy));
        world.injector(ProxySettings::enabled().with_default(rules))
    };
    let (first, second) = (through(&one), through(&two));
    tokio::join!(
        visit(&world, &first, BINANCE),
        visit(&world, &second, BACKPACK)
    );
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [egress(2)]);
    assert_eq!(
        world.seen(BINANCE, ExchangeTransport::WebSocket),
        [egress(2)]
    );
    assert_eq!(world.seen(BACKPACK, ExchangeTransport::Rest), [egress(3)]);
    assert_eq!(
        world.seen(BACKPACK, ExchangeTransport::WebSocket),
        [egress(3)]
    );
    assert_eq!(first.asked_for(), [one.address().to_string()]);
    assert_eq!(second.asked_for(), [two.address().to_string()]);
}
