//! Which side looks up names, and what becomes of the addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use testkit::PanickingDialer;
use tokio::time::Instant;
use transport::{DialErrorKind, Dialer, Hop, Phase, Reply, Target};
use transport_tunnel::{Resolver, TcpDialer};

use crate::common::{Client, Names, Route, Scripted, Step, dialogue, failure, opens, through};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 7));
const DUAL_STACK: Names = Names(&[("h.example", &[V6, V4])]);
const SOCKS4_GRANTED: &[u8] = b"\x00\x5a\x00\x00\x00\x00\x00\x00";
const SOCKS5_GRANTED: &[u8] = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";

/// What the proxy at `url` is asked for `h.example:80`.
async fn request(url: &str, resolver: Option<Names>, replies: &[&[u8]]) -> Vec<u8> {
    let proxy = Scripted::new(replies.iter().copied());
    let route = Route::new(url);
    let route = match resolver {
        Some(names) => route.resolver(names),
        None => route,
    };
    let target = Target::parse("h.example", 80).unwrap();
    route.over(proxy.clone()).dial(&target).await.unwrap();
    proxy.written()
}

#[tokio::test]
async fn each_scheme_looks_the_name_up_on_its_own_side() {
    let by_name = b"\x05\x01\x00\x05\x01\x00\x03\x09h.example\x00\x50";
    assert_eq!(
        request("socks5h://p:1", None, &[b"\x05\x00", SOCKS5_GRANTED]).await,
        by_name
    );
    assert!(
        request("socks4a://p:1", None, &[SOCKS4_GRANTED])
            .await
            .ends_with(b"\x00\x00\x00\x01\x00h.example\x00")
    );
    assert!(
        request("http://p:1", None, &[b"HTTP/1.1 200 OK\r\n\r\n"])
            .await
            .starts_with(b"CONNECT h.example:80 ")
    );
    let here = Some(DUAL_STACK);
    assert_eq!(
        request("socks5://p:1", here, &[b"\x05\x00", SOCKS5_GRANTED]).await,
        b"\x05\x01\x00\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x00\x50"
    );
    // A SOCKS4 proxy is asked for the IPv4 address, wherever it stands.
    assert_eq!(
        request("socks4://p:1", here, &[SOCKS4_GRANTED]).await,
        b"\x04\x01\x00\x50\xc0\x00\x02\x07\x00"
    );
}

#[tokio::test]
async fn an_address_is_asked_for_as_an_address_and_never_looked_up() {
    let v4 = b"\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50";
    let v6 = b"\x05\x01\x00\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x00\x50";
    let old = b"\x04\x01\x00\x50\xc0\x00\x02\x07\x00";
    for (url, address, expected) in [
        ("socks5://p:1", "192.0.2.7", &v4[..]),
        ("socks5h://p:1", "192.0.2.7", v4),
        ("socks5://p:1", "[2001:db8::7]", v6),
        ("socks5h://p:1", "[2001:db8::7]", v6),
        ("socks4://p:1", "192.0.2.7", old),
        ("socks4a://p:1", "192.0.2.7", old),
    ] {
        for client in Client::ALL {
            let replies: &[&[u8]] = match url.starts_with("socks5") {
                true => &[b"\x05\x00", SOCKS5_GRANTED],
                false => &[SOCKS4_GRANTED],
            };
            let proxy = Scripted::new(replies.iter().copied());
            let asked = client.ask(through(url, proxy.clone()), address).await;
            assert!(asked.is_err(), "the script ends with the tunnel");
            assert!(proxy.written().starts_with(expected), "{url} {address}");
        }
    }
}

#[tokio::test]
async fn an_address_the_proxy_cannot_reach_is_followed_by_the_next_one() {
    for code in [8, 3, 4, 5] {
        let refused = [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        // 4 + 16 + 2 bytes for IPv6, 4 + 4 + 2 for IPv4.
        let v6: [Step<'_>; 2] = [(3, b"\x05\x00"), (22, &refused)];
        let v4: [Step<'_>; 2] = [(3, b"\x05\x00"), (10, SOCKS5_GRANTED)];
        let proxy = ByTurns::new(through_steps(&v6), through_steps(&v4));
        let dialer = Route::new("socks5://p:1").resolver(DUAL_STACK).over(proxy);
        opens(&dialer, "the second address").await;
    }
}

fn through_steps(steps: &[Step<'_>]) -> Arc<dyn Dialer> {
    Arc::new(dialogue(steps.iter().copied()))
}

/// Dials by one and the other in turn.
struct ByTurns {
    dialers: [Arc<dyn Dialer>; 2],
    dials: std::sync::atomic::AtomicUsize,
}

impl ByTurns {
    fn new(first: Arc<dyn Dialer>, second: Arc<dyn Dialer>) -> Self {
        Self {
            dialers: [first, second],
            dials: Default::default(),
        }
    }
}

#[async_trait]
impl Dialer for ByTurns {
    async fn connect(
        &self,
        target: &Target,
    ) -> Result<transport::Connection, transport::DialError> {
        let dial = self
            .dials
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.dialers[dial % 2].dial(target).await
    }
}

#[tokio::test]
async fn when_no_address_is_reached_the_first_refusal_counts() {
    let proxy = ByTurns::new(
        Arc::new(Scripted::new([b"\x05\x00", b"\x05\x08"])),
        Arc::new(Scripted::new([b"\x05\x00", b"\x05\x05"])),
    );
    let dialer = Route::new("socks5://p:1").resolver(DUAL_STACK).over(proxy);
    let error = failure(&dialer).await;
    assert_eq!(error.reply(), Some(&Reply::Socks5(8)));
}

#[tokio::test]
async fn rejected_credentials_are_not_tried_again_for_the_next_address() {
    let proxy = Scripted::new([b"\x05\x02", b"\x01\x01"]);
    let url = "socks5://alice:secret@p:1";
    let dialer = Route::new(url).resolver(DUAL_STACK).over(proxy.clone());
    let target = Target::parse("h.example", 80).unwrap();
    let error = dialer.dial(&target).await.unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Authentication);
    assert_eq!(proxy.dialed().len(), 1);
}

#[tokio::test]
async fn a_nearer_proxys_refusal_is_not_tried_again_for_the_next_address() {
    let near = Scripted::new(["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]);
    let chain = through("http://near:1", near.clone());
    let dialer = Route::new("socks5://far:2")
        .resolver(DUAL_STACK)
        .over(chain);
    let target = Target::parse("h.example", 80).unwrap();
    let error = dialer.dial(&target).await.unwrap_err();
    let near_hop = Target::parse("near", 1).unwrap().endpoint().clone();
    assert_eq!(error.hop(), &Hop::Proxy(near_hop));
    assert_eq!(near.dialed().len(), 1);
}

#[tokio::test]
async fn a_name_without_ipv4_address_is_refused_by_socks4_before_dialing() {
    let names = Names(&[("h.example", &[V6])]);
    let route = Route::new("socks4://p:1").resolver(names);
    let error = failure(&route.over(PanickingDialer)).await;
    assert_eq!(error.kind(), DialErrorKind::Unsupported);
}

#[tokio::test]
async fn a_name_without_any_address_is_not_resolved() {
    let names = Names(&[("h.example", &[])]);
    let route = Route::new("socks5://p:1").resolver(names);
    let error = failure(&route.over(PanickingDialer)).await;
    assert_eq!(error.phase(), Phase::Dns);
    assert_eq!(error.kind(), DialErrorKind::NameResolution);
}

#[tokio::test]
async fn a_proxys_unknown_name_is_no_refusal_of_the_proxy() {
    let names = TcpDialer::with_resolver(Names(&[]));
    let unknown = failure(&through("socks5h://p.example:1080", names)).await;
    assert!(unknown.hop().is_proxy());
    assert_eq!(unknown.phase(), Phase::Dns);
    assert_eq!(unknown.kind(), DialErrorKind::NameResolution);
    assert_eq!(unknown.reply(), None);

    for (url, replies) in [
        ("socks5h://p:1", &[&b"\x05\x00"[..], b"\x05\x04"][..]),
        ("http://p:1", &[b"HTTP/1.1 502 Bad Gateway\r\n\r\n"]),
        ("http://p:1", &[b"HTTP/1.1 504 Gateway Timeout\r\n\r\n"]),
    ] {
        let refused = failure(&through(url, Scripted::new(replies.iter().copied()))).await;
        assert_eq!(refused.phase(), Phase::ProxyHandshake);
        assert_eq!(refused.kind(), DialErrorKind::Rejected);
        assert!(refused.reply().is_some());
    }
}

#[tokio::test]
async fn an_unknown_target_name_is_the_targets_failure_and_nothing_is_dialed() {
    let route = Route::new("socks5://p:1").resolver(Names(&[]));
    let error = failure(&route.over(PanickingDialer)).await;
    assert!(!error.hop().is_proxy());
    assert_eq!(error.phase(), Phase::Dns);
}

#[tokio::test(start_paused = true)]
async fn a_slow_name_server_holds_up_nobody_else() {
    /// Answers after two seconds.
    struct Slow;

    #[async_trait]
    impl Resolver for Slow {
        async fn resolve(&self, _name: &str) -> std::io::Result<Vec<IpAddr>> {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(vec![V4])
        }
    }

    let steps: [Step<'_>; 1] = [(9, SOCKS4_GRANTED)];
    let route = Route::new("socks4://p:1").resolver(Slow);
    let dialer = route.over(dialogue(steps));
    let start = Instant::now();
    let all = Client::ALL.map(|client| client.ask(Arc::clone(&dialer), "h.example"));
    let [rest, ws] = all;
    let (rest, ws) = tokio::join!(rest, ws);
    assert_eq!(
        (rest.unwrap().text, ws.unwrap().text),
        ("ok".into(), "ok".into())
    );
    assert!(start.elapsed() < Duration::from_secs(4));
}
