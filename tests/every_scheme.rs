//! Six schemes, with and without credentials, REST and WebSocket, to an exchange behind TLS.

use proxy_config::{ConnectionProxies, ProxySettings, Transport};
use proxy_resolve::RouteSource;
use testkit::{Authentication, ExchangeTransport, MockProxy, ProxyKind};

use crate::world::{BINANCE, World, config, egress};

/// A password that no part of the way may misread.
const PASSWORD: &str = "p@ss:w/ör%d";

async fn reaches_the_exchange_on_both_transports(kind: ProxyKind, authenticated: bool) {
    let world = World::start().await;
    let proxy = world.proxy(kind, 2);
    let proxy = if authenticated {
        proxy.credentials("ålice", PASSWORD).start().await.unwrap()
    } else {
        proxy.start().await.unwrap()
    };
    let settings = ProxySettings::enabled().with_default(ConnectionProxies::both(config(&proxy)));
    let injected = world.injector(settings);
    let scope = injected.exchange("binance");
    assert_eq!(
        scope.resolve(Transport::Http).source(),
        RouteSource::Default
    );

    let response = world.echo(&scope.http(), BINANCE).await.unwrap();
    assert_eq!(response.status(), 200);
    let _stream = world.stream(&scope.websocket(), BINANCE).await;

    for transport in [ExchangeTransport::Rest, ExchangeTransport::WebSocket] {
        assert_eq!(world.seen(BINANCE, transport), [egress(2)], "{transport:?}");
        for connection in world.connections(BINANCE, transport) {
            let headers = &connection.requests[0].headers;
            assert!(!headers.contains_key("proxy-authorization"));
            assert!(!headers.contains_key("proxy-connection"));
        }
    }
    assert_eq!(injected.asked_for(), [proxy.address().to_string()]);
    the_proxy_was_asked_as_its_scheme_says(&proxy, authenticated);
}

fn the_proxy_was_asked_as_its_scheme_says(proxy: &MockProxy, authenticated: bool) {
    let connections = proxy.ledger().connections();
    assert_eq!(connections.len(), 2);
    for connection in connections {
        let target = connection.target().unwrap();
        assert_eq!(target.is_name(), proxy.kind().is_remote_dns(), "{target}");
        let expected = if authenticated {
            Authentication::Accepted
        } else {
            Authentication::NotRequired
        };
        assert_eq!(connection.authentication, Some(expected));
    }
}

macro_rules! every_scheme {
    ($($name:ident: $kind:ident;)*) => {
        $(mod $name {
            use super::*;

            #[tokio::test]
            async fn carries_both_transports() {
                reaches_the_exchange_on_both_transports(ProxyKind::$kind, false).await;
            }

            #[tokio::test]
            async fn carries_both_transports_with_credentials() {
                reaches_the_exchange_on_both_transports(ProxyKind::$kind, true).await;
            }
        })*
    };
}

every_scheme! {
    http: Http;
    https: Https;
    socks4: Socks4;
    socks4a: Socks4a;
    socks5: Socks5;
    socks5h: Socks5h;
}
