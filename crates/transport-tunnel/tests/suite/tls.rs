//! Whose certificate is checked on which leg, what each leg offers, and who is to blame.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rustls::server::Acceptor;
use rustls::{HandshakeKind, ServerConfig};
use testkit::{PanickingDialer, TestCa};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};
use tokio_tungstenite::accept_async;
use transport::{DialError, DialErrorKind, Dialer, Hop, Io, Phase, WsDialer, WsRequest};
use transport_ws::WsClient;

use crate::common::{
    Client, Ending, Piped, Route, Scripted, Step, answer, owned, play, read_head, secure_failure,
    trust,
};

/// A TLS handshake as the server saw it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    name: Option<String>,
    alpn: Vec<Vec<u8>>,
    is_resumed: bool,
}

async fn accept<S: Io>(
    stream: S,
    config: Arc<ServerConfig>,
    log: &UnboundedSender<Seen>,
) -> io::Result<TlsStream<S>> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let hello = start.client_hello();
    let name = hello.server_name().map(str::to_owned);
    let alpn = hello
        .alpn()
        .into_iter()
        .flatten()
        .map(<[u8]>::to_vec)
        .collect();
    let stream = start.into_stream(config).await?;
    let is_resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
    let _ = log.send(Seen {
        name,
        alpn,
        is_resumed,
    });
    Ok(stream)
}

/// An `https` proxy and an exchange behind it, in one: TLS inside TLS.
fn https_proxy(
    proxy: &Arc<ServerConfig>,
    exchange: &Arc<ServerConfig>,
) -> (impl Dialer + 'static, UnboundedReceiver<Seen>) {
    let (log, seen) = unbounded_channel();
    let (proxy, exchange) = (Arc::clone(proxy), Arc::clone(exchange));
    let dialer = Piped::new(move |stream| {
        let (log, proxy, exchange) = (log.clone(), Arc::clone(&proxy), Arc::clone(&exchange));
        async move {
            let served = async {
                let mut outer = accept(stream, proxy, &log).await?;
                read_head(&mut outer).await;
                outer.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                outer.flush().await?;
                answer(accept(outer, exchange, &log).await?).await;
                Ok::<(), io::Error>(())
            };
            // A client that turns away from the certificate is what some tests are about.
            let _ = served.await;
        }
    });
    (dialer, seen)
}

/// A proxy that plays `steps` to an exchange with TLS, or that exchange itself.
fn exchange(config: &Arc<ServerConfig>, steps: &[Step<'_>]) -> impl Dialer + 'static {
    let (config, steps) = (Arc::clone(config), owned(steps.iter().copied()));
    Piped::new(move |mut stream| {
        let (config, steps) = (Arc::clone(&config), steps.clone());
        async move {
            play(&mut stream, &steps).await;
            if let Ok(stream) = accept(stream, config, &unbounded_channel().0).await {
                answer(stream).await;
            }
        }
    })
}

const CONNECT: &[u8] = b"CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n\r\n";
const OPEN: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

/// Each kind of tunnel to `h.example:443`.
const TUNNELS: [(&str, &[Step<'_>]); 3] = [
    ("http://p:1", &[(CONNECT.len(), OPEN)]),
    ("socks4a://p:1", &[(19, b"\0\x5A\0\0\0\0\0\0")]),
    (
        "socks5h://p:1",
        &[(3, b"\x05\x00"), (16, b"\x05\x00\x00\x01\0\0\0\0\0\0")],
    ),
];

fn assert_untrusted(error: &DialError, phase: Phase, what: &str) {
    assert_eq!(error.kind(), DialErrorKind::Certificate, "{what}");
    assert_eq!(error.phase(), phase, "{what}");
    assert_eq!(error.hop().is_proxy(), phase == Phase::ProxyTls, "{what}");
    assert!(!error.is_retryable(), "{what}");
}

#[tokio::test]
async fn each_leg_names_and_offers_what_is_its_own() {
    let ca = TestCa::new().unwrap();
    let proxy = ca.server_config(&["p.example"]).unwrap();
    let target = ca.server_config(&["h.example"]).unwrap();
    for client in Client::ALL {
        // Even a configuration that would offer HTTP/2 first.
        let tls = trust(&ca).client_config(&[b"h2", b"http/1.1"]);
        let (dialer, mut seen) = https_proxy(&proxy, &target);
        let route = Route::new("https://p.example:8443").trust(trust(&ca));
        let answer = client
            .ask_securely(route.over(dialer), "h.example", tls)
            .await;
        assert_eq!(answer.unwrap().text, "ok");
        for name in ["p.example", "h.example"] {
            let expected = Seen {
                name: Some(name.to_owned()),
                alpn: vec![b"http/1.1".to_vec()],
                is_resumed: false,
            };
            assert_eq!(seen.recv().await.unwrap(), expected, "{client:?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_of_the_other_leg_is_not_accepted() {
    let ca = TestCa::new().unwrap();
    let tls = trust(&ca).client_config(&[]);
    let [proxy, target] = ["p.example", "h.example"].map(|name| ca.server_config(&[name]).unwrap());
    let route = || Route::new("https://p.example:8443").trust(trust(&ca));

    let swapped = route().over(https_proxy(&target, &target).0);
    let error = secure_failure(&swapped, "h.example", &tls).await;
    assert_untrusted(&error, Phase::ProxyTls, "the exchange's at the proxy");

    let swapped = route().over(https_proxy(&proxy, &proxy).0);
    let error = secure_failure(&swapped, "h.example", &tls).await;
    assert_untrusted(&error, Phase::TargetTls, "the proxy's at the exchange");
}

#[tokio::test]
async fn each_leg_trusts_its_own_authorities_alone() {
    let [ours, theirs] = [(); 2].map(|()| TestCa::new().unwrap());
    let proxy = ours.server_config(&["p.example"]).unwrap();
    let target = theirs.server_config(&["h.example"]).unwrap();
    let route = |ca| {
        Route::new("https://p.example:8443")
            .trust(trust(ca))
            .over(https_proxy(&proxy, &target).0)
    };
    let tls = trust(&theirs).client_config(&[]);
    for client in Client::ALL {
        let answer = client.ask_securely(route(&ours), "h.example", Arc::clone(&tls));
        assert_eq!(answer.await.unwrap().text, "ok");
    }
    let error = secure_failure(&route(&theirs), "h.example", &tls).await;
    assert_untrusted(&error, Phase::ProxyTls, "the exchange's authority");
    let tls = trust(&ours).client_config(&[]);
    let error = secure_failure(&route(&ours), "h.example", &tls).await;
    assert_untrusted(&error, Phase::TargetTls, "the proxy's authority");
}

#[tokio::test]
async fn a_bad_certificate_of_a_proxy_is_the_proxys_failure() {
    let ca = TestCa::new().unwrap();
    let good = ca.server_config(&["h.example"]).unwrap();
    let tls = trust(&ca).client_config(&[]);
    for (bad, what) in [
        (ca.wrong_name_config(), "wrong name"),
        (ca.expired_config(), "expired"),
        (ca.untrusted_config(), "untrusted"),
    ] {
        let dialer = https_proxy(&bad.unwrap(), &good).0;
        let dialer = Route::new("https://localhost:1")
            .trust(trust(&ca))
            .over(dialer);
        let error = secure_failure(&dialer, "h.example", &tls).await;
        assert_untrusted(&error, Phase::ProxyTls, what);
    }
}

#[tokio::test]
async fn a_bad_certificate_of_an_exchange_is_refused_on_every_route() {
    let ca = TestCa::new().unwrap();
    let good = ca.server_config(&["p.example"]).unwrap();
    let tls = trust(&ca).client_config(&[]);
    for (bad, what) in [
        (ca.wrong_name_config(), "wrong name"),
        (ca.expired_config(), "expired"),
        (ca.untrusted_config(), "untrusted"),
    ] {
        let bad = bad.unwrap();
        let mut routes: Vec<Arc<dyn Dialer>> = vec![Arc::new(exchange(&bad, &[]))];
        for (url, steps) in TUNNELS {
            routes.push(Route::new(url).over(exchange(&bad, steps)));
        }
        let https = Route::new("https://p.example:1").trust(trust(&ca));
        routes.push(https.over(https_proxy(&good, &bad).0));
        for dialer in routes {
            let error = secure_failure(&dialer, "h.example", &tls).await;
            assert_untrusted(&error, Phase::TargetTls, what);
        }
    }
}

#[tokio::test]
async fn an_address_is_checked_against_the_certificate_and_stays_out_of_sni() {
    let ca = TestCa::new().unwrap();
    let config = ca.server_config(&[]).unwrap();
    let tls = trust(&ca).client_config(&[]);
    for address in ["[::1]", "127.0.0.1"] {
        for client in Client::ALL {
            let (dialer, mut seen) = https_proxy(&config, &config);
            let route = Route::new(&format!("https://{address}:8443")).trust(trust(&ca));
            let answer = client
                .ask_securely(route.over(dialer), address, Arc::clone(&tls))
                .await;
            assert_eq!(answer.unwrap().text, "ok", "{client:?} {address}");
            for _leg in 0..2 {
                assert_eq!(seen.recv().await.unwrap().name, None);
            }
        }
    }
    for foreign in ["192.0.2.1", "[2001:db8::1]"] {
        let dialer: Arc<dyn Dialer> = Arc::new(exchange(&config, &[]));
        let error = secure_failure(&dialer, foreign, &tls).await;
        assert_untrusted(&error, Phase::TargetTls, foreign);
    }
}

#[tokio::test]
async fn sessions_are_resumed_on_their_route_and_on_no_other() {
    let ca = TestCa::new().unwrap();
    let proxy = ca.server_config(&["p.example"]).unwrap();
    let target = ca.server_config(&["h.example"]).unwrap();
    let (dialer, mut seen) = https_proxy(&proxy, &target);
    let dialer = Arc::new(dialer);
    let mut resumed = Vec::new();
    for _route in 0..2 {
        let route = Route::new("https://p.example:1").trust(trust(&ca));
        let route = route.over(Arc::clone(&dialer));
        let tls = trust(&ca).client_config(&[]);
        for client in Client::ALL {
            let answer = client.ask_securely(Arc::clone(&route), "h.example", Arc::clone(&tls));
            answer.await.unwrap();
            for _leg in 0..2 {
                resumed.push(seen.recv().await.unwrap().is_resumed);
            }
        }
    }
    assert_eq!(
        resumed,
        [false, false, true, true, false, false, true, true]
    );
}

#[tokio::test]
async fn what_does_not_speak_tls_is_the_wrong_protocol_and_an_end_is_a_close() {
    let ca = TestCa::new().unwrap();
    let tls = trust(&ca).client_config(&[]);
    let page = b"HTTP/1.1 400 Bad Request\r\n\r\nplain HTTP only".as_slice();
    for (reply, ending, kind) in [
        (page, Ending::Close, DialErrorKind::WrongProtocol),
        (b"\x05\xff", Ending::Silence, DialErrorKind::WrongProtocol),
        (
            b"SSH-2.0-x\r\n",
            Ending::Silence,
            DialErrorKind::WrongProtocol,
        ),
        (b"", Ending::Close, DialErrorKind::Closed),
        (b"", Ending::Reset, DialErrorKind::Closed),
        // An alert: handshake_failure.
        (
            b"\x15\x03\x03\x00\x02\x02\x28",
            Ending::Close,
            DialErrorKind::Tls,
        ),
    ] {
        let peer = Scripted::new([reply]).ending(ending);
        let proxy = Route::new("https://p.example:1").over(peer.clone());
        let error = secure_failure(&proxy, "h.example", &tls).await;
        assert_eq!((error.phase(), error.kind()), (Phase::ProxyTls, kind));
        assert!(error.hop().is_proxy());
        let direct: Arc<dyn Dialer> = Arc::new(peer);
        let error = secure_failure(&direct, "h.example", &tls).await;
        assert_eq!((error.phase(), error.kind()), (Phase::TargetTls, kind));
        assert!(matches!(error.hop(), Hop::Target(_)));
        assert_eq!(error.is_retryable(), kind == DialErrorKind::Closed);
    }
}

#[tokio::test]
async fn a_name_that_no_certificate_can_hold_is_refused_before_dialing() {
    let ca = TestCa::new().unwrap();
    let tls = trust(&ca).client_config(&[]);
    let label = "x".repeat(64);
    let dialer: Arc<dyn Dialer> = Arc::new(PanickingDialer);
    let error = secure_failure(&dialer, &format!("{label}.example"), &tls).await;
    assert_eq!(error.kind(), DialErrorKind::Unsupported);
    assert_eq!(error.phase(), Phase::TargetTls);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_stream_over_tls_that_is_dropped_says_farewell_in_both_protocols() {
    let ca = TestCa::new().unwrap();
    let config = ca.server_config(&["h.example"]).unwrap();
    let (ending, mut ends) = unbounded_channel();
    let exchange = Piped::new(move |stream| {
        let (acceptor, ending) = (TlsAcceptor::from(Arc::clone(&config)), ending.clone());
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let mut socket = accept_async(stream).await.unwrap();
            let farewell = socket.next().await.unwrap().unwrap();
            // Without a `close_notify`, this is an error.
            let end = socket.get_mut().read(&mut [0]).await;
            ending.send((farewell.is_close(), end.unwrap())).unwrap();
        }
    });
    let tls = trust(&ca).client_config(&[b"http/1.1"]);
    let client = WsClient::new(exchange, tls, Duration::from_secs(30));
    let request = WsRequest::new("wss://h.example/".parse().unwrap()).unwrap();
    drop(client.dial(request).await.unwrap());
    assert_eq!(ends.recv().await.unwrap(), (true, 0));
}
