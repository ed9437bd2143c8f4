//! The environment's own proxies, where the settings ask for them.

use proxy_config::{AmbientProxies, ProxySettings, Transport};
use testkit::{ExchangeTransport, ProxyKind};

use crate::world::{BACKPACK, BINANCE, DIRECT, World, egress};

#[tokio::test]
async fn they_apply_on_both_transports_and_no_proxy_exempts_a_destination() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let ambient = AmbientProxies::from_variables([
        ("HTTPS_PROXY", proxy.url().as_str()),
        ("NO_PROXY", "localhost, .backpack.test , backpack.test"),
    ])
    .unwrap();
    let injected = world.injector(ProxySettings::enabled().with_ambient(ambient));
    for name in [BINANCE, BACKPACK] {
        let scope = injected.exchange(name.trim_end_matches(".test"));
        world.echo(&scope.http(), name).await.unwrap();
        world.stream(&scope.websocket(), name).await;
    }
    for transport in [ExchangeTransport::Rest, ExchangeTransport::WebSocket] {
        assert_eq!(world.seen(BINANCE, transport), [egress(2)]);
        assert_eq!(world.seen(BACKPACK, transport), [DIRECT]);
    }
}

#[tokio::test]
async fn settings_that_do_not_ask_for_them_ignore_them() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let loaded = proxy_config::Sources::new()
        .with_text("proxy.yaml", "proxy: {enabled: true, default: direct}")
        .with_env([("HTTPS_PROXY", proxy.url()), ("ALL_PROXY", proxy.url())])
        .load()
        .unwrap();
    let injected = world.injector(loaded.into_settings());
    let scope = injected.exchange("binance");
    assert_eq!(
        scope.resolve(Transport::Http).source().to_string(),
        "default"
    );
    world.echo(&scope.http(), BINANCE).await.unwrap();
    assert_eq!(world.seen(BINANCE, ExchangeTransport::Rest), [DIRECT]);
    assert!(proxy.ledger().connections().is_empty());
}
