//! Handshake and first flight in one write, through proxies that can cope with that.

use std::sync::Arc;

use bytes::Bytes;
use proxy_config::HandshakeMode;
use rustls::ServerConfig;
use testkit::{RecordingDialer, TestCa};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use transport::{Dialer, Io, Phase, Target};
use transport_tls::TlsDialer;

use crate::common::{Client, Ending, Piped, Route, Scripted, answer, trust};

const HELLO: &[u8] = b"ClientHello";
const PAYLOAD: &[u8] = b"ServerHello";

/// A proxy, all that it says before the tunnel to `h.example:443` is open, and all that it must
/// have been sent.
type Exchange = (&'static str, &'static [u8], &'static [u8]);

const EXCHANGES: [Exchange; 5] = [
    (
        "http://alice:secret@p:1",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: p\r\n\r\n",
        b"CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\nProxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n",
    ),
    (
        "socks4a://alice@p:1",
        b"\x00\x5A\x00\x00\x00\x00\x00\x00",
        b"\x04\x01\x01\xbb\x00\x00\x00\x01alice\x00h.example\x00",
    ),
    (
        "socks5h://p:1",
        b"\x05\x00\x05\x00\x00\x03\x05proxy\x1f\x90",
        b"\x05\x01\x00\x05\x01\x00\x03\x09h.example\x01\xbb",
    ),
    (
        "socks5h://alice:secret@p:1",
        b"\x05\x02\x01\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
        b"\x05\x01\x02\x01\x05alice\x06secret\x05\x01\x00\x03\x09h.example\x01\xbb",
    ),
    (
        "socks5h://p:1",
        b"\x05\x00\x05\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x1f\x90",
        b"\x05\x01\x00\x05\x01\x00\x03\x09h.example\x01\xbb",
    ),
];

fn optimistic(url: &str, inner: impl Dialer + 'static) -> Arc<dyn Dialer> {
    Route::new(url)
        .handshake(HandshakeMode::Optimistic)
        .over(inner)
}

fn target() -> Target {
    Target::parse("h.example", 443).unwrap()
}

fn hello() -> Target {
    target().with_first_flight(Bytes::from_static(HELLO))
}

#[tokio::test(start_paused = true)]
async fn one_write_asks_for_everything_wherever_the_replies_are_cut() {
    for (url, reply, request) in EXCHANGES {
        let said = [reply, PAYLOAD].concat();
        for cut in 0..said.len() {
            let (before, behind) = said.split_at(cut);
            let proxy = Scripted::new([before, behind]);
            let dialer = optimistic(url, proxy.clone());
            let mut connection = dialer.dial(&hello()).await.unwrap();
            assert!(connection.info().is_first_flight_sent());
            let mut received = Vec::new();
            connection.read_to_end(&mut received).await.unwrap();
            assert_eq!(received, PAYLOAD, "{url} cut at {cut}");
            assert_eq!(proxy.writes(), [[request, HELLO].concat()], "{url}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_byte_may_arrive_alone() {
    for (url, reply, request) in EXCHANGES {
        let bytes = [reply, PAYLOAD].concat();
        let proxy = Scripted::new(bytes.iter().map(|byte| vec![*byte]));
        let mut connection = optimistic(url, proxy.clone()).dial(&hello()).await.unwrap();
        let mut received = Vec::new();
        connection.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, PAYLOAD, "{url}");
        assert_eq!(proxy.written(), [request, HELLO].concat(), "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_first_flight_the_handshake_alone_leaves_at_once() {
    for (url, reply, request) in EXCHANGES {
        let proxy = Scripted::new([reply]).ending(Ending::Silence);
        let connection = optimistic(url, proxy.clone()).dial(&target()).await;
        assert!(!connection.unwrap().info().is_first_flight_sent());
        assert_eq!(proxy.writes(), [request], "{url}");
    }
}

#[tokio::test]
async fn the_standard_way_sends_no_first_flight_and_says_so() {
    for (url, reply, request) in EXCHANGES.into_iter().take(3) {
        let proxy = Scripted::new([reply]).ending(Ending::Silence);
        let dialer = Route::new(url).over(proxy.clone());
        let connection = dialer.dial(&hello()).await.unwrap();
        assert!(!connection.info().is_first_flight_sent());
        assert_eq!(proxy.written(), request, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_is_asked_for_everything_in_one_write() {
    let exit = "socks5h://alice:secret@exit:2";
    let near = "http://near:1";
    let asked: &[u8] = b"CONNECT exit:2 HTTP/1.1\r\nHost: exit:2\r\n\r\n\
        \x05\x01\x02\x01\x05alice\x06secret\x05\x01\x00\x03\x09h.example\x01\xbbClientHello";
    let said: &[u8] =
        b"HTTP/1.1 200 OK\r\n\r\n\x05\x02\x01\x00\x05\x00\x00\x01\0\0\0\0\0\0ServerHello";
    let proxy = Scripted::new([said]);
    let dialer = Route::new(exit)
        .handshake(HandshakeMode::Optimistic)
        .via(near)
        .over(proxy.clone());
    let mut connection = dialer.dial(&hello()).await.unwrap();
    let info = connection.info();
    assert!(info.is_first_flight_sent());
    let hops: Vec<_> = info.hops().iter().map(ToString::to_string).collect();
    assert_eq!(hops, ["near:1", "exit:2"]);
    let phases: Vec<_> = info
        .timings()
        .iter()
        .map(|timing| (timing.hop.to_string(), timing.phase))
        .collect();
    let handshake =
        ["proxy near:1", "proxy exit:2"].map(|hop| (hop.to_owned(), Phase::ProxyHandshake));
    assert_eq!(phases, handshake);
    let mut received = Vec::new();
    connection.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, PAYLOAD);
    assert_eq!(proxy.writes(), [asked]);
}

/// Reads once, and returns whether that was `request` and the beginning of a TLS handshake (RFC
/// 8446, section 5.1: its records are of type 22). The latter is left in what is returned too.
async fn read_flight(stream: &mut impl Io, request: &[u8]) -> Vec<u8> {
    let mut flight = vec![0; 16 * 1024];
    let len = stream.read(&mut flight).await.unwrap();
    flight.truncate(len);
    assert!(flight.starts_with(request), "{flight:?}");
    let hello = flight.split_off(request.len());
    assert_eq!(hello.first(), Some(&22));
    hello
}

/// Talks TLS with whoever has sent `hello` already.
async fn serve(stream: impl Io + 'static, hello: Vec<u8>, config: Arc<ServerConfig>) {
    let (reader, writer) = tokio::io::split(stream);
    let stream = tokio::io::join(std::io::Cursor::new(hello).chain(reader), writer);
    let stream = TlsAcceptor::from(config).accept(stream).await.unwrap();
    answer(stream).await;
}

#[tokio::test]
async fn rest_and_websocket_say_hello_before_the_proxy_has_answered() {
    let ca = TestCa::new().unwrap();
    let exchange = ca.server_config(&["h.example"]).unwrap();
    for (url, reply, request) in EXCHANGES {
        let exchange = Arc::clone(&exchange);
        let proxy = Piped::new(move |mut stream| {
            let exchange = Arc::clone(&exchange);
            async move {
                let hello = read_flight(&mut stream, request).await;
                stream.write_all(reply).await.unwrap();
                serve(stream, hello, exchange).await;
            }
        });
        let recording = Arc::new(RecordingDialer::new(proxy));
        let dialer = optimistic(url, Arc::clone(&recording));
        for client in Client::ALL {
            let tls = trust(&ca).client_config(&[]);
            let answer = client.ask_securely(Arc::clone(&dialer), "h.example:443", tls);
            let answer = answer.await.unwrap();
            assert_eq!(answer.text, "ok", "{url}: {client:?}");
            assert!(!answer.info.is_first_flight_sent());
        }
        let dialed: Vec<_> = recording
            .targets()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(dialed, ["p:1", "p:1"]);
    }
}

#[tokio::test]
async fn tls_with_a_proxy_keeps_what_is_for_the_proxy_inside() {
    let ca = TestCa::new().unwrap();
    let config = ca.server_config(&["p.example", "h.example"]).unwrap();
    let served = Arc::clone(&config);
    let proxy = Piped::new(move |stream| {
        let config = Arc::clone(&served);
        async move {
            let acceptor = TlsAcceptor::from(Arc::clone(&config));
            let mut outer = acceptor.accept(stream).await.unwrap();
            let request = b"CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n\r\n";
            let hello = read_flight(&mut outer, request).await;
            outer.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            outer.flush().await.unwrap();
            serve(outer, hello, config).await;
        }
    });
    let dialer = Route::new("https://p.example:8443")
        .handshake(HandshakeMode::Optimistic)
        .trust(trust(&ca))
        .over(proxy);
    for client in Client::ALL {
        let tls = trust(&ca).client_config(&[]);
        let answer = client.ask_securely(Arc::clone(&dialer), "h.example", tls);
        assert_eq!(answer.await.unwrap().text, "ok", "{client:?}");
    }
}

#[tokio::test]
async fn a_target_without_tls_is_reached_as_well() {
    for (url, reply, request) in EXCHANGES {
        let proxy = Piped::new(move |mut stream| async move {
            let mut asked = vec![0; request.len()];
            stream.read_exact(&mut asked).await.unwrap();
            assert_eq!(asked, request);
            stream.write_all(reply).await.unwrap();
            answer(stream).await;
        });
        let dialer = optimistic(url, proxy);
        for client in Client::ALL {
            let answer = client.ask(Arc::clone(&dialer), "h.example:443").await;
            assert_eq!(answer.unwrap().text, "ok", "{url}: {client:?}");
        }
    }
}

#[tokio::test]
async fn a_dialer_that_ignores_the_first_flight_is_as_good() {
    let ca = TestCa::new().unwrap();
    let config = ca.server_config(&["h.example"]).unwrap();
    let direct = Piped::new(move |mut stream| {
        let config = Arc::clone(&config);
        async move {
            let hello = read_flight(&mut stream, b"").await;
            serve(stream, hello, config).await;
        }
    });
    let recording = Arc::new(RecordingDialer::new(direct));
    for client in Client::ALL {
        let tls = trust(&ca).client_config(&[]);
        let dialer = Arc::clone(&recording) as Arc<dyn Dialer>;
        let answer = client.ask_securely(dialer, "h.example", tls).await;
        assert_eq!(answer.unwrap().text, "ok", "{client:?}");
    }
    for asked in recording.targets() {
        assert_eq!(asked.first_flight().unwrap().first(), Some(&22));
    }
}

#[tokio::test(start_paused = true)]
async fn tls_does_not_hand_on_what_it_would_encrypt() {
    let recording = Arc::new(RecordingDialer::new(Scripted::new([""])));
    let ca = TestCa::new().unwrap();
    let tls = TlsDialer::new(Arc::clone(&recording), trust(&ca).client_config(&[]));
    tls.dial(&hello()).await.unwrap_err();
    let [asked] = &recording.targets()[..] else {
        panic!("one dial");
    };
    let flight = asked.first_flight().unwrap();
    assert!(!flight.windows(HELLO.len()).any(|bytes| bytes == HELLO));
}
