//! The line that an operator reads, forced once for each phase and hop.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use rustls::ServerConfig;
use testkit::{PanickingDialer, TestCa};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use transport::DialErrorKind::{
    Authentication, Certificate, Closed, Io, NameResolution, Protocol, Refused, Rejected, Timeout,
    Tls, Unsupported, WrongProtocol,
};
use transport::{DialError, DialErrorKind, Dialer, Hop, Phase, Target, WsDialer, WsRequest, chain};
use transport_tls::TlsDialer;
use transport_tunnel::TcpDialer;
use transport_ws::WsClient;

use crate::common::{Ending, Names, Piped, Route, Scripted, tcp, through, trust};

/// Where a dial is expected to fail.
#[derive(Debug, PartialEq)]
enum At {
    Proxy(Phase),
    Target(Phase),
}

/// Checks by what programs decide, and returns the line for people.
fn line(error: &DialError, at: At, kind: DialErrorKind) -> String {
    let line = chain(error).to_string();
    let found = match error.hop() {
        Hop::Proxy(_) => At::Proxy(error.phase()),
        Hop::Target(_) => At::Target(error.phase()),
    };
    assert_eq!((found, error.kind()), (at, kind), "{line}");
    assert!(error.source().is_some(), "{line}");
    let passes = matches!(kind, Timeout | NameResolution | Refused | Closed | Io);
    // Whether what was declined may be granted later depends on the reply, and is tested there.
    assert!(kind == Rejected || error.is_retryable() == passes, "{line}");
    line
}

/// How a dial to `api.exchange.example:443` fails.
async fn failure(dialer: impl Dialer) -> DialError {
    failure_to("api.exchange.example", 443, dialer).await
}

async fn failure_to(host: &str, port: u16, dialer: impl Dialer) -> DialError {
    let target = Target::parse(host, port).unwrap();
    let target = target.within(Duration::from_secs(30));
    dialer.dial(&target).await.unwrap_err()
}

/// The line for what a proxy answers.
async fn answered(url: &str, kind: DialErrorKind, replies: &[&[u8]]) -> String {
    let dialer = through(url, Scripted::new(replies.iter().copied()));
    let error = failure(dialer).await;
    line(&error, At::Proxy(Phase::ProxyHandshake), kind)
}

#[tokio::test]
async fn a_failed_lookup_says_whose_name_it_was() {
    let nobody = || TcpDialer::with_resolver(Names(&[]));
    let proxy = failure(through("socks5h://exit.example:1080", nobody())).await;
    assert_snapshot!(
        line(&proxy, At::Proxy(Phase::Dns), NameResolution),
        @"resolve proxy exit.example:1080: the name could not be resolved: no such name"
    );
    let direct = failure(nobody()).await;
    assert_snapshot!(
        line(&direct, At::Target(Phase::Dns), NameResolution),
        @"resolve api.exchange.example:443: the name could not be resolved: no such name"
    );
    let here = Route::new("socks5://exit.example:1080").resolver(Names(&[]));
    let here = failure(here.over(PanickingDialer)).await;
    assert_snapshot!(
        line(&here, At::Target(Phase::Dns), NameResolution),
        @"resolve api.exchange.example:443: the name could not be resolved: no such name"
    );
    let empty = TcpDialer::with_resolver(Names(&[("api.exchange.example", &[])]));
    assert_snapshot!(
        line(&failure(empty).await, At::Target(Phase::Dns), NameResolution),
        @"resolve api.exchange.example:443: the name could not be resolved: the name has no address"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_refused_connection_says_whose_port_it_was() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let proxy = failure(through(&format!("http://127.0.0.1:{port}"), tcp())).await;
    assert_snapshot!(
        line(&proxy, At::Proxy(Phase::Tcp), Refused).replace(&port.to_string(), "<port>"),
        @"connect to proxy 127.0.0.1:<port>: connection refused: 127.0.0.1:<port>: Connection refused (os error 111)"
    );
    let direct = failure_to("127.0.0.1", port, tcp()).await;
    assert_snapshot!(
        line(&direct, At::Target(Phase::Tcp), Refused).replace(&port.to_string(), "<port>"),
        @"connect to 127.0.0.1:<port>: connection refused: 127.0.0.1:<port>: Connection refused (os error 111)"
    );
}

/// The lines for a failed TLS handshake: with a proxy, and with the exchange.
async fn tls_lines(
    ca: &TestCa,
    peer: impl Dialer + Clone + 'static,
    kind: DialErrorKind,
) -> String {
    let proxy = Route::new("https://exit.example:8443").trust(trust(ca));
    let proxy = failure(proxy.over(peer.clone())).await;
    let target = failure(TlsDialer::new(peer, trust(ca).client_config(&[]))).await;
    [
        line(&proxy, At::Proxy(Phase::ProxyTls), kind),
        line(&target, At::Target(Phase::TargetTls), kind),
    ]
    .join("\n")
}

#[tokio::test]
async fn failed_tls_says_with_whom_and_whether_it_is_the_certificate() {
    let ca = TestCa::new().unwrap();
    let presents = |config: Arc<ServerConfig>| {
        Piped::new(move |stream| {
            let acceptor = TlsAcceptor::from(Arc::clone(&config));
            async move {
                let _ = acceptor.accept(stream).await;
            }
        })
    };
    let untrusted = presents(ca.untrusted_config().unwrap());
    assert_snapshot!(tls_lines(&ca, untrusted, Certificate).await, @r#"
        establish tls with proxy exit.example:8443: certificate not accepted: invalid peer certificate: UnknownIssuer
        establish tls with api.exchange.example:443: certificate not accepted: invalid peer certificate: UnknownIssuer
        "#);
    let other = presents(ca.wrong_name_config().unwrap());
    assert_snapshot!(tls_lines(&ca, other, Certificate).await, @r#"
        establish tls with proxy exit.example:8443: certificate not accepted: invalid peer certificate: certificate not valid for name "exit.example"; certificate is only valid for DnsName("wrong-name.test")
        establish tls with api.exchange.example:443: certificate not accepted: invalid peer certificate: certificate not valid for name "api.exchange.example"; certificate is only valid for DnsName("wrong-name.test")
        "#);
    let plain = Scripted::new([b"HTTP/1.1 400 Bad Request\r\n\r\n"]);
    assert_snapshot!(tls_lines(&ca, plain, WrongProtocol).await, @r#"
        establish tls with proxy exit.example:8443: it speaks another protocol: received corrupt message of type InvalidContentType
        establish tls with api.exchange.example:443: it speaks another protocol: received corrupt message of type InvalidContentType
        "#);
    let closed = Scripted::new([b""]);
    assert_snapshot!(tls_lines(&ca, closed, Closed).await, @r#"
        establish tls with proxy exit.example:8443: connection closed: tls handshake eof
        establish tls with api.exchange.example:443: connection closed: tls handshake eof
        "#);
    let alert = Scripted::new([b"\x15\x03\x03\x00\x02\x02\x28"]);
    assert_snapshot!(tls_lines(&ca, alert, Tls).await, @r#"
        establish tls with proxy exit.example:8443: tls failed: received fatal alert: HandshakeFailure
        establish tls with api.exchange.example:443: tls failed: received fatal alert: HandshakeFailure
        "#);
}

#[tokio::test]
async fn a_certificate_that_is_asked_for_after_the_handshake_is_a_failed_authentication() {
    let ca = TestCa::new().unwrap();
    let config = ca.mutual_config(&["exit.example", "h.example"]).unwrap();
    let strict = Piped::new(move |stream| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            let _ = acceptor.accept(stream).await;
        }
    });
    let proxy = Route::new("https://exit.example:8443").trust(trust(&ca));
    let proxy = failure(proxy.over(strict.clone())).await;
    assert_snapshot!(
        line(&proxy, At::Proxy(Phase::ProxyTls), Authentication),
        @"establish tls with proxy exit.example:8443 to api.exchange.example:443: authentication failed: received fatal alert: CertificateRequired"
    );
    let tls = trust(&ca).client_config(&[b"http/1.1"]);
    let client = WsClient::new(strict, tls, Duration::from_secs(30));
    let request = WsRequest::new("wss://h.example/".parse().unwrap()).unwrap();
    let error = client.dial(request).await.unwrap_err();
    assert_snapshot!(
        line(&error, At::Target(Phase::TargetTls), Authentication),
        @"establish tls with h.example:443: authentication failed: received fatal alert: CertificateRequired"
    );
}

#[tokio::test]
async fn an_http_proxys_answer_says_what_to_change() {
    const PROXY: &str = "http://exit.example:3128";
    const LOGIN: &str = "http://alice:secret@exit.example:3128";
    let want = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=p\r\nContent-Length: 6\r\n\r\ndenied";
    let wrong = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    let page = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 11\r\n\r\n<h1>No</h1>";
    let endless = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; 20_000]].concat();
    let lines = [
        answered(PROXY, Authentication, &[want]).await,
        answered(LOGIN, Authentication, &[want]).await,
        answered(LOGIN, Authentication, &[wrong]).await,
        answered(PROXY, Rejected, &[page]).await,
        answered(PROXY, Rejected, &[b"HTTP/1.1 502\r\n\r\n"]).await,
        answered(PROXY, Closed, &[]).await,
        answered(LOGIN, Closed, &[]).await,
        answered(PROXY, Closed, &[b"HTTP/1.1 200"]).await,
        answered(PROXY, Protocol, &[b"HTTP/1.1 2000 OK\r\n\r\n"]).await,
        answered(PROXY, Protocol, &[&endless]).await,
        answered(PROXY, WrongProtocol, &[b"\x05\xff"]).await,
        answered(PROXY, WrongProtocol, &[b"\x15\x03\x03"]).await,
        answered(PROXY, WrongProtocol, &[b"<html>"]).await,
    ];
    assert_snapshot!(lines.join("\n"), @r#"
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: authentication failed: the proxy wants credentials and none are configured; it asks for Basic: status 407 Proxy Authentication Required, body "denied"
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: authentication failed: the proxy does not accept the configured credentials; it asks for Basic: status 407 Proxy Authentication Required, body "denied"
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: authentication failed: the proxy does not accept the configured credentials: status 401 Unauthorized
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: declined: status 403 Forbidden, body "<h1>No</h1>"
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: declined: status 502
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: connection closed: the proxy closed the connection without an answer; is the scheme right?
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: connection closed: the proxy closed the connection without an answer; are the scheme and the credentials right?
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: connection closed: the proxy closed the connection without an answer; is the scheme right?; its reply ended after 12 bytes
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: protocol violated: the proxy's reply is malformed: its status line is invalid
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: protocol violated: the proxy's reply exceeds 16384 bytes
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: it speaks another protocol: not an http proxy: it answers in socks5; is the scheme socks5?
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: it speaks another protocol: not an http proxy: it answers in tls; is the scheme https?
        open a tunnel through proxy exit.example:3128 to api.exchange.example:443: it speaks another protocol: not an http proxy: it sends a page without a status line
        "#);
}

#[tokio::test]
async fn a_socks_proxys_answer_says_what_to_change() {
    const PROXY: &str = "socks5h://exit.example:1080";
    const LOGIN: &str = "socks5h://alice:secret@exit.example:1080";
    const OLD: &str = "socks4a://exit.example:1080";
    let lines = [
        answered(PROXY, Authentication, &[b"\x05\xff"]).await,
        answered(LOGIN, Authentication, &[b"\x05\xff"]).await,
        answered(LOGIN, Authentication, &[b"\x05\x02", b"\x01\x01"]).await,
        answered(PROXY, Rejected, &[b"\x05\x00", b"\x05\x02"]).await,
        answered(PROXY, Rejected, &[b"\x05\x00", b"\x05\x04"]).await,
        answered(PROXY, Rejected, &[b"\x05\x00", b"\x05\xf0"]).await,
        answered(PROXY, Closed, &[]).await,
        answered(LOGIN, Authentication, &[b"\x05\x02"]).await,
        answered(LOGIN, Closed, &[b"\x05\x02", b"\x01\x00"]).await,
        answered(PROXY, Closed, &[b"\x05\x00", b"\x05\x00\x00\x01"]).await,
        answered(PROXY, Protocol, &[b"\x05\x03"]).await,
        answered(PROXY, WrongProtocol, &[b"HTTP/1.1 400 Bad Request\r\n\r\n"]).await,
        answered(OLD, Rejected, &[b"\x00\x5b"]).await,
        answered(OLD, Authentication, &[b"\x00\x5d"]).await,
        answered("socks4a://alice@exit.example:1080", Closed, &[]).await,
        answered(OLD, WrongProtocol, &[b"\x05\xff"]).await,
    ];
    assert_snapshot!(lines.join("\n"), @r#"
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: authentication failed: the proxy wants credentials and none are configured: no acceptable method among those offered: anonymous
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: authentication failed: the proxy does not accept the configured credentials: no acceptable method among those offered: anonymous, user name and password
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: authentication failed: the proxy does not accept the configured credentials: socks5 authentication status 0x01
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: declined: socks5 reply 0x02: connection not allowed by ruleset
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: declined: socks5 reply 0x04: host unreachable
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: declined: socks5 reply 0xf0: unassigned
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: connection closed: the proxy closed the connection without an answer; is the scheme right?
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: authentication failed: the proxy asked for credentials and closed the connection when it had got those configured; are they right?
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: connection closed: the proxy accepted the credentials and closed the connection when it was asked for the target
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: connection closed: the proxy wanted no credentials and closed the connection when it was asked for the target; its reply ended after 4 bytes
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: protocol violated: the proxy's reply is malformed: it selects an authentication method that was not offered
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: it speaks another protocol: not a socks5 proxy: it answers in http; is the scheme http?
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: declined: socks4 reply 0x5b: request rejected or failed
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: authentication failed: the proxy wants credentials and none are configured: socks4 reply 0x5d: identd reports another user id
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: connection closed: the proxy closed the connection without an answer; are the scheme and the credentials right?
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: it speaks another protocol: not a socks4 proxy: it answers in socks5; is the scheme socks5?
        "#);
}

#[tokio::test]
async fn a_target_that_a_protocol_cannot_express_is_named_with_the_reason() {
    let socks4 = through("socks4a://exit.example:1080", PanickingDialer);
    let ipv6 = failure_to("2001:db8::1", 443, socks4).await;
    let label = "x".repeat(64);
    let tls = trust(&TestCa::new().unwrap()).client_config(&[]);
    let name = failure_to(&label, 443, TlsDialer::new(PanickingDialer, tls)).await;
    let lines = [
        line(&ipv6, At::Proxy(Phase::ProxyHandshake), Unsupported),
        line(&name, At::Target(Phase::TargetTls), Unsupported).replace(&label, "<label>"),
    ];
    assert_snapshot!(lines.join("\n"), @r#"
        open a tunnel through proxy exit.example:1080 to [2001:db8::1]:443: not possible in this protocol: socks4 reaches ipv4 addresses only
        establish tls with <label>:443: not possible in this protocol: invalid dns name
        "#);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_says_in_which_phase_and_which_limit() {
    let silent = || Scripted::new([b""]).ending(Ending::Silence);
    let handshake = failure(through("socks5h://exit.example:1080", silent())).await;
    let proxy = failure(through("https://exit.example:8443", silent())).await;
    let tls = trust(&TestCa::new().unwrap()).client_config(&[]);
    let target = failure(TlsDialer::new(silent(), tls)).await;
    let lines = [
        line(&handshake, At::Proxy(Phase::ProxyHandshake), Timeout),
        line(&proxy, At::Proxy(Phase::ProxyTls), Timeout),
        line(&target, At::Target(Phase::TargetTls), Timeout),
    ];
    assert_snapshot!(lines.join("\n"), @r#"
        open a tunnel through proxy exit.example:1080 to api.exchange.example:443: timed out: the limit for one phase is 15s
        establish tls with proxy exit.example:8443: timed out: the limit for one phase is 15s
        establish tls with api.exchange.example:443: timed out: the limit for one phase is 15s
        "#);
}

#[tokio::test]
async fn another_failure_of_the_connection_keeps_its_cause() {
    let failing = Scripted::new([b""]).ending(Ending::Failure);
    let error = failure(through("http://exit.example:3128", failing)).await;
    assert_snapshot!(line(&error, At::Proxy(Phase::ProxyHandshake), Io), @"open a tunnel through proxy exit.example:3128 to api.exchange.example:443: i/o error: the cable is out");
}
