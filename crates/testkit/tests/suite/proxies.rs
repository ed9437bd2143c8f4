//! Every kind of proxy, over real sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use testkit::{
    Authentication, MockProxy, MockProxyBuilder, ProxyFault, ProxyKind, TestCa, TunnelTarget,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::raw_client::{connect, in_time, read_head, tunnel};

// Another loopback address than that of the tests, by which a target knows the proxy.
const EGRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A server that says who it sees, and then gives back what it gets.
struct Mirror {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Mirror {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, peer)) = listener.accept().await {
                tokio::spawn(async move {
                    let greeting = format!("{}\n", peer.ip());
                    stream.write_all(greeting.as_bytes()).await.unwrap();
                    let mut seen = Vec::new();
                    stream.read_to_end(&mut seen).await.unwrap();
                    stream.write_all(&seen).await.unwrap();
                });
            }
        });
        Self { address, task }
    }

    fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn builder(kind: ProxyKind, ca: &TestCa) -> MockProxyBuilder {
    MockProxy::builder(kind)
        .tls(ca.server_config(&[]).unwrap())
        .egress(EGRESS)
        .host("mirror.test", Ipv4Addr::LOCALHOST.into())
}

#[tokio::test]
async fn each_kind_relays_with_and_without_credentials_from_its_egress_address() {
    let ca = TestCa::new().unwrap();
    let mirror = Mirror::start().await;
    for kind in ProxyKind::ALL {
        for credentials in [None, Some(("user", "p@ss:word"))] {
            for host in ["127.0.0.1", "mirror.test"] {
                let mut builder = builder(kind, &ca);
                if let Some((user, password)) = credentials {
                    builder = builder.credentials(user, password);
                }
                let proxy = builder.start().await.unwrap();
                let mut stream = tunnel(&proxy, &ca, (host, mirror.port()), credentials)
                    .await
                    .unwrap();
                let mut egress = String::new();
                stream.read_line(&mut egress).await.unwrap();
                assert_eq!(egress, "127.0.0.2\n", "{kind}");

                stream.write_all(b"to and fro").await.unwrap();
                // The mirror answers only after the end of our half has reached it.
                stream.shutdown().await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                assert_eq!(answer, "to and fro", "{kind}");

                let records = in_time(proxy.ledger().wait_for(|all| all[0].closed)).await;
                let record = &records[0];
                let target = match host {
                    "127.0.0.1" => TunnelTarget::Address(mirror.address),
                    _ => TunnelTarget::Name(host.to_owned(), mirror.port()),
                };
                assert_eq!(record.target(), Some(&target), "{kind}");
                assert_eq!(record.egress.unwrap().ip(), EGRESS, "{kind}");
                let expected = match credentials {
                    None => Authentication::NotRequired,
                    Some(_) => Authentication::Accepted,
                };
                assert_eq!(record.authentication, Some(expected), "{kind}");
                // Up: "to and fro". Down: the same, and the greeting "127.0.0.2" with its line
                // break.
                assert_eq!((record.bytes_up(), record.bytes_down()), (10, 20), "{kind}");
            }
        }
    }
}

#[tokio::test]
async fn each_kind_rejects_missing_and_wrong_credentials() {
    let ca = TestCa::new().unwrap();
    let mirror = Mirror::start().await;
    for kind in ProxyKind::ALL {
        let proxy = builder(kind, &ca)
            .credentials("user", "right")
            .start()
            .await
            .unwrap();
        for (credentials, outcome) in [
            (None, Authentication::Missing),
            (Some(("other", "right")), Authentication::Wrong),
            (Some(("user", "wrong")), Authentication::Wrong),
        ] {
            // A USERID is all that SOCKS4 knows.
            if kind.scheme().starts_with("socks4") && credentials == Some(("user", "wrong")) {
                continue;
            }
            let target = ("127.0.0.1", mirror.port());
            let error = tunnel(&proxy, &ca, target, credentials)
                .await
                .err()
                .unwrap()
                .to_string();
            let expected = match (kind, outcome) {
                (ProxyKind::Http | ProxyKind::Https, _) => "407",
                (ProxyKind::Socks4 | ProxyKind::Socks4a, _) => "93",
                (_, Authentication::Missing) => "no method",
                _ => "wrong password",
            };
            assert!(error.contains(expected), "{kind}: {error}");
            if expected == "407" {
                assert!(
                    error.contains("proxy-authenticate: Basic realm="),
                    "{error}"
                );
            }
            let record = proxy.ledger().connections().pop().unwrap();
            assert_eq!(record.authentication, Some(outcome), "{kind}");
            assert!(record.requests.is_empty(), "{kind}");
            assert_eq!(record.egress, None, "{kind}");
        }
    }
}

#[tokio::test]
async fn a_client_may_try_again_on_the_connection_that_got_407() {
    let ca = TestCa::new().unwrap();
    let mirror = Mirror::start().await;
    let proxy = builder(ProxyKind::Http, &ca)
        .credentials("u", "p")
        .start()
        .await
        .unwrap();
    let stream: Box<dyn transport::Io> = Box::new(connect(proxy.address()).await.unwrap());
    let mut stream = tokio::io::BufReader::new(stream);
    let target = mirror.address;
    let first = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    stream.write_all(first.as_bytes()).await.unwrap();
    assert!(
        read_head(&mut stream)
            .await
            .unwrap()
            .starts_with("HTTP/1.1 407")
    );
    let mut body = [0; 12];
    stream.read_exact(&mut body).await.unwrap();
    let second = format!(
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nX-Trace: 7\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
    );
    stream.write_all(second.as_bytes()).await.unwrap();
    assert!(
        read_head(&mut stream)
            .await
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    let records = proxy.ledger().connections();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].requests[0].headers["x-trace"], "7");
}

#[tokio::test]
async fn what_a_client_sends_ahead_of_the_reply_reaches_the_target() {
    let mirror = Mirror::start().await;
    let target = mirror.address;
    let http = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").into_bytes();
    let port = mirror.port().to_be_bytes();
    // The messages that a client in a hurry sends at once: greeting and request, and then the
    // target's own bytes.
    let socks4 = [&[4, 1], port.as_slice(), &[127, 0, 0, 1, 0]].concat();
    let socks5 = [&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1], port.as_slice()].concat();
    for (kind, request) in [
        (ProxyKind::Http, http),
        (ProxyKind::Socks4, socks4),
        (ProxyKind::Socks5, socks5),
    ] {
        let proxy = MockProxy::builder(kind).start().await.unwrap();
        let mut stream = connect(proxy.address()).await.unwrap();
        let ahead = [&request, b"ahead".as_slice()].concat();
        stream.write_all(&ahead).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        in_time(stream.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.ends_with(b"127.0.0.1\nahead"), "{kind}: {answer:?}");
    }
}

#[tokio::test]
async fn a_target_that_is_unknown_refused_or_foreign_is_declined() {
    let ca = TestCa::new().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = free.local_addr().unwrap().port();
    drop(free);
    for (kind, [unknown, foreign, refused]) in [
        (ProxyKind::Http, [" 502 ", " 403 ", " 502 "]),
        (ProxyKind::Socks4a, ["91", "91", "91"]),
        (ProxyKind::Socks5h, ["4", "2", "5"]),
    ] {
        let proxy = builder(kind, &ca).start().await.unwrap();
        for (target, expected) in [
            (("nobody.test", 443), unknown),
            (("192.0.2.1", 443), foreign),
            (("127.0.0.1", closed), refused),
        ] {
            let error = tunnel(&proxy, &ca, target, None)
                .await
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(expected), "{kind} {target:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_proxy_told_to_refuse_gives_the_code_it_was_told() {
    let ca = TestCa::new().unwrap();
    for (kind, code, expected) in [
        (ProxyKind::Http, 403, "HTTP/1.1 403"),
        (ProxyKind::Https, 503, "HTTP/1.1 503"),
        (ProxyKind::Socks4, 92, "92"),
        (ProxyKind::Socks5, 9, "9"),
        (ProxyKind::Socks5h, 255, "255"),
    ] {
        let mirror = Mirror::start().await;
        let proxy = builder(kind, &ca).start().await.unwrap();
        let target = ("127.0.0.1", mirror.port());
        proxy.fail_with(ProxyFault::Refuse {
            code,
            body: "sorry".to_owned(),
        });
        let error = tunnel(&proxy, &ca, target, None)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(error.starts_with(expected), "{kind}: {error}");
        proxy.recover();
        tunnel(&proxy, &ca, target, None).await.unwrap();
    }
}

#[tokio::test]
async fn a_proxy_that_stalls_reads_the_request_and_never_answers() {
    let ca = TestCa::new().unwrap();
    for kind in ProxyKind::ALL {
        let proxy = builder(kind, &ca).start().await.unwrap();
        proxy.fail_with(ProxyFault::Stall);
        let ledger = proxy.ledger();
        let asked = ledger.wait_for(|all| all.iter().any(|one| one.requests.len() == 1));
        tokio::select! {
            answer = tunnel(&proxy, &ca, ("127.0.0.1", 1), None) => {
                panic!("{kind} answered: {:?}", answer.err());
            }
            _ = in_time(asked) => {}
        }
    }
}

#[tokio::test]
async fn a_proxy_that_hangs_up_closes_without_an_answer() {
    let ca = TestCa::new().unwrap();
    for kind in ProxyKind::ALL {
        let proxy = builder(kind, &ca).start().await.unwrap();
        proxy.fail_with(ProxyFault::Hangup);
        let error = in_time(tunnel(&proxy, &ca, ("127.0.0.1", 1), None)).await;
        let error = error.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{kind}");
    }
}

#[tokio::test]
async fn a_cut_ends_tunnels_and_a_stop_refuses_new_ones_until_the_restart() {
    let ca = TestCa::new().unwrap();
    let mirror = Mirror::start().await;
    let target = ("127.0.0.1", mirror.port());
    for kind in ProxyKind::ALL {
        let proxy = builder(kind, &ca).start().await.unwrap();
        let mut stream = tunnel(&proxy, &ca, target, None).await.unwrap();
        proxy.cut_all().await;
        assert!(proxy.ledger().connections()[0].closed, "{kind}");
        let mut rest = Vec::new();
        // Ends, with or without an error: TLS complains about the missing farewell.
        let _ = in_time(stream.read_to_end(&mut rest)).await;
        tunnel(&proxy, &ca, target, None).await.unwrap();

        proxy.stop().await;
        assert!(connect(proxy.address()).await.is_err(), "{kind}");
        proxy.restart().await.unwrap();
        proxy.restart().await.unwrap();
        tunnel(&proxy, &ca, target, None).await.unwrap();
    }
}

#[tokio::test]
async fn dropping_the_handle_ends_connections_and_frees_the_port() {
    let ca = TestCa::new().unwrap();
    let mirror = Mirror::start().await;
    let proxy = builder(ProxyKind::Http, &ca).start().await.unwrap();
    let (address, ledger) = (proxy.address(), proxy.ledger());
    let target = ("127.0.0.1", mirror.port());
    let _stream = tunnel(&proxy, &ca, target, None).await.unwrap();
    drop(proxy);
    in_time(ledger.wait_for(|all| all.iter().all(|one| one.closed))).await;
    TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn urls_show_credentials_only_where_they_are_wanted() {
    let ca = TestCa::new().unwrap();
    for (kind, userinfo) in [
        (ProxyKind::Https, "us%40er:pass%2Fword@"),
        (ProxyKind::Socks4a, "us%40er@"),
        (ProxyKind::Socks5h, "us%40er:pass%2Fword@"),
    ] {
        let proxy = builder(kind, &ca)
            .credentials("us@er", "pass/word")
            .start()
            .await
            .unwrap();
        let port = proxy.address().port();
        assert_eq!(proxy.url(), format!("{kind}://{userinfo}127.0.0.1:{port}"));
        assert_eq!(proxy.redacted_url(), format!("{kind}://127.0.0.1:{port}"));
        let debug = format!("{proxy:?}");
        assert!(
            !debug.contains("pass") && !debug.contains("us@er"),
            "{debug}"
        );
    }
}

#[tokio::test]
async fn an_https_proxy_needs_a_certificate_and_every_proxy_a_free_port() {
    let error = MockProxy::builder(ProxyKind::Https)
        .start()
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "start an https proxy without a tls configuration"
    );
    let proxy = MockProxy::builder(ProxyKind::Http).start().await.unwrap();
    let error = MockProxy::builder(ProxyKind::Http)
        .address(proxy.address())
        .start()
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), format!("listen on {}", proxy.address()));
}
