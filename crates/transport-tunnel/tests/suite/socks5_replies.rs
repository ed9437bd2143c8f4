//! What SOCKS5 proxies answer, and what both clients make of it.

use std::sync::Arc;

use proxy_config::{Credentials, ProxyUrl};
use testkit::PanickingDialer;
use transport::{DialError, DialErrorKind, Dialer, Phase, Reply, Target};
use transport_tunnel::Socks5Tunnel;

use crate::common::{Ending, NoDns, Scripted, Step, dialogue, failure, long_name, opens, through};

const PROXY: &str = "socks5h://p.example:1080";
const WITH_CREDENTIALS: &str = "socks5h://alice:secret@p.example:1080";
/// The lengths of what the client sends: with `h.example` as the target.
const GREETING: usize = 3;
const GREETING_WITH_CREDENTIALS: usize = 4;
const LOGIN: usize = 14;
const REQUEST: usize = 16;
const GRANTED: &[u8] = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";

/// A tunnel through a proxy that says all this, and then stays silent.
fn says(url: &str, replies: &[&[u8]]) -> Arc<dyn Dialer> {
    let proxy = Scripted::new(replies.iter().copied()).ending(Ending::Silence);
    through(url, proxy)
}

async fn failure_after(url: &str, replies: &[&[u8]]) -> DialError {
    failure(&says(url, replies)).await
}

#[tokio::test]
async fn no_acceptable_method_is_an_authentication_failure_that_names_those_offered() {
    for (url, offered) in [(PROXY, vec![0]), (WITH_CREDENTIALS, vec![0, 2])] {
        let error = failure_after(url, &[b"\x05\xff"]).await;
        assert_eq!(error.kind(), DialErrorKind::Authentication);
        assert_eq!(error.reply(), Some(&Reply::Socks5NoMethod { offered }));
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_method_that_was_not_offered_is_a_protocol_error() {
    for (url, methods) in [
        (PROXY, &[1, 2, 3, 0x80][..]),
        (WITH_CREDENTIALS, &[1, 3, 0x80]),
    ] {
        for method in methods {
            let error = failure_after(url, &[&[5, *method]]).await;
            assert_eq!(error.kind(), DialErrorKind::Protocol, "{method}");
            assert!(!error.is_retryable());
        }
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_want_the_credentials_opens_the_tunnel_without_seeing_them() {
    let steps: [Step<'_>; 2] = [(GREETING_WITH_CREDENTIALS, b"\x05\x00"), (REQUEST, GRANTED)];
    opens(&through(WITH_CREDENTIALS, dialogue(steps)), "no login").await;

    let proxy = Scripted::new([&b"\x05\x00"[..], GRANTED]);
    let target = Target::parse("h.example", 80).unwrap();
    let dialer = through(WITH_CREDENTIALS, proxy.clone());
    dialer.dial(&target).await.unwrap();
    let written = proxy.written();
    assert!(!written.windows(6).any(|bytes| bytes == b"secret"));
}

#[tokio::test]
async fn a_failed_login_is_an_authentication_failure_with_its_status() {
    for (reply, status) in [
        (b"\x01\x01", 1),
        (b"\x01\xff", 0xFF),
        (b"\x05\x02", 2),
        (b"\x00\x07", 7),
    ] {
        let error = failure_after(WITH_CREDENTIALS, &[b"\x05\x02", reply]).await;
        assert_eq!(error.kind(), DialErrorKind::Authentication);
        assert_eq!(error.reply(), Some(&Reply::Socks5Auth(status)));
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_login_succeeds_whatever_version_its_reply_claims() {
    for version in [0, 1, 5] {
        let status = [version, 0];
        let steps: [Step<'_>; 3] = [
            (GREETING_WITH_CREDENTIALS, b"\x05\x02"),
            (LOGIN, &status),
            (REQUEST, GRANTED),
        ];
        opens(&through(WITH_CREDENTIALS, dialogue(steps)), "login").await;
    }
}

#[tokio::test]
async fn every_reply_code_is_reported_as_it_is() {
    for code in 1..=255 {
        let reply = [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        let error = failure_after(PROXY, &[b"\x05\x00", &reply]).await;
        assert_eq!(error.kind(), DialErrorKind::Rejected);
        assert_eq!(error.reply(), Some(&Reply::Socks5(code)));
        assert_eq!(error.phase(), Phase::ProxyHandshake);
        assert!(error.hop().is_proxy());
        // What a rule forbids, and what the proxy cannot do or say, is not different next time.
        let passing = matches!(code, 1 | 3 | 4 | 5 | 6);
        assert_eq!(error.is_retryable(), passing, "{code}");
    }
}

#[tokio::test]
async fn an_error_reply_of_two_or_three_bytes_is_enough() {
    for reply in [&b"\x05\x04"[..], b"\x05\x04\x00"] {
        for ending in [Ending::Close, Ending::Reset, Ending::Silence] {
            let proxy = Scripted::new([b"\x05\x00", reply]).ending(ending);
            let error = failure(&through(PROXY, proxy)).await;
            assert_eq!(error.reply(), Some(&Reply::Socks5(4)), "{ending:?}");
        }
    }
}

#[tokio::test]
async fn every_bound_address_is_consumed_exactly_whatever_is_reserved() {
    let name = [&[3, 255][..], &[b'n'; 255]].concat();
    let bound: [&[u8]; 5] = [
        &[1, 127, 0, 0, 1],
        &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[3, 5, b'p', b'r', b'o', b'x', b'y'],
        &[3, 0],
        &name,
    ];
    for address in bound {
        for reserved in [0, 1, 0xFF] {
            let granted = [&[5, 0, reserved], address, &[0x1F, 0x90]].concat();
            let steps: [Step<'_>; 2] = [(GREETING, b"\x05\x00"), (REQUEST, &granted)];
            opens(&through(PROXY, dialogue(steps)), "bound address").await;
        }
    }
}

#[tokio::test]
async fn replies_byte_by_byte_or_all_at_once_open_the_tunnel() {
    let all = [b"\x05\x02\x01\x00", GRANTED].concat();
    let length = GREETING_WITH_CREDENTIALS + LOGIN + REQUEST;
    // The client sends each part only after the answer to the one before it.
    let bytes = [
        (GREETING_WITH_CREDENTIALS, &all[..1]),
        (0, &all[1..2]),
        (LOGIN, &all[2..3]),
        (0, &all[3..4]),
        (REQUEST, &all[4..5]),
    ];
    let rest = (5..all.len()).map(|at| (0, &all[at..=at]));
    let dripping = dialogue(bytes.into_iter().chain(rest));
    opens(&through(WITH_CREDENTIALS, dripping), "byte by byte").await;
    let at_once = dialogue([(0, all.as_slice()), (length, b"")]);
    opens(&through(WITH_CREDENTIALS, at_once), "all at once").await;
}

#[tokio::test]
async fn a_name_of_255_bytes_is_sent_and_one_of_256_is_refused_before_dialing() {
    let proxy = Scripted::new([&b"\x05\x00"[..], GRANTED]);
    let longest = Target::parse(&long_name(255), 80).unwrap();
    let dialer = through(PROXY, proxy.clone());
    dialer.dial(&longest).await.unwrap();
    assert!(proxy.written().ends_with(b".x\x00\x50"));

    let too_long = Target::parse(&long_name(256), 80).unwrap();
    let dialer = through(PROXY, PanickingDialer);
    let error = dialer.dial(&too_long).await.unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Unsupported);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn user_password_and_name_of_255_bytes_each_open_the_tunnel() {
    let long = "u".repeat(255);
    let credentials = Credentials::new(long.as_str(), Some(long.as_str()));
    let url = ProxyUrl::parse("socks5h://p:1080").unwrap();
    let url = url.with_credentials(credentials).unwrap();
    let proxy = Scripted::new([&b"\x05\x02"[..], b"\x01\x00", GRANTED]);
    let name = long_name(255);
    let target = Target::parse(&name, 80).unwrap();
    let tunnel = Socks5Tunnel::new(&url, NoDns, proxy.clone());
    tunnel.dial(&target).await.unwrap();
    let login = [&[1, 255], long.as_bytes(), &[255], long.as_bytes()].concat();
    let request = [&[5, 1, 0, 3, 255], name.as_bytes(), &[0, 80]].concat();
    let expected = [&[5, 2, 0, 2], login.as_slice(), &request].concat();
    assert_eq!(proxy.written(), expected);
}

#[tokio::test]
async fn credentials_are_decoded_once_and_sent_as_bytes() {
    for (url, login) in [
        (
            "socks5h://al%3Aice:%40%2525@p:1",
            &b"\x01\x06al:ice\x04@%25"[..],
        ),
        ("socks5h://%FF:%00%0D@p:1", b"\x01\x01\xff\x02\x00\r"),
        ("socks5h://alice@p:1", b"\x01\x05alice\x00"),
    ] {
        let proxy = Scripted::new([&b"\x05\x02"[..], b"\x01\x00", GRANTED]);
        let target = Target::parse("h", 80).unwrap();
        through(url, proxy.clone()).dial(&target).await.unwrap();
        let expected = [&[5, 2, 0, 2], login, b"\x05\x01\x00\x03\x01h\x00\x50"];
        assert_eq!(proxy.written(), expected.concat(), "{url}");
    }
}
