//! What the tests of cryptofeed (Python) say of strings, shown with connections.

use std::net::Ipv6Addr;

use proxy_config::{ConnectionProxies, ExchangeId, ProxySettings, Sources};
use testkit::{ExchangeTransport, MockProxy, ProxyKind};

use crate::world::{BACKPACK, BINANCE, World, config, egress};

const TRANSPORTS: [ExchangeTransport; 2] = [ExchangeTransport::Rest, ExchangeTransport::WebSocket];

/// The same settings, said by a file, by variables and by code.
fn said_in_three_ways(default: &MockProxy, binance: &MockProxy) -> [(&'static str, Sources); 3] {
    let yaml = format!(
        "proxy: {{enabled: true, default: '{}', exchanges: {{binance: '{}'}}}}",
        default.url(),
        binance.url(),
    );
    let variables = [
        ("CRYPTOFEED_PROXY_ENABLED", "true".to_owned()),
        ("CRYPTOFEED_PROXY_DEFAULT", default.url()),
        ("CRYPTOFEED_PROXY_EXCHANGES__BINANCE", binance.url()),
    ];
    let code = ProxySettings::enabled()
        .with_default(ConnectionProxies::both(config(default)))
        .with_exchange(
            ExchangeId::new("binance").unwrap(),
            ConnectionProxies::both(config(binance)),
        );
    [
        ("file", Sources::new().with_text("proxy.yaml", yaml)),
        ("variables", Sources::new().with_env(variables)),
        ("code", Sources::new().with_code(code)),
    ]
}

#[tokio::test]
async fn a_file_variables_and_code_lead_to_the_same_proxies() {
    let world = World::start().await;
    let default = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let binance = world.proxy(ProxyKind::Http, 3).start().await.unwrap();
    for (visits, (way, sources)) in (1..).zip(said_in_three_ways(&default, &binance)) {
        let injected = world.injector(sources.load().unwrap().into_settings());
        for (name, from) in [(BINANCE, egress(3)), (BACKPACK, egress(2))] {
            let scope = injected.exchange(name.trim_end_matches(".test"));
            world.echo(&scope.http(), name).await.unwrap();
            world.stream(&scope.websocket(), name).await;
            for transport in TRANSPORTS {
                assert_eq!(world.connections(name, transport).len(), visits, "{way}");
                assert_eq!(world.seen(name, transport), [from], "{way}");
            }
        }
    }
}

#[tokio::test]
async fn a_proxy_at_an_ipv6_address_carries_both_transports() {
    for kind in ProxyKind::ALL {
        let world = World::start().await;
        let proxy = world
            .proxy(kind, 2)
            .address((Ipv6Addr::LOCALHOST, 0).into())
            .credentials("alice", "hunter2")
            .start()
            .await
            .unwrap();
        assert!(proxy.url().contains("@[::1]:"), "{}", proxy.url());
        let rules = ConnectionProxies::both(config(&proxy));
        let injected = world.injector(ProxySettings::enabled().with_default(rules));
        let scope = injected.exchange("binance");
        world.echo(&scope.http(), BINANCE).await.unwrap();
        world.stream(&scope.websocket(), BINANCE).await;
        for transport in TRANSPORTS {
            assert_eq!(world.seen(BINANCE, transport), [egress(2)], "{kind}");
        }
        assert_eq!(injected.asked_for(), [proxy.address().to_string()]);
    }
}
