//! What HTTP proxies answer to `CONNECT`, and what both clients make of it.

use std::sync::Arc;

use transport::{DialError, DialErrorKind, Dialer, Excerpt, Phase, Reply, Target};

use crate::common::{
    Client, Ending, NoDns, Piped, Route, Scripted, dialogue, failure, opens, read_head, through,
};

const REQUEST: &[u8] = b"CONNECT h.example:80 HTTP/1.1\r\nHost: h.example:80\r\n\r\n";
const PROXY: &str = "http://p.example:3128";
const WITH_CREDENTIALS: &str = "http://alice:secret@p.example:3128";

/// A tunnel through a proxy that says all this, and then stays silent.
fn says<C: Into<Vec<u8>>>(reply: impl IntoIterator<Item = C>) -> Arc<dyn Dialer> {
    through(PROXY, Scripted::new(reply).ending(Ending::Silence))
}

async fn failure_after(reply: impl Into<Vec<u8>>) -> DialError {
    failure(&says([reply])).await
}

fn http_reply(error: &DialError) -> (u16, String, String) {
    match error.reply() {
        Some(Reply::Http(reply)) => (
            reply.status,
            reply.reason.to_string(),
            reply.body.to_string(),
        ),
        other => panic!("{other:?} is no http reply"),
    }
}

#[tokio::test]
async fn a_reply_that_is_cut_anywhere_opens_the_tunnel() {
    let reply = b"HTTP/1.1 200 Connection established\r\nVia: p\r\n\r\n";
    for cut in 1..reply.len() {
        let (first, second) = reply.split_at(cut);
        let proxy = dialogue([(REQUEST.len(), first), (0, second)]);
        opens(&through(PROXY, proxy), &format!("cut at {cut}")).await;
    }
}

#[tokio::test]
async fn every_success_opens_the_tunnel_and_nothing_of_it_reaches_the_client() {
    for reply in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 201 Created\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 299 \r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\nX: only line feeds\n\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded line\r\n\tand another\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let proxy = dialogue([(REQUEST.len(), reply.as_bytes())]);
        opens(&through(PROXY, proxy), reply).await;
    }
}

#[tokio::test]
async fn a_demand_for_credentials_is_an_authentication_failure_with_a_bounded_body() {
    let long = "x".repeat(35 * 1024);
    for (framing, body) in [
        ("Content-Length: 0", String::new()),
        ("Content-Length: 6", "denied".to_owned()),
        ("Content-Length: 35840", long.clone()),
        (
            "Transfer-Encoding: chunked",
            format!("8c00\r\n{long}\r\n0\r\n\r\n"),
        ),
        (
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            format!("8c00\r\n{long}"),
        ),
        ("Connection: close", long.clone()),
    ] {
        let reply = format!(
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Digest realm=\"p\"\r\nProxy-Authenticate: Basic realm=\"p\"\r\n{framing}\r\n\r\n{body}"
        );
        let error = failure_after(reply).await;
        assert_eq!(error.kind(), DialErrorKind::Authentication, "{framing}");
        assert!(!error.is_retryable());
        let (status, _, shown) = http_reply(&error);
        assert_eq!(status, 407);
        assert!(shown.chars().count() <= Excerpt::MAX + 8, "{shown}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.ends_with("; it asks for Digest, Basic"), "{cause}");
    }
}

#[tokio::test]
async fn an_answer_of_401_to_credentials_is_an_authentication_failure_too() {
    let proxy = Scripted::new(["HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"]);
    let error = failure(&through(WITH_CREDENTIALS, proxy)).await;
    assert_eq!(error.kind(), DialErrorKind::Authentication);
}

#[tokio::test]
async fn a_refusal_is_reported_whatever_happens_to_its_connection() {
    for ending in [Ending::Close, Ending::Reset] {
        for head in [
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "HTTP/1.0 407 Proxy Authentication Required\r\nProxy-Connection: close\r\n\r\n",
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 100\r\n\r\npart",
        ] {
            let proxy = Scripted::new([head]).ending(ending);
            let error = failure(&through(PROXY, proxy)).await;
            assert_eq!(error.kind(), DialErrorKind::Authentication, "{ending:?}");
            assert_eq!(http_reply(&error).0, 407);
        }
    }
}

#[tokio::test]
async fn a_refusal_carries_status_reason_and_the_escaped_beginning_of_its_page() {
    let page = "<html>\r\n<script>\u{1b}[2J\"no\"</script>";
    for (status, reason, retryable) in [
        (400, "Bad Request", false),
        (403, "Forbidden", false),
        (405, "Method Not Allowed", false),
        (429, "Too Many Requests", true),
        (502, "Bad Gateway", true),
        (503, "Service Unavailable", true),
        (504, "Gateway Timeout", true),
    ] {
        let length = page.len();
        let head = format!("HTTP/1.1 {status} {reason}\r\nContent-Length: {length}\r\n\r\n");
        // The page arrives on its own, behind its head.
        let error = failure(&says([head.as_str(), page])).await;
        assert_eq!(error.kind(), DialErrorKind::Rejected, "{status}");
        assert_eq!(error.phase(), Phase::ProxyHandshake);
        assert!(error.hop().is_proxy());
        assert_eq!(error.is_retryable(), retryable, "{status}");
        let shown = "<html>\\r\\n<script>\\u{1b}[2J\"no\"</script>";
        assert_eq!(
            http_reply(&error),
            (status, reason.to_owned(), shown.to_owned())
        );
    }
}

#[tokio::test]
async fn a_page_without_a_status_line_is_no_http_proxy() {
    let error = failure_after("<html><body>Welcome</body></html>").await;
    assert_eq!(error.kind(), DialErrorKind::WrongProtocol);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn an_end_before_the_reply_is_complete_is_a_close_in_the_handshake() {
    for reply in ["", "HTTP/1.1 200 OK\r\nVia: p\r\n"] {
        for ending in [Ending::Close, Ending::Reset] {
            let proxy = Scripted::new([reply]).ending(ending);
            let error = failure(&through(PROXY, proxy)).await;
            assert_eq!(error.kind(), DialErrorKind::Closed, "{reply:?} {ending:?}");
            assert_eq!(error.phase(), Phase::ProxyHandshake);
            assert!(error.hop().is_proxy() && error.is_retryable());
        }
    }
}

#[tokio::test]
async fn a_malformed_reply_is_a_protocol_error_and_not_tried_again() {
    let many = "X: y\r\n".repeat(200);
    for reply in [
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 0503\r\n\r\n",
        "HTTP/1.1 20x OK\r\n\r\n",
        "HTTP/1.1 -20 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\x07b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX\x01: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        &format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
    ] {
        let error = failure_after(reply).await;
        assert_eq!(error.kind(), DialErrorKind::Protocol, "{reply:?}");
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_head_without_end_fails_at_16_kib() {
    let header = ["HTTP/1.1 200 OK\r\nX: ", &"x".repeat(17 * 1024)].concat();
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    for reply in [header, interim] {
        let error = failure_after(reply).await;
        assert_eq!(error.kind(), DialErrorKind::Protocol);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "the proxy's reply exceeds 16384 bytes");
    }
}

#[tokio::test]
async fn a_large_head_within_the_limit_opens_the_tunnel() {
    let header = "x".repeat(15 * 1024);
    let reply = format!("HTTP/1.1 200 OK\r\nX: {header}\r\n\r\n");
    let proxy = dialogue([(REQUEST.len(), reply.as_bytes())]);
    opens(&through(PROXY, proxy), "a large head").await;
}

/// What a proxy is sent by both clients for a target.
async fn requests_for(url: &str, secure: bool, authority: &str) -> [String; 2] {
    let mut requests = [String::new(), String::new()];
    for (client, request) in Client::ALL.into_iter().zip(&mut requests) {
        let (sender, mut heads) = tokio::sync::mpsc::unbounded_channel();
        let proxy = Piped::new(move |mut stream| {
            let sender = sender.clone();
            async move {
                sender.send(read_head(&mut stream).await).unwrap();
            }
        });
        let dialer = Route::new(url).resolver(NoDns).over(proxy);
        let outcome = if secure {
            let tls = transport_tls::TlsTrust::platform().client_config(&[]);
            client.ask_securely(dialer, authority, tls).await
        } else {
            client.ask(dialer, authority).await
        };
        assert_eq!(outcome.unwrap_err().kind(), DialErrorKind::Closed);
        *request = heads.recv().await.unwrap();
    }
    requests
}

#[tokio::test]
async fn authority_and_host_are_the_same_and_always_have_the_port() {
    for (secure, authority, expected) in [
        (false, "h.example", "h.example:80"),
        (true, "h.example", "h.example:443"),
        (true, "h.example:443", "h.example:443"),
        (false, "h.example:8080", "h.example:8080"),
        (true, "[::1]", "[::1]:443"),
        (true, "[2001:db8::1]:9443", "[2001:db8::1]:9443"),
        (false, "192.0.2.1", "192.0.2.1:80"),
    ] {
        let expected = format!("CONNECT {expected} HTTP/1.1\r\nHost: {expected}\r\n\r\n");
        let requests = requests_for(PROXY, secure, authority).await;
        assert_eq!(requests, [expected.clone(), expected], "{authority}");
    }
}

#[tokio::test]
async fn credentials_are_decoded_once_and_sent_as_bytes() {
    for (url, expected) in [
        // alice@x:p:a%40
        ("http://alice%40x:p%3Aa%2540@p:1", "YWxpY2VAeDpwOmElNDA="),
        // Bytes that are no UTF-8: FF and FE.
        ("http://%FF:%FE@p:1", "/zr+"),
        // A name alone still ends in a colon.
        ("http://alice@p:1", "YWxpY2U6"),
        ("http://alice:@p:1", "YWxpY2U6"),
    ] {
        let line = format!("Proxy-Authorization: Basic {expected}\r\n");
        for request in requests_for(url, false, "h.example").await {
            assert!(request.contains(&line), "{url}: {request}");
        }
    }
}

#[tokio::test]
async fn a_target_cannot_smuggle_lines_into_the_request() {
    for host in [
        "h\r\nX-Injected: 1",
        "h%0d%0aX-Injected:1",
        "h HTTP/1.1",
        "h/../x",
        "user@h",
        "h:1",
        "[::1",
    ] {
        assert!(Target::parse(host, 80).is_err(), "{host}");
    }
}

#[tokio::test]
async fn a_buffering_layer_below_is_flushed_before_the_reply_is_awaited() {
    /// Keeps what is written until it is flushed.
    struct Buffered<D>(D);

    #[async_trait::async_trait]
    impl<D: Dialer> Dialer for Buffered<D> {
        async fn connect(&self, target: &Target) -> Result<transport::Connection, DialError> {
            let connection = self.0.dial(target).await?;
            let buffered = tokio::io::BufStream::new(connection);
            Ok(transport::Connection::new(buffered))
        }
    }

    let http = dialogue([(REQUEST.len(), b"HTTP/1.1 200 OK\r\n\r\n".as_slice())]);
    opens(&through(PROXY, Buffered(http)), "connect").await;
    let socks4 = dialogue([(19, b"\0\x5A\0\0\0\0\0\0".as_slice())]);
    opens(&through("socks4a://p:1", Buffered(socks4)), "socks4a").await;
    let granted: &[u8] = b"\x05\x00\x00\x01\0\0\0\0\0\0";
    let socks5 = dialogue([
        (4, b"\x05\x02".as_slice()),
        (14, b"\x01\x00"),
        (16, granted),
    ]);
    let url = "socks5h://alice:secret@p:1";
    opens(&through(url, Buffered(socks5)), "socks5h").await;
}

#[tokio::test]
async fn a_refusal_that_arrives_before_the_request_could_be_sent_is_reported() {
    /// Can be read from, but not written to: the proxy has closed without reading.
    struct Shut(Scripted);

    #[async_trait::async_trait]
    impl Dialer for Shut {
        async fn connect(&self, target: &Target) -> Result<transport::Connection, DialError> {
            let reading = self.0.dial(target).await?;
            let (writing, closed) = tokio::io::duplex(1);
            drop(closed);
            Ok(transport::Connection::new(tokio::io::join(
                reading, writing,
            )))
        }
    }

    let blocked = Scripted::new(["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]);
    let error = failure(&through(PROXY, Shut(blocked))).await;
    assert_eq!(http_reply(&error).0, 403);
    let gone = Scripted::new([""]);
    let error = failure(&through(PROXY, Shut(gone))).await;
    assert_eq!(error.kind(), DialErrorKind::Closed);
}
