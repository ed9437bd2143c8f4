//! What SOCKS4 and SOCKS4a proxies answer, and what both clients make of it.

use std::sync::Arc;

use testkit::PanickingDialer;
use transport::{DialErrorKind, Dialer, Phase, Reply, Target};

use crate::common::{Ending, Scripted, dialogue, failure, long_name, opens, through};

const PROXY: &str = "socks4a://alice@p.example:1080";
/// The length of what the client sends, with `h.example` as the target.
const REQUEST: usize = 24;

fn says(reply: &[u8], ending: Ending) -> Arc<dyn Dialer> {
    through(PROXY, Scripted::new([reply]).ending(ending))
}

#[tokio::test]
async fn every_reply_code_is_reported_as_it_is() {
    for code in (0..=255).filter(|code| *code != 0x5A) {
        let reply = [0, code, 0, 0, 0, 0, 0, 0];
        let error = failure(&says(&reply, Ending::Silence)).await;
        let kind = match code {
            0x5C | 0x5D => DialErrorKind::Authentication,
            _ => DialErrorKind::Rejected,
        };
        assert_eq!(error.kind(), kind, "{code:#x}");
        assert_eq!(error.reply(), Some(&Reply::Socks4(code)));
        assert_eq!(error.phase(), Phase::ProxyHandshake);
        assert_eq!(error.is_retryable(), code == 0x5B);
    }
}

#[tokio::test]
async fn an_error_reply_of_two_bytes_is_enough() {
    for ending in [Ending::Close, Ending::Reset, Ending::Silence] {
        let error = failure(&says(b"\x00\x5b", ending)).await;
        assert_eq!(error.reply(), Some(&Reply::Socks4(0x5B)), "{ending:?}");
    }
}

#[tokio::test]
async fn a_grant_of_any_address_opens_the_tunnel_and_is_consumed_whole() {
    for reply in [
        b"\x00\x5a\x00\x00\x00\x00\x00\x00",
        b"\x00\x5aHTTP/1",
        b"\x00\x5a\xff\xff\xff\xff\xff\xff",
    ] {
        for cut in 0..reply.len() {
            let (first, second) = reply.split_at(cut);
            let proxy = dialogue([(REQUEST, first), (0, second)]);
            opens(&through(PROXY, proxy), &format!("cut at {cut}")).await;
        }
    }
}

#[tokio::test]
async fn a_reply_of_another_version_is_a_protocol_error() {
    let error = failure(&says(b"\x04\x5a\x00\x00\x00\x00\x00\x00", Ending::Silence)).await;
    assert_eq!(error.kind(), DialErrorKind::Protocol);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_name_goes_behind_the_marker_address_with_one_nul_behind_each_field() {
    let proxy = Scripted::new([b"\x00\x5a\x00\x00\x00\x00\x00\x00"]);
    let target = Target::parse("h.example", 80).unwrap();
    through(PROXY, proxy.clone()).dial(&target).await.unwrap();
    let expected = b"\x04\x01\x00\x50\x00\x00\x00\x01alice\x00h.example\x00";
    assert_eq!(proxy.written(), expected);
    assert_eq!(expected.len(), REQUEST);
}

#[tokio::test]
async fn an_ipv6_target_is_refused_before_dialing() {
    for scheme in ["socks4", "socks4a"] {
        let dialer = through(&format!("{scheme}://p:1080"), PanickingDialer);
        let target = Target::parse("::1", 443).unwrap();
        let error = dialer.dial(&target).await.unwrap_err();
        assert_eq!(error.kind(), DialErrorKind::Unsupported, "{scheme}");
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_name_of_256_bytes_is_refused_before_dialing() {
    let target = Target::parse(&long_name(256), 80).unwrap();
    let error = through(PROXY, PanickingDialer)
        .dial(&target)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Unsupported);
}
