//! Every phase ends at its share of the time, and the dial at its deadline. Time is paused.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use socket2::{Domain, Socket, Type};
use testkit::TestCa;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};
use transport::{Connection, DialError, DialErrorKind, Dialer, Hop, Phase, Target, chain};
use transport_tls::TlsDialer;
use transport_tunnel::{Resolver, TcpDialer};

use crate::common::{Client, Ending, LONG, Piped, Route, Scripted, tcp, through, trust};

/// What the whole dial may take, and one phase of it.
const WHOLE: Duration = Duration::from_secs(30);
const SHARE: Duration = Duration::from_secs(15);

/// Dials `h.example:443` within [`WHOLE`]; returns how it failed and after how long.
async fn timed(dialer: impl Dialer) -> (DialError, Duration) {
    let target = Target::parse("h.example", 443).unwrap().within(WHOLE);
    timed_to(&target, dialer).await
}

async fn timed_to(target: &Target, dialer: impl Dialer) -> (DialError, Duration) {
    let start = Instant::now();
    let error = dialer.dial(target).await.unwrap_err();
    (error, start.elapsed())
}

fn assert_stalled((error, elapsed): &(DialError, Duration), phase: Phase, at_proxy: bool) {
    assert_eq!(error.phase(), phase);
    assert_eq!(error.kind(), DialErrorKind::Timeout, "{phase}");
    assert_eq!(error.hop().is_proxy(), at_proxy, "{phase}");
    assert_eq!(elapsed, &SHARE, "{phase}");
    assert!(error.is_retryable());
    let line = chain(error).to_string();
    assert!(
        line.ends_with(": timed out: the limit for one phase is 15s"),
        "{line}"
    );
}

/// A name server that answers after this time.
struct Delayed(Duration);

#[async_trait]
impl Resolver for Delayed {
    async fn resolve(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        sleep(self.0).await;
        Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
    }
}

const NEVER: Delayed = Delayed(Duration::from_secs(1_000_000));

/// Accepts, and says nothing.
fn silent() -> Scripted {
    says([""])
}

/// Says this, and then nothing more.
fn says<C: Into<Vec<u8>>>(chunks: impl IntoIterator<Item = C>) -> Scripted {
    Scripted::new(chunks).ending(Ending::Silence)
}

/// Sends one byte per second.
fn drips(bytes: Vec<u8>) -> impl Dialer + 'static {
    Piped::new(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            for byte in bytes {
                sleep(Duration::from_secs(1)).await;
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_silent_name_server_ends_at_the_share_of_the_lookup() {
    let socket = TcpDialer::with_resolver(NEVER);
    assert_stalled(&timed(socket).await, Phase::Dns, false);
    for url in [
        "http://p:1",
        "https://p:1",
        "socks4a://p:1",
        "socks5h://p:1",
    ] {
        let proxied = through(url, TcpDialer::with_resolver(NEVER));
        assert_stalled(&timed(proxied).await, Phase::Dns, true);
    }
    for url in ["socks4://p:1", "socks5://p:1"] {
        let local = Route::new(url).resolver(NEVER).over(silent());
        assert_stalled(&timed(local).await, Phase::Dns, false);
    }
}

/// A listener whose queue is full, so that the kernel answers nobody. The sockets keep it so.
async fn unanswering() -> (SocketAddr, Vec<Socket>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut sockets = vec![listener];
    for _ in 0..4 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&address);
        sockets.push(socket);
    }
    (address.as_socket().unwrap(), sockets)
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn an_address_that_does_not_answer_ends_at_the_share_of_connecting() {
    let (address, _full) = unanswering().await;
    let target = Target::parse("127.0.0.1", address.port()).unwrap();
    let direct = timed_to(&target.within(WHOLE), tcp()).await;
    assert_stalled(&direct, Phase::Tcp, false);
    for scheme in ["http", "https", "socks4a", "socks5h"] {
        let proxied = through(&format!("{scheme}://{address}"), tcp());
        assert_stalled(&timed(proxied).await, Phase::Tcp, true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_in_tls_ends_at_the_share_of_tls() {
    let ca = TestCa::new().unwrap();
    let proxy = through("https://p:1", silent());
    assert_stalled(&timed(proxy).await, Phase::ProxyTls, true);
    let target = TlsDialer::new(silent(), trust(&ca).client_config(&[]));
    assert_stalled(&timed(target).await, Phase::TargetTls, false);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_is_silent_in_its_handshake_ends_at_the_share_of_it() {
    let stalls: [(&str, &[&str]); 9] = [
        ("http://p:1", &[]),
        ("http://p:1", &["HTTP/1.1 200 OK\r\nVia: p\r\n"]),
        ("http://p:1", &["HTTP/1.1 100 Continue\r\n\r\n"]),
        ("socks4a://p:1", &[]),
        ("socks4a://p:1", &["\0\x5A\0\0"]),
        ("socks5h://p:1", &[]),
        ("socks5h://p:1", &["\x05\0"]),
        ("socks5h://p:1", &["\x05\0", "\x05\0\0\x03"]),
        ("socks5h://alice:secret@p:1", &["\x05\x02"]),
    ];
    for (url, said) in stalls {
        let dialer = through(url, says(said.iter().copied()));
        assert_stalled(
            &timed(Arc::clone(&dialer)).await,
            Phase::ProxyHandshake,
            true,
        );
        for client in Client::ALL {
            let start = Instant::now();
            let asked = client.ask(Arc::clone(&dialer), "h.example").await;
            let error = asked.unwrap_err();
            assert_eq!(start.elapsed(), LONG / 2, "{client:?}");
            assert_eq!(error.phase(), Phase::ProxyHandshake);
            assert_eq!(error.kind(), DialErrorKind::Timeout);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_drip_within_one_phase_ends_at_its_share() {
    let head = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 600]].concat();
    let dripped = timed(through("http://p:1", drips(head))).await;
    assert_stalled(&dripped, Phase::ProxyHandshake, true);
    let name = [b"\x05\0\x05\0\0\x03\xff".to_vec(), vec![b'x'; 255]].concat();
    let dripped = timed(through("socks5h://p:1", drips(name))).await;
    assert_stalled(&dripped, Phase::ProxyHandshake, true);
}

#[tokio::test(start_paused = true)]
async fn a_drip_over_several_phases_ends_at_the_deadline() {
    let ca = TestCa::new().unwrap();
    let open = b"\0\x5A\0\0\0\0\0\0";
    // The header of a handshake record of 16 KiB, and the record.
    let hello = [b"\x16\x03\x03\x40\x00".to_vec(), vec![2; 16 * 1024]].concat();
    let proxy = drips([open.as_slice(), &hello].concat());
    // 10 s for the name, 8 s for the tunnel, and the rest for TLS.
    let names = Delayed(Duration::from_secs(10));
    let tunnel = Route::new("socks4://p:1").resolver(names).over(proxy);
    let dialer = TlsDialer::new(tunnel, trust(&ca).client_config(&[]));
    let (error, elapsed) = timed(dialer).await;
    assert_eq!(elapsed, WHOLE);
    assert_eq!(
        chain(&error).to_string(),
        "establish tls with h.example:443 through proxy p:1: timed out: the limit for all phases together is 30s"
    );
}

#[tokio::test(start_paused = true)]
async fn the_tries_of_several_addresses_share_one_budget() {
    /// Five addresses.
    struct Many;

    #[async_trait]
    impl Resolver for Many {
        async fn resolve(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
            Ok((1..=5)
                .map(|last| IpAddr::from([192, 0, 2, last]))
                .collect())
        }
    }

    // Each try is refused after 12 s, so the third one meets the deadline.
    let proxy = Piped::new(|mut stream| async move {
        sleep(Duration::from_secs(12)).await;
        let _ = stream.write_all(b"\0\x5B").await;
    });
    let dialer = Route::new("socks4://p:1").resolver(Many).over(proxy);
    let (error, elapsed) = timed(dialer).await;
    assert_eq!(elapsed, WHOLE);
    assert_eq!(error.kind(), DialErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_lost_to_a_body_that_drips_or_never_comes() {
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 500\r\n\r\n";
    let silent = says([head]);
    let dripping = Piped::new(|mut stream| async move {
        let head = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(900)).await;
        }
    });
    let proxies: [Arc<dyn Dialer>; 2] = [Arc::new(silent), Arc::new(dripping)];
    for proxy in proxies {
        // Also where the phase ends before the wait for the body does.
        for (whole, wait) in [(WHOLE, 1000), (Duration::from_secs(1), 500)] {
            let target = Target::parse("h", 1).unwrap().within(whole);
            let dialer = through("http://p:1", Arc::clone(&proxy));
            let (error, elapsed) = timed_to(&target, dialer).await;
            assert_eq!(error.kind(), DialErrorKind::Rejected);
            assert_eq!(error.reply().unwrap().status(), Some(403));
            assert_eq!(elapsed.as_millis(), wait);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_gives_its_own_time_to_a_target_that_has_none() {
    let target = Target::parse("h.example", 443).unwrap();
    let dialer = Route::new("socks5h://p:1").seconds(8).over(silent());
    let (error, elapsed) = timed_to(&target, dialer).await;
    assert_eq!(elapsed, Duration::from_secs(4));
    assert_eq!(error.phase(), Phase::ProxyHandshake);
}

#[tokio::test(start_paused = true)]
async fn a_custom_dialer_that_hangs_is_stopped_at_the_deadline_and_named() {
    /// Knows no limits.
    struct Hanging;

    #[async_trait]
    impl Dialer for Hanging {
        async fn connect(&self, _target: &Target) -> Result<Connection, DialError> {
            std::future::pending().await
        }
    }

    let proxy = Target::parse("p", 1).unwrap().endpoint().clone();
    for url in [
        "http://p:1",
        "https://p:1",
        "socks4a://p:1",
        "socks5h://p:1",
    ] {
        let (error, elapsed) = timed(through(url, Hanging)).await;
        assert_eq!(elapsed, WHOLE);
        assert_eq!(error.kind(), DialErrorKind::Timeout);
        assert_eq!(error.phase(), Phase::Tcp);
        assert_eq!(error.hop(), &Hop::Proxy(proxy.clone()));
    }
}
