//! Headers for proxies, by which providers tell exits apart.

use futures_util::StreamExt;
use proxy_config::{
    ConnectionProxies, PoolConfig, PoolMember, ProxyConfig, ProxyRule, ProxyServer, ProxySettings,
};
use testkit::{MockProxy, ProxyKind};
use transport::{HttpTransport, WsErrorKind};

use crate::capture::Capture;
use crate::parrot::{Line, Parrot};
use crate::secrets::printed;
use crate::world::{BINANCE, World, config, request, soon};

fn with_session(proxy: &MockProxy, session: &str) -> ProxyServer {
    let server = config(proxy).server().clone();
    server.with_header("X-Session", session).unwrap()
}

fn settings(rule: impl Into<ProxyRule>) -> ProxySettings {
    ProxySettings::enabled().with_default(ConnectionProxies::both(rule))
}

/// The sessions that a proxy was asked for, in order.
fn sessions(proxy: &MockProxy) -> Vec<String> {
    let connections = proxy.ledger().connections();
    let requests = connections.iter().flat_map(|it| &it.requests);
    let session = |headers: &http::HeaderMap| headers["x-session"].to_str().unwrap().to_owned();
    requests.map(|request| session(&request.headers)).collect()
}

#[tokio::test]
async fn other_headers_are_another_route_and_no_connection_is_kept() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let injected = world.injector(settings(ProxyConfig::from(with_session(&proxy, "one"))));
    let scope = injected.exchange("binance");
    let rest = scope.http();
    let mut stream = world.stream(&scope.websocket(), BINANCE).await;
    for _ in 0..2 {
        world.echo(&rest, BINANCE).await.unwrap();
    }
    assert_eq!(sessions(&proxy), ["one", "one"]);

    let same = ProxyConfig::from(with_session(&proxy, "one"));
    let same = same.with_timeout_seconds(9).unwrap();
    assert!(!injected.injector.reload(settings(same)).unwrap().is_empty());
    soon(stream.next()).await.unwrap().unwrap();

    let other = ProxyConfig::from(with_session(&proxy, "two"));
    injected.injector.reload(settings(other)).unwrap();
    let ended = async {
        loop {
            if let Err(error) = stream.next().await.unwrap() {
                break error;
            }
        }
    };
    assert_eq!(soon(ended).await.kind(), WsErrorKind::RouteChanged);
    world.echo(&rest, BINANCE).await.unwrap();
    assert_eq!(sessions(&proxy), ["one", "one", "two"]);
}

#[tokio::test]
async fn members_of_a_pool_may_be_sessions_of_one_proxy() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Https, 2).start().await.unwrap();
    let members = ["a", "b", "c"].map(|session| PoolMember::new(with_session(&proxy, session)));
    let injected = world.injector(settings(PoolConfig::new(members).unwrap()));
    let rest = injected.exchange("binance").http();
    for _ in 0..6 {
        world.echo(&rest, BINANCE).await.unwrap();
    }
    // Each of them keeps its connection.
    assert_eq!(sessions(&proxy), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_proxy_is_not_quoted_with_the_value_of_a_header() {
    let world = World::start().await;
    let (capture, _guard) = Capture::begin();
    for said in ["sEss-Zq7/41", "SESS-ZQ7%2f41", "c0Vzcy1acTcvNDE="] {
        for lines in [
            vec![Line::answer("403 No", &format!("not you, {said}!"))],
            vec![
                Line::opened(),
                Line::answer("500 No", &format!("no {said}")),
            ],
        ] {
            let parrot = Parrot::start(lines).await;
            let server = ProxyServer::new(format!("http://{}", parrot.address).parse().unwrap());
            let server = server.with_header("X-Session", "sEss-Zq7/41").unwrap();
            let injected = world.injector(settings(ProxyConfig::from(server)));
            let rest = injected.exchange("binance").http();
            let get = request(http::Method::GET, &format!("http://{BINANCE}:80/echo"), "");
            let answer = soon(rest.send(get)).await;
            let error = answer.and_then(transport::require_success).unwrap_err();
            let shown = printed(&error);
            assert!(!shown.contains(said) && shown.contains("***"), "{shown}");
        }
        assert!(!capture.text().contains(said), "{}", capture.text());
    }
}
