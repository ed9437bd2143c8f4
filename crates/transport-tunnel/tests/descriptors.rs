//! Failed dials leave nothing open. Alone in its process, because it counts the process's files.
#![cfg(target_os = "linux")]
#![cfg(test)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use proxy_config::{ProxyConfig, ProxyUrl};
use testkit::{MockProxy, ProxyFault, ProxyKind, TestCa};
use tokio::io::sink;
use tokio::net::TcpListener;
use tokio::time::timeout;
use transport::{Dialer, HttpTransport, WsDialer, WsRequest};
use transport_http::HttpClient;
use transport_tls::TlsTrust;
use transport_tunnel::{Resolver, RouteDialer, SystemResolver, TcpDialer};
use transport_ws::WsClient;

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn route(url: &str, trust: &TlsTrust) -> Arc<dyn Dialer> {
    let proxy = ProxyConfig::new(ProxyUrl::parse(url).unwrap());
    let resolver: Arc<dyn Resolver> = Arc::new(SystemResolver);
    let tcp = Arc::new(TcpDialer::new());
    Arc::new(RouteDialer::through(&proxy, tcp, &resolver, trust).unwrap())
}

#[tokio::test]
async fn a_thousand_failed_dials_leave_no_descriptor_open() {
    let ca = TestCa::new().unwrap();
    let trust = TlsTrust::platform();
    let mut proxies = Vec::new();
    for (kind, fault) in [
        (ProxyKind::Http, refusal(403)),
        (ProxyKind::Socks4a, refusal(0x5B)),
        (ProxyKind::Socks5h, refusal(5)),
        (ProxyKind::Http, ProxyFault::Hangup),
        // Its certificate is not trusted.
        (ProxyKind::Https, ProxyFault::Hangup),
    ] {
        let builder = MockProxy::builder(kind).tls(ca.server_config(&[]).unwrap());
        let proxy = builder.start().await.unwrap();
        proxy.fail_with(fault);
        proxies.push(proxy);
    }
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let mut routes: Vec<_> = proxies
        .iter()
        .map(|proxy| route(&proxy.url(), &trust))
        .collect();
    routes.push(route(&refused, &trust));
    routes.push(route(&format!("socks5h://{}", silent().await), &trust));

    let before = open_descriptors();
    for dialer in routes.iter().cycle().take(500) {
        fail(dialer, &trust).await;
    }
    let left = timeout(Duration::from_secs(10), settle(before)).await;
    assert!(
        left.is_ok(),
        "{before} before, {} after",
        open_descriptors()
    );
}

/// Fails two dials, one of each client, or gives it up where nobody answers.
async fn fail(dialer: &Arc<dyn Dialer>, trust: &TlsTrust) {
    let patience = Duration::from_secs(10);
    let tls = trust.client_config(&[]);
    let rest = HttpClient::new(Arc::clone(dialer), Arc::clone(&tls), patience);
    let get = Request::get("https://h.example/")
        .body(Bytes::new())
        .unwrap();
    let socket = WsClient::new(Arc::clone(dialer), tls, patience);
    let upgrade = WsRequest::new("wss://h.example/".parse().unwrap()).unwrap();
    let (rest, socket) = tokio::join!(
        timeout(Duration::from_millis(20), rest.send(get)),
        timeout(Duration::from_millis(20), socket.dial(upgrade)),
    );
    assert!(!matches!(rest, Ok(Ok(_))));
    assert!(!matches!(socket, Ok(Ok(_))));
}

/// Waits until the other ends have noticed too.
async fn settle(limit: usize) {
    while open_descriptors() > limit {
        tokio::task::yield_now().await;
    }
}

/// A proxy that reads and never answers.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _peer)) = listener.accept().await {
            tokio::spawn(async move { tokio::io::copy(&mut stream, &mut sink()).await });
        }
    });
    address
}

fn refusal(code: u16) -> ProxyFault {
    ProxyFault::Refuse {
        code,
        body: "no".to_owned(),
    }
}
