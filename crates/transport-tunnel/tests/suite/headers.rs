//! Who sees which headers.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue, Request};
use proxy_config::{ProxyConfig, ProxyServer};
use testkit::{MockProxy, ProxyKind, TestCa};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use transport::{Dialer, HttpTransport, WsDialer, WsRequest, chain};
use transport_http::HttpClient;
use transport_ws::WsClient;

use transport_tunnel::{Resolver, RouteDialer, SystemResolver};

use crate::common::{Client, Ending, LONG, Route, Scripted, answer, failure, listen, tcp, trust};

/// Where an exchange listens, and the head of each request that it gets.
async fn exchange() -> (SocketAddr, UnboundedReceiver<String>) {
    let (sender, heads) = unbounded_channel();
    let address = listen(move |stream: TcpStream| {
        let sender = sender.clone();
        async move {
            sender.send(answer(stream).await).unwrap();
        }
    });
    (address.await, heads)
}

/// Sends a request with a login of its own to `authority`.
async fn log_in(client: Client, dialer: Arc<dyn Dialer>, authority: &str, ca: &TestCa) {
    let headers: HeaderMap = [
        (
            AUTHORIZATION,
            HeaderValue::from_static("Bearer exchange-key"),
        ),
        (COOKIE, HeaderValue::from_static("session=exchange-session")),
    ]
    .into_iter()
    .collect();
    let tls = trust(ca).client_config(&[]);
    match client {
        Client::Rest => {
            let mut request = Request::get(format!("http://{authority}/account"))
                .body(Bytes::new())
                .unwrap();
            *request.headers_mut() = headers;
            let client = HttpClient::new(dialer, tls, LONG);
            client.send(request).await.unwrap();
        }
        Client::WebSocket => {
            let uri = format!("ws://{authority}/account").parse().unwrap();
            let mut request = WsRequest::new(uri).unwrap();
            request.headers = headers;
            let client = WsClient::new(dialer, tls, LONG);
            client.dial(request).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_proxy_sees_no_header_for_the_exchange_and_the_exchange_none_for_a_proxy() {
    let ca = TestCa::new().unwrap();
    let (exchange, mut heads) = exchange().await;
    for kind in [ProxyKind::Http, ProxyKind::Https] {
        for client in Client::ALL {
            let proxy = MockProxy::builder(kind)
                .tls(ca.server_config(&[]).unwrap())
                .credentials("alice", "proxy-password")
                .start()
                .await
                .unwrap();
            let dialer = Route::new(&proxy.url()).trust(trust(&ca)).over(tcp());
            log_in(client, dialer, &exchange.to_string(), &ca).await;

            let connections = proxy.ledger().connections();
            let seen = &connections[0].requests[0].headers;
            let mut names: Vec<_> = seen.keys().map(http::HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, ["host", "proxy-authorization"], "{kind} {client:?}");

            let head = heads.recv().await.unwrap().to_ascii_lowercase();
            assert!(head.starts_with("get /account http/1.1\r\n"), "{head}");
            assert!(head.contains("bearer exchange-key"), "{head}");
            assert!(head.contains("session=exchange-session"), "{head}");
            assert!(!head.contains("proxy-"), "{head}");
            // alice:proxy-password
            assert!(!head.contains("ywxpy2u6chjvehktcgfzc3dvcmq="), "{head}");
        }
    }
}

fn server(proxy: &MockProxy) -> ProxyServer {
    ProxyServer::new(proxy.url().parse().unwrap())
}

fn through(proxy: &ProxyConfig, tcp: impl Dialer + 'static, ca: &TestCa) -> Arc<dyn Dialer> {
    let resolver: Arc<dyn Resolver> = Arc::new(SystemResolver);
    Arc::new(RouteDialer::through(proxy, Arc::new(tcp), &resolver, &trust(ca)).unwrap())
}

#[tokio::test]
async fn each_proxy_of_a_chain_gets_its_own_headers_and_the_exchange_none() {
    let ca = TestCa::new().unwrap();
    let (exchange, mut heads) = exchange().await;
    let start = async |kind| {
        let tls = ca.server_config(&[]).unwrap();
        MockProxy::builder(kind).tls(tls).start().await.unwrap()
    };
    let (near, exit) = (start(ProxyKind::Https).await, start(ProxyKind::Http).await);
    let login = "Bearer t0ken";
    let first = server(&near)
        .with_header("Proxy-Authorization", login)
        .unwrap();
    let last = server(&exit).with_header("X-Country", "de").unwrap();
    let last = last.with_header("x-session", "4711").unwrap();
    let route = ProxyConfig::from(last).with_via([first]).unwrap();
    for client in Client::ALL {
        let dialer = through(&route, tcp(), &ca);
        log_in(client, dialer, &exchange.to_string(), &ca).await;
        let head = heads.recv().await.unwrap().to_ascii_lowercase();
        for name in ["proxy-", "x-country", "x-session"] {
            assert!(!head.contains(name), "{head}");
        }
    }
    for (proxy, expected) in [
        (
            &near,
            [("host", None), ("proxy-authorization", Some(login))].as_slice(),
        ),
        (
            &exit,
            &[
                ("host", None),
                ("x-country", Some("de")),
                ("x-session", Some("4711")),
            ],
        ),
    ] {
        for connection in proxy.ledger().connections() {
            let headers = &connection.requests[0].headers;
            assert_eq!(headers.len(), expected.len(), "{headers:?}");
            for (name, value) in expected {
                let sent = headers[*name].to_str().unwrap();
                assert!(value.is_none_or(|value| value == sent), "{name}: {sent}");
            }
        }
    }
}

#[tokio::test]
async fn a_bearer_login_that_is_refused_is_one_that_was_configured_and_is_not_quoted() {
    let ca = TestCa::new().unwrap();
    let server = ProxyServer::new("http://p.example:3128".parse().unwrap())
        .with_header("Proxy-Authorization", "Bearer t0ken-Zq7")
        .unwrap();
    let reply = "HTTP/1.1 407 No\r\nProxy-Authenticate: Bearer\r\nContent-Length: 22\r\n\r\nnot you, T%30KEN-zq7 !";
    let proxy = Scripted::new([reply]).ending(Ending::Close);
    let error = failure(&through(&ProxyConfig::from(server), proxy, &ca)).await;
    let line = chain(&error).to_string();
    assert!(
        line.contains("does not accept the configured credentials; it asks for Bearer"),
        "{line}"
    );
    assert!(!line.contains("zq7") && line.contains("***"), "{line}");
}
