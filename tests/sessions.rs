//! REST sessions, hooks of WebSocket sessions, and what each side gets to see.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Method, Response};
use proxy_config::{ConnectionProxies, ProxyConfig, ProxySettings};
use testkit::{ExchangeTransport, MockProxy, ProxyKind};
use tokio::net::TcpListener;
use tower_service::Service;
use transport::{
    BoxError, ConnectionInfo, HttpErrorKind, HttpTransport, Message, ResponseLimits, WsDialer,
    WsRequest,
};
use transport_http::HttpService;
use transport_ws::{Authenticator, FrameObserver, Hooks};

use crate::world::{BACKPACK, BINANCE, Injected, World, config, egress, request, soon, ws_request};

fn through(world: &World, proxy: &MockProxy) -> Injected {
    let rules = ConnectionProxies::both(config(proxy));
    world.injector(ProxySettings::enabled().with_default(rules))
}

#[tokio::test]
async fn a_session_uses_one_connection_for_every_method_and_keeps_its_proxy() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    let session = injected.exchange("binance").http();
    let uri = format!("{}/echo?key=1", world.rest_url(BINANCE));
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
        let response = soon(session.send(request(method.clone(), &uri, "body")))
            .await
            .unwrap();
        let echo: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(echo["method"], method.as_str());
        assert_eq!(echo["body"], "body");
        assert!(echo["peer"].as_str().unwrap().starts_with("127.0.0.2:"));
    }
    let connections = world.connections(BINANCE, ExchangeTransport::Rest);
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0].requests.len(), 4);
    assert_eq!(proxy.ledger().connections().len(), 1);
}

#[tokio::test]
async fn a_session_can_be_limited_and_shared() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    let session = injected.exchange("binance").http();
    let small = ResponseLimits {
        size: 10,
        ..ResponseLimits::default()
    };
    let limited = session.clone().with_limits(small);
    let error = world.echo(&limited, BINANCE).await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::TooLarge);
    // Connections are queued there, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", silent.local_addr().unwrap());
    let anonymous = injected.injector.anonymous().http();
    let short = ResponseLimits {
        head: Duration::from_millis(50),
        ..ResponseLimits::default()
    };
    let hurried = anonymous.with_limits(short);
    let error = soon(hurried.send(request(Method::GET, &uri, ""))).await;
    assert_eq!(error.unwrap_err().kind(), HttpErrorKind::Timeout);

    // Neither limit is that of the session they were made of, whose clones share its connection.
    let peer = |response: Response<Bytes>| -> serde_json::Value {
        serde_json::from_slice::<serde_json::Value>(response.body()).unwrap()["peer"].take()
    };
    let uri = format!("{}/echo", world.rest_url(BINANCE));
    let first = peer(world.echo(&session, BINANCE).await.unwrap());
    let mut service = HttpService::new(session.clone());
    let second = soon(service.call(request(Method::GET, &uri, ""))).await;
    assert_eq!(peer(second.unwrap()), first);
}

#[tokio::test]
async fn headers_for_the_exchange_never_reach_the_proxy() {
    let world = World::start().await;
    let proxy = world
        .proxy(ProxyKind::Http, 2)
        .credentials("u", "p")
        .start()
        .await
        .unwrap();
    let injected = through(&world, &proxy);
    let secret = HeaderValue::from_static("Bearer exchange-key");

    let uri = format!("{}/echo", world.rest_url(BINANCE));
    let mut rest = request(Method::GET, &uri, "");
    rest.headers_mut().insert(AUTHORIZATION, secret.clone());
    soon(injected.exchange("binance").http().send(rest))
        .await
        .unwrap();

    let uri = format!("{}/ws", world.ws_url(BINANCE));
    let mut stream = ws_request(&uri);
    stream.headers.insert(AUTHORIZATION, secret.clone());
    soon(injected.exchange("binance").websocket().dial(stream))
        .await
        .unwrap();

    for transport in [ExchangeTransport::Rest, ExchangeTransport::WebSocket] {
        let seen = &world.connections(BINANCE, transport)[0].requests[0].headers;
        assert_eq!(seen[AUTHORIZATION], secret);
        assert!(!seen.contains_key("proxy-authorization"));
    }
    for connection in proxy.ledger().connections() {
        let seen = &connection.requests[0].headers;
        assert!(!seen.contains_key(AUTHORIZATION));
        assert!(seen.contains_key("proxy-authorization"));
    }
}

/// Leads every connection to a stream of its own, and logs in with a fresh number.
#[derive(Default)]
struct FreshLogin(Mutex<u32>);

#[async_trait]
impl Authenticator for FreshLogin {
    async fn prepare(&self, request: &mut WsRequest) -> Result<(), BoxError> {
        let number = {
            let mut number = self.0.lock().unwrap();
            *number += 1;
            *number
        };
        let uri = format!("{}?login={number}", request.uri());
        request.set_uri(uri.parse()?)?;
        request.headers.insert("x-login", number.into());
        let login = format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}"#);
        request.first_messages.push(Message::text(login));
        Ok(())
    }
}

#[tokio::test]
async fn the_authentication_hook_runs_before_every_connection() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5h, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    let session = injected
        .exchange("binance")
        .websocket()
        .with_hooks(Hooks::default().with_authenticator(Arc::new(FreshLogin::default())));
    let uri = format!("{}/ws", world.ws_url(BINANCE));
    let request = ws_request(&uri);
    for number in 1..=2 {
        let mut socket = soon(session.dial(request.clone())).await.unwrap();
        let answer = soon(socket.next()).await.unwrap().unwrap();
        assert!(
            answer
                .as_text()
                .unwrap()
                .contains(&format!("\"id\":{number}"))
        );
    }
    let connections = world.connections(BINANCE, ExchangeTransport::WebSocket);
    assert_eq!(connections.len(), 2);
    for (connection, number) in connections.iter().zip(1..) {
        let request = &connection.requests[0];
        assert_eq!(connection.peer.ip(), egress(2));
        assert_eq!(request.path, format!("/ws?login={number}"));
        assert_eq!(request.headers["x-login"], number.to_string());
        assert_eq!(connection.messages_received.len(), 1);
    }
}

#[derive(Default)]
struct Recorder(Mutex<Vec<(ConnectionInfo, Message, SystemTime)>>);

impl FrameObserver for Recorder {
    fn observe(&self, connection: &ConnectionInfo, frame: &Message, received_at: SystemTime) {
        let seen = (connection.clone(), frame.clone(), received_at);
        self.0.lock().unwrap().push(seen);
    }
}

#[tokio::test]
async fn the_observer_sees_each_frame_as_it_arrived() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Https, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    let recorder = Arc::new(Recorder::default());
    let session = injected
        .exchange("binance")
        .websocket()
        .with_hooks(Hooks::default().with_observer(recorder.clone()));
    let before = SystemTime::now();
    let uri = format!("{}/ws/btcusdt@trade", world.ws_url(BINANCE));
    let mut socket = soon(session.dial(ws_request(&uri))).await.unwrap();
    for index in 0..3 {
        let frame = soon(socket.next()).await.unwrap().unwrap();
        let (connection, seen, received_at) = recorder.0.lock().unwrap()[index].clone();
        assert_eq!(&connection, socket.info());
        assert_eq!(connection.hops().len(), 1);
        assert_eq!(seen, frame);
        assert!(before <= received_at && received_at <= SystemTime::now());
    }
}

#[tokio::test]
async fn a_session_is_not_shared_between_exchanges() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Socks5, 2).start().await.unwrap();
    let injected = through(&world, &proxy);
    world
        .echo(&injected.exchange("binance").http(), BINANCE)
        .await
        .unwrap();
    world
        .echo(&injected.exchange("backpack").http(), BACKPACK)
        .await
        .unwrap();
    assert_eq!(proxy.ledger().connections().len(), 2);
}

#[tokio::test]
async fn two_logins_at_one_proxy_never_share_a_connection() {
    let world = World::start().await;
    let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
    let settings = |user: &str| {
        let url = format!("http://{user}:secret@{}", proxy.address());
        let rules = ConnectionProxies::both(ProxyConfig::new(url.parse().unwrap()));
        ProxySettings::enabled().with_default(rules)
    };
    let injected = world.injector(settings("alice"));
    let session = injected.exchange("binance").http();
    world.echo(&session, BINANCE).await.unwrap();
    injected.injector.reload(settings("bob")).unwrap();
    world.echo(&session, BINANCE).await.unwrap();

    let logins: Vec<_> = proxy
        .ledger()
        .connections()
        .iter()
        .map(|connection| connection.requests[0].headers["proxy-authorization"].clone())
        .collect();
    assert_eq!(logins.len(), 2);
    assert_ne!(logins[0], logins[1]);
}
