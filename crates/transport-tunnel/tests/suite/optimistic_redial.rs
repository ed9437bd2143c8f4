//! Proxies that cannot cope with everything at once, and those that refuse. Time is paused.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use proxy_config::HandshakeMode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use transport::{Connection, DialError, DialErrorKind, Dialer, Hop, Phase, Reply, Target};

use crate::common::{Ending, InTurn, Piped, Route, Scripted};

const HELLO: &[u8] = b"ClientHello";
const PROXY: &str = "socks5h://p:1";
const WITH_LOGIN: &str = "socks5h://alice:secret@p:1";
const HTTP: &str = "http://p:1";
const GRANTED: &[u8] = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";
const OPEN: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

/// In the standard way, that is.
const FLIGHTS: [&[u8]; 2] = [b"\x05\x01\x00", b"\x05\x01\x00\x03\x09h.example\x01\xbb"];
const ALL_AT_ONCE: &[u8] = b"\x05\x01\x00\x05\x01\x00\x03\x09h.example\x01\xbbClientHello";

fn route(url: &str, mode: HandshakeMode, inner: impl Dialer + 'static) -> Arc<dyn Dialer> {
    Route::new(url).handshake(mode).over(inner)
}

fn optimistic(url: &str, inner: impl Dialer + 'static) -> Arc<dyn Dialer> {
    route(url, HandshakeMode::Optimistic, inner)
}

fn plain() -> Target {
    Target::parse("h.example", 443).unwrap()
}

fn hello() -> Target {
    plain().with_first_flight(Bytes::from_static(HELLO))
}

/// Says this, and then nothing more.
fn says(replies: &[&[u8]]) -> Scripted {
    Scripted::new(replies.iter().copied()).ending(Ending::Silence)
}

/// Opens a tunnel in the standard way.
fn opens() -> Scripted {
    says(&[b"\x05\x00", GRANTED])
}

/// Takes everything at once; the target answers.
fn copes() -> Scripted {
    says(&[b"\x05\x00", GRANTED, b"ServerHello"])
}

async fn timed(dialer: &Arc<dyn Dialer>) -> (Connection, Duration) {
    let start = Instant::now();
    let connection = dialer.dial(&hello()).await.unwrap();
    (connection, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_hangs_is_asked_again_in_the_standard_way_and_then_always() {
    let hangs = says(&[b"\x05\x00"]);
    let (again, next) = (opens(), opens());
    let dialer = optimistic(PROXY, InTurn::new([&hangs, &again, &next]));
    let (connection, elapsed) = timed(&dialer).await;
    assert_eq!(elapsed, Duration::from_secs(1));
    assert!(!connection.info().is_first_flight_sent());
    let timing = connection.info().timings().last().unwrap();
    assert_eq!(
        (timing.phase, timing.elapsed),
        (Phase::ProxyHandshake, elapsed)
    );
    assert_eq!(hangs.writes(), [ALL_AT_ONCE]);
    assert_eq!(again.writes(), FLIGHTS);
    let (_connection, elapsed) = timed(&dialer).await;
    assert_eq!(elapsed, Duration::ZERO);
    assert_eq!(next.writes(), FLIGHTS);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_loses_the_first_flight_is_asked_again() {
    for (url, lost, again) in [
        (HTTP, says(&[OPEN]), says(&[OPEN])),
        (PROXY, says(&[b"\x05\x00", GRANTED]), opens()),
        (
            "socks4a://p:1",
            says(&[b"\0\x5A\0\0\0\0\0\0"]),
            says(&[b"\0\x5A\0\0\0\0\0\0"]),
        ),
    ] {
        let dialer = optimistic(url, InTurn::new([&lost, &again]));
        let (connection, elapsed) = timed(&dialer).await;
        assert_eq!(elapsed, Duration::from_secs(1), "{url}");
        assert!(!connection.info().is_first_flight_sent());
        assert!(lost.written().ends_with(HELLO));
        assert!(!again.written().ends_with(HELLO));
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_or_nonsense_instead_of_an_answer_is_met_at_once() {
    let answers: [(&[&[u8]], Ending); 7] = [
        (&[], Ending::Close),
        (&[], Ending::Reset),
        (&[], Ending::Failure),
        (&[b"\x05\x00"], Ending::Reset),
        (&[b"\x05\x00", b"\x00\x00\x00\x00"], Ending::Silence),
        (&[b"\x05\x02"], Ending::Silence),
        (&[b"\x05\x00", GRANTED], Ending::Close),
    ];
    for (said, ending) in answers {
        let first = Scripted::new(said.iter().copied()).ending(ending);
        let again = opens();
        let dialer = optimistic(PROXY, InTurn::new([&first, &again]));
        let (_connection, elapsed) = timed(&dialer).await;
        assert_eq!(elapsed, Duration::ZERO, "{said:?} {ending:?}");
        assert_eq!(again.writes(), FLIGHTS);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_request_may_be_what_the_first_flight_was_taken_for() {
    let confused = says(&[b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"]);
    let again = says(&[OPEN]);
    let dialer = optimistic(HTTP, InTurn::new([&confused, &again]));
    dialer.dial(&hello()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_to_the_hello_is_not_the_exchange() {
    let confused = says(&[
        OPEN,
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    ]);
    let again = says(&[OPEN]);
    let peers = InTurn::new([&confused, &again]);
    let dialer = optimistic(HTTP, peers.clone());
    let target = plain().with_first_flight(Bytes::from_static(b"\x16\x03\x01ClientHello"));
    dialer.dial(&target).await.unwrap();
    assert_eq!(peers.left(), 0);
    assert!(!again.written().ends_with(b"ClientHello"));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_the_proxy_does_not_want_is_offered_beside_none() {
    let unwanted = says(&[b"\x05\xff"]);
    let again = opens();
    let dialer = optimistic(WITH_LOGIN, InTurn::new([&unwanted, &again]));
    dialer.dial(&hello()).await.unwrap();
    assert_eq!(again.writes(), [b"\x05\x02\x00\x02", FLIGHTS[1]]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_names_hop_phase_and_reply() {
    let refusals: [(&str, &[&[u8]], DialErrorKind, &str); 8] = [
        (
            HTTP,
            &[b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"],
            DialErrorKind::Authentication,
            "status 407 Proxy Authentication Required",
        ),
        (
            HTTP,
            &[
                b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n",
                b"nobody",
            ],
            DialErrorKind::Rejected,
            "status 403 Forbidden, body \"nobody\"",
        ),
        (
            HTTP,
            &[b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 99\r\n\r\nnobo"],
            DialErrorKind::Rejected,
            "status 502 Bad Gateway, body \"nobo\"",
        ),
        (
            "socks4a://p:1",
            &[b"\x00\x5B\0\0\0\0\0\0"],
            DialErrorKind::Rejected,
            "socks4 reply 0x5b: request rejected or failed",
        ),
        (
            PROXY,
            &[b"\x05\x00", b"\x05\x01"],
            DialErrorKind::Rejected,
            "socks5 reply 0x01: general server failure",
        ),
        (
            PROXY,
            &[b"\x05\x00\x05\x04\x00\x01\0\0\0\0\0\0"],
            DialErrorKind::Rejected,
            "socks5 reply 0x04: host unreachable",
        ),
        (PROXY, &[b"\x05\xff"], DialErrorKind::Authentication, ""),
        (
            WITH_LOGIN,
            &[b"\x05\x02", b"\x01\x01"],
            DialErrorKind::Authentication,
            "",
        ),
    ];
    for (url, said, kind, shown) in refusals {
        let refuses = says(said);
        let peers = InTurn::new([&refuses, &opens()]);
        let error = optimistic(url, peers.clone())
            .dial(&hello())
            .await
            .unwrap_err();
        assert_eq!(peers.left(), 1, "{url}: {said:?}");
        assert_eq!(error.kind(), kind, "{url}: {said:?}");
        assert_eq!(error.phase(), Phase::ProxyHandshake);
        assert!(matches!(error.hop(), Hop::Proxy(proxy) if proxy.to_string() == "p:1"));
        let reply = error.reply().map(Reply::to_string).unwrap();
        assert!(reply.starts_with(shown), "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn auto_begins_in_the_standard_way_and_keeps_to_what_works() {
    let first = opens();
    let (second, third) = (copes(), copes());
    let dialer = route(
        PROXY,
        HandshakeMode::Auto,
        InTurn::new([&first, &second, &third]),
    );
    for _dial in 0..3 {
        dialer.dial(&hello()).await.unwrap();
    }
    assert_eq!(first.writes(), FLIGHTS);
    assert_eq!(second.writes(), [ALL_AT_ONCE]);
    assert_eq!(third.writes(), [ALL_AT_ONCE]);
}

#[tokio::test(start_paused = true)]
async fn auto_never_tries_again_what_has_failed() {
    let (first, again, third, fourth) = (opens(), opens(), opens(), opens());
    let hangs = says(&[]);
    let peers = InTurn::new([&first, &hangs, &again, &third, &fourth]);
    let dialer = route(PROXY, HandshakeMode::Auto, peers);
    for expected in [0, 1, 0, 0] {
        let (_connection, elapsed) = timed(&dialer).await;
        assert_eq!(elapsed, Duration::from_secs(expected));
    }
    for standard in [first, again, third, fourth] {
        assert_eq!(standard.writes(), FLIGHTS);
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_has_coped_may_fail_once() {
    let (works, fails, again, works_again) = (copes(), says(&[]), opens(), copes());
    let peers = InTurn::new([&works, &fails, &again, &works_again]);
    let dialer = optimistic(PROXY, peers);
    for _dial in 0..3 {
        dialer.dial(&hello()).await.unwrap();
    }
    assert_eq!(works_again.writes(), [ALL_AT_ONCE]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_learned_from_a_proxy_that_never_answers() {
    let silent = [(); 4].map(|()| says(&[]));
    let [first, again, second, last] = &silent;
    let dialer = optimistic(PROXY, InTurn::new([first, again, second, last]));
    for _dial in 0..2 {
        let start = Instant::now();
        let target = hello().within(Duration::from_secs(10));
        let error = dialer.dial(&target).await.unwrap_err();
        // One second, and then the share of the phase.
        assert_eq!(start.elapsed(), Duration::from_secs(6));
        assert_eq!(error.kind(), DialErrorKind::Timeout);
        assert_eq!(error.phase(), Phase::ProxyHandshake);
        assert!(error.hop().is_proxy());
    }
    assert_eq!(second.writes(), [ALL_AT_ONCE]);
}

#[tokio::test(start_paused = true)]
async fn both_tries_share_the_time_of_one() {
    let (hangs, again) = (says(&[]), says(&[]));
    let dialer = optimistic(PROXY, InTurn::new([&hangs, &again]));
    let start = Instant::now();
    let target = hello().within(Duration::from_millis(1200));
    let error = dialer.dial(&target).await.unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Timeout);
    assert_eq!(start.elapsed(), Duration::from_millis(1200));
    assert_eq!(again.writes(), [FLIGHTS[0]]);
}

/// A dialer to a place that is far away.
struct Far {
    distance: Duration,
    inner: InTurn,
}

#[async_trait]
impl Dialer for Far {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        sleep(self.distance).await;
        let mut connection = self.inner.dial(target).await?;
        let hop = Hop::Target(target.endpoint().clone());
        let info = connection.info_mut();
        info.record(hop, Phase::Tcp, self.distance);
        Ok(connection)
    }
}

#[tokio::test(start_paused = true)]
async fn patience_grows_with_the_distance() {
    let (hangs, again) = (says(&[]), opens());
    let distance = Duration::from_millis(600);
    let inner = InTurn::new([&hangs, &again]);
    let dialer = optimistic(PROXY, Far { distance, inner });
    let (_connection, elapsed) = timed(&dialer).await;
    assert_eq!(elapsed, distance * (1 + 4 + 1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_proxy_that_was_sent_nothing_early_is_waited_for() {
    let peer = Piped::new(|mut stream| async move {
        sleep(Duration::from_secs(9)).await;
        let _ = stream.write_all(OPEN).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let dialer = optimistic(HTTP, peer);
    let start = Instant::now();
    dialer.dial(&plain()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_cannot_cope_is_found_behind_a_proxy_that_can() {
    let near = says(&[OPEN, b"\x05\x00"]);
    let again = says(&[OPEN, b"\x05\x00", GRANTED]);
    let dialer = Route::new("socks5h://exit:2")
        .handshake(HandshakeMode::Optimistic)
        .via(HTTP)
        .over(InTurn::new([&near, &again]));
    let (_connection, elapsed) = timed(&dialer).await;
    assert_eq!(elapsed, Duration::from_secs(1));
    let connect = b"CONNECT exit:2 HTTP/1.1\r\nHost: exit:2\r\n\r\n";
    assert_eq!(near.writes(), [[&connect[..], ALL_AT_ONCE].concat()]);
    // The greeting is what the standard way has next: it may come along.
    let [first, second] = FLIGHTS;
    assert_eq!(
        again.writes(),
        [[&connect[..], first].concat(), second.to_vec()]
    );
}
