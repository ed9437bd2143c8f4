//! From the first byte to the last: real sockets, real proxies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use testkit::{MockProxy, ProxyKind, RecordingDialer, TestCa};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use transport::{DialErrorKind, Dialer, Hop, Phase, Target, WsDialer, WsRequest, chain};
use transport_tunnel::TcpDialer;
use transport_ws::WsClient;

use crate::common::{
    Client, LONG, Names, Route, Scripted, answer, failure, listen, read_head, tcp, through, trust,
};

/// What happens at once happens in far less.
async fn at_once<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(5), future).await.unwrap()
}

async fn proxy_of(kind: ProxyKind, ca: &TestCa) -> MockProxy {
    MockProxy::builder(kind)
        .tls(ca.server_config(&[]).unwrap())
        .credentials("alice", "s@cret")
        .host("h.example", Ipv4Addr::LOCALHOST.into())
        .start()
        .await
        .unwrap()
}

/// The route through `proxy`; a name that is looked up here leads to the loopback as well.
fn route(proxy: &MockProxy, ca: &TestCa) -> Route {
    Route::new(&proxy.url())
        .trust(trust(ca))
        .resolver(Names(&[("h.example", &[IpAddr::V4(Ipv4Addr::LOCALHOST)])]))
}

#[tokio::test]
async fn the_end_of_one_direction_leaves_the_other_open() {
    let ca = TestCa::new().unwrap();
    // Ends its own direction first, and only then reads: what it got goes to the test.
    let (sender, mut received) = unbounded_channel();
    let target = listen(move |mut stream: TcpStream| {
        let sender = sender.clone();
        async move {
            stream.write_all(b"that is all").await.unwrap();
            stream.shutdown().await.unwrap();
            let mut rest = String::new();
            stream.read_to_string(&mut rest).await.unwrap();
            sender.send(rest).unwrap();
        }
    })
    .await;
    for kind in ProxyKind::ALL {
        let proxy = proxy_of(kind, &ca).await;
        let dialer = route(&proxy, &ca).over(tcp());
        let target = Target::parse("h.example", target.port()).unwrap();
        let mut connection = dialer.dial(&target).await.unwrap();
        let mut all = String::new();
        at_once(connection.read_to_string(&mut all)).await.unwrap();
        assert_eq!(all, "that is all", "{kind}");
        connection.write_all(b"still here").await.unwrap();
        connection.flush().await.unwrap();
        connection.shutdown().await.unwrap();
        assert_eq!(
            at_once(received.recv()).await.unwrap(),
            "still here",
            "{kind}"
        );
    }
}

/// What a silent peer notices.
#[derive(Debug, PartialEq)]
enum Noticed {
    Request,
    End,
}

/// A peer that answers so many requests, and falls silent with the next.
async fn silent_after(requests: usize) -> (SocketAddr, UnboundedReceiver<Noticed>) {
    let (sender, noticed) = unbounded_channel();
    let address = listen(move |mut stream: TcpStream| {
        let sender = sender.clone();
        async move {
            for _request in 0..requests {
                read_head(&mut stream).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            }
            stream.read_u8().await.unwrap();
            sender.send(Noticed::Request).unwrap();
            stream.read_to_end(&mut Vec::new()).await.unwrap();
            sender.send(Noticed::End).unwrap();
        }
    })
    .await;
    (address, noticed)
}

#[tokio::test]
async fn dropping_a_dial_closes_its_socket_at_once() {
    let ca = TestCa::new().unwrap();
    let tls = trust(&ca).client_config(&[]);
    // Silent in TLS with the proxy, in the proxy's handshake, and in TLS with the target.
    for (scheme, requests) in [("https", 0), ("http", 0), ("socks5h", 0), ("http", 1)] {
        let (address, mut noticed) = silent_after(requests).await;
        let dialer = through(&format!("{scheme}://{address}"), tcp());
        for client in Client::ALL {
            let tls = Arc::clone(&tls);
            tokio::select! {
                _ = client.ask_securely(Arc::clone(&dialer), "h.example", tls) => {
                    panic!("{client:?}: {scheme} is not silent");
                }
                request = at_once(noticed.recv()) => assert_eq!(request, Some(Noticed::Request)),
            }
            assert_eq!(at_once(noticed.recv()).await, Some(Noticed::End));
        }
    }
}

#[tokio::test]
async fn a_refusal_followed_by_a_reset_is_a_refusal() {
    let address = listen(|mut stream: TcpStream| async move {
        let reply = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 900\r\n\r\n";
        stream.write_all(reply).await.unwrap();
        // What is not read when a socket is closed makes the kernel reset the connection.
        stream.readable().await.unwrap();
    })
    .await;
    let dialer = through(&format!("http://{address}"), tcp());
    for client in Client::ALL {
        let error = client
            .ask(Arc::clone(&dialer), "h.example")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), DialErrorKind::Authentication, "{client:?}");
    }
}

#[tokio::test]
async fn a_proxy_of_another_kind_is_recognised_by_its_answer_and_suspected_without_one() {
    let ca = TestCa::new().unwrap();
    for (scheme, kind, expected) in [
        ("socks4a", ProxyKind::Http, DialErrorKind::WrongProtocol),
        ("socks5h", ProxyKind::Http, DialErrorKind::WrongProtocol),
        ("https", ProxyKind::Http, DialErrorKind::WrongProtocol),
        ("http", ProxyKind::Https, DialErrorKind::WrongProtocol),
        ("socks5h", ProxyKind::Https, DialErrorKind::WrongProtocol),
        ("http", ProxyKind::Socks4a, DialErrorKind::Closed),
        ("http", ProxyKind::Socks5h, DialErrorKind::Closed),
        ("socks4a", ProxyKind::Socks5h, DialErrorKind::Closed),
        ("socks5h", ProxyKind::Socks4a, DialErrorKind::Closed),
    ] {
        let proxy = proxy_of(kind, &ca).await;
        let dialer = through(&format!("{scheme}://{}", proxy.address()), tcp());
        let error = at_once(failure(&dialer)).await;
        assert_eq!(error.kind(), expected, "{scheme} to {kind}");
        assert!(error.hop().is_proxy());
        let line = chain(&error).to_string();
        assert!(
            line.contains("is the scheme") || scheme == "https",
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_cut_is_noticed_at_once_and_the_next_connection_takes_the_proxy_again() {
    let ca = TestCa::new().unwrap();
    let exchange = listen(|stream: TcpStream| async move {
        answer(stream).await;
    })
    .await;
    for kind in ProxyKind::ALL {
        let proxy = proxy_of(kind, &ca).await;
        let sockets = Arc::new(RecordingDialer::new(tcp()));
        let dialer = route(&proxy, &ca).over(Arc::clone(&sockets));
        let tls = trust(&ca).client_config(&[]);
        let client = WsClient::new(dialer, tls, LONG);
        let uri = format!("ws://h.example:{}/", exchange.port());
        let request = WsRequest::new(uri.parse().unwrap()).unwrap();
        for _connection in 0..2 {
            let mut socket = client.dial(request.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap().as_text(), Some("ok"));
            proxy.cut_all().await;
            assert!(at_once(socket.next()).await.unwrap().is_err(), "{kind}");
        }
        proxy.stop().await;
        let error = client.dial(request.clone()).await.unwrap_err();
        assert_eq!(
            (error.phase(), error.kind()),
            (Phase::Tcp, DialErrorKind::Refused)
        );
        proxy.restart().await.unwrap();
        client.dial(request).await.unwrap();
        let address = proxy.address().to_string();
        let targets: Vec<_> = sockets.targets().iter().map(Target::to_string).collect();
        assert_eq!(targets, [(); 4].map(|()| address.clone()), "{kind}");
    }
}

#[tokio::test]
async fn every_phase_of_a_connection_is_timed() {
    let ca = TestCa::new().unwrap();
    let config = ca.server_config(&["h.example"]).unwrap();
    let exchange = listen(move |stream: TcpStream| {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&config));
        async move {
            answer(acceptor.accept(stream).await.unwrap()).await;
        }
    })
    .await;
    let proxy = proxy_of(ProxyKind::Https, &ca).await;
    let port = proxy.address().port();
    let names = Names(&[("localhost", &[IpAddr::V4(Ipv4Addr::LOCALHOST)])]);
    let url = format!("https://alice:s%40cret@localhost:{port}");
    let dialer = Route::new(&url)
        .trust(trust(&ca))
        .over(TcpDialer::with_resolver(names));
    let authority = format!("h.example:{}", exchange.port());
    for client in Client::ALL {
        let tls = trust(&ca).client_config(&[]);
        let answer = client
            .ask_securely(Arc::clone(&dialer), &authority, tls)
            .await;
        let info = answer.unwrap().info;
        let hop = |endpoint: &str, port| Target::parse(endpoint, port).unwrap().endpoint().clone();
        let proxy = Hop::Proxy(hop("localhost", port));
        let target = Hop::Target(hop("h.example", exchange.port()));
        let mut expected = vec![
            (proxy.clone(), Phase::Dns),
            (proxy.clone(), Phase::Tcp),
            (proxy.clone(), Phase::ProxyTls),
            (proxy.clone(), Phase::ProxyHandshake),
            (target.clone(), Phase::TargetTls),
        ];
        if client == Client::WebSocket {
            expected.push((target, Phase::Upgrade));
        }
        let timed = info.timings().iter();
        let phases: Vec<_> = timed
            .map(|timing| (timing.hop.clone(), timing.phase))
            .collect();
        assert_eq!(phases, expected, "{client:?}");
        let elapsed: Duration = info.timings().iter().map(|timing| timing.elapsed).sum();
        assert!(elapsed > Duration::ZERO && elapsed < LONG);
        assert_eq!(info.hops(), [proxy.endpoint().clone()]);
        assert_eq!(info.peer_addr().unwrap().port(), port);
    }
}

#[tokio::test]
async fn what_the_nearest_proxy_sends_is_acknowledged_as_it_is_configured() {
    let exit_alone = Route::new("http://exit:2").quick_ack().via("http://p:1");
    for (route, expected) in [
        (Route::new("http://p:1"), false),
        (Route::new("http://p:1").quick_ack(), true),
        (exit_alone, false),
    ] {
        let open = "HTTP/1.1 200 OK\r\n\r\n";
        let recording = Arc::new(RecordingDialer::new(Scripted::new([open, open])));
        let dialer = route.over(Arc::clone(&recording));
        let target = Target::parse("h.example", 443).unwrap();
        dialer.dial(&target).await.unwrap();
        let asked = recording.targets().pop().unwrap();
        assert_eq!(asked.quick_ack(), expected);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_exchange_answers_over_a_socket_that_acknowledges_at_once() {
    let ca = TestCa::new().unwrap();
    let proxy = proxy_of(ProxyKind::Socks5h, &ca).await;
    let exchange = listen(|stream| async {
        answer(stream).await;
    })
    .await;
    let dialer = Route::new(&proxy.url()).quick_ack().over(tcp());
    let authority = format!("h.example:{}", exchange.port());
    for client in Client::ALL {
        let answer = client.ask(Arc::clone(&dialer), &authority).await.unwrap();
        assert_eq!(answer.text, "ok");
    }
}
