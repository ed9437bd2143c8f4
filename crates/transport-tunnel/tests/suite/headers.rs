//! Who sees which headers.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue, Request};
use testkit::{MockProxy, ProxyKind, TestCa};
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use transport::{Dialer, HttpTransport, WsDialer, WsRequest};
use transport_http::HttpClient;
use transport_ws::WsClient;

use crate::common::{Client, LONG, Route, answer, listen, tcp, trust};

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
    let (sender, mut heads) = unbounded_channel();
    let exchange = listen(move |stream: TcpStream| {
        let sender = sender.clone();
        async move {
            sender.send(answer(stream).await).unwrap();
        }
    })
    .await;
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
