//! Answers to the upgrade.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use testkit::{PanickingDialer, RecordingDialer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::yield_now;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use transport::{
    DialError, DialErrorKind, Dialer, Phase, Reply, WebSocket, WsDialer, WsRequest, chain,
};

use crate::common::{Piped, answer, client, key, once, read_head, request};

async fn failure(reply: impl Into<Vec<u8>>) -> DialError {
    let client = client(once(reply));
    let error = client.dial(request("ws://h.example/")).await.unwrap_err();
    assert_eq!(error.phase(), Phase::Upgrade);
    assert!(!error.hop().is_proxy());
    error
}

#[tokio::test]
async fn every_other_status_is_a_refusal_with_its_status_and_body() {
    for (status, retryable) in [
        (200, false),
        (204, false),
        (301, false),
        (302, false),
        (400, false),
        (401, false),
        (403, false),
        (404, false),
        (407, false),
        (418, false),
        (408, true),
        (429, true),
        (451, false),
        (500, true),
        (502, true),
        (503, true),
    ] {
        let error = failure(format!(
            "HTTP/1.1 {status} Reason\r\nLocation: ws://elsewhere/\r\nContent-Length: 6\r\n\r\n<html>"
        ))
        .await;
        assert_eq!(error.kind(), DialErrorKind::Rejected, "{status}");
        assert_eq!(error.is_retryable(), retryable, "{status}");
        let Some(Reply::Http(reply)) = error.reply() else {
            panic!("no reply for {status}");
        };
        assert_eq!((reply.status, reply.body.as_str()), (status, "<html>"));
        assert_eq!(reply.location.as_str(), "ws://elsewhere/");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let moved = once("HTTP/1.1 302 Found\r\nLocation: ws://elsewhere.example/\r\n\r\n");
    let dialer = Arc::new(RecordingDialer::new(moved));
    let client = client(Arc::clone(&dialer));
    client.dial(request("ws://h.example/")).await.unwrap_err();
    assert_eq!(dialer.targets().len(), 1);
}

#[tokio::test]
async fn the_wait_that_an_exchange_asks_for_is_kept() {
    for (value, expected) in [
        ("120", Some(120)),
        ("0", Some(0)),
        ("Wed, 21 Oct 2026 07:28:45 GMT", Some(45)),
        ("-1", None),
        ("soon", None),
        ("18446744073709551615", Some(u64::MAX)),
        ("99999999999999999999", Some(u64::MAX)),
    ] {
        let error = failure(format!(
            "HTTP/1.1 429 Too Many Requests\r\nDate: Wed, 21 Oct 2026 07:28:00 GMT\r\n\
             Retry-After: {value}\r\n\r\n"
        ))
        .await;
        assert_eq!(
            error.retry_after(),
            expected.map(Duration::from_secs),
            "{value}"
        );
    }
}

#[tokio::test]
async fn what_is_no_answer_to_an_upgrade_is_told_apart() {
    let upgraded = "HTTP/1.1 101 Switching Protocols\r\n";
    let both = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    for (reply, kind) in [
        (String::new(), DialErrorKind::Closed),
        ("HTTP/1.1 101 Swi".to_owned(), DialErrorKind::Closed),
        (
            "<html>no</html>\r\n\r\n".to_owned(),
            DialErrorKind::WrongProtocol,
        ),
        (
            "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
            DialErrorKind::WrongProtocol,
        ),
        ("\u{5}\u{0}".to_owned(), DialErrorKind::WrongProtocol),
        (format!("{upgraded}\r\n"), DialErrorKind::Protocol),
        (format!("{upgraded}{both}\r\n"), DialErrorKind::Protocol),
        (
            format!("{upgraded}{both}Sec-WebSocket-Accept: bm90IHlvdXJzIQ==\r\n\r\n"),
            DialErrorKind::Protocol,
        ),
    ] {
        let error = failure(reply.clone()).await;
        assert_eq!(error.kind(), kind, "{reply}");
        // One bad answer says nothing about the next.
        assert!(error.is_retryable());
    }
}

/// Upgrades with these headers in the place of `Connection`.
async fn upgrade_with(headers: &'static str, size: usize) -> Result<WebSocket, DialError> {
    let exchange = Piped::new(move |mut stream: DuplexStream| async move {
        let key = read_head(&mut stream).await;
        let key = key
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = derive_accept_key(key.unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n{headers}\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n\u{1}"
        );
        for piece in answer.as_bytes().chunks(size) {
            let _ = stream.write_all(piece).await;
        }
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    client(exchange).dial(request("ws://h.example/")).await
}

#[tokio::test]
async fn an_upgrade_is_one_whatever_middleboxes_add_and_however_it_arrives() {
    for headers in [
        "Connection: Upgrade",
        "Connection: keep-alive, Upgrade",
        "Connection: keep-alive\r\nConnection: upgrade",
        "Connection : Upgrade",
        "Connection: Upgrade\r\nSet-Cookie: ___utmvaPRuXKscZ=dmo\u{1}OZPF; path=/",
        "Connection: Upgrade\r\nX-Content-Type-Options : nosniff",
        "Connection: Upgrade\r\nSecured by Excellent Serv",
        "Connection: Upgrade\r\nX-Long: a\r\n b",
    ] {
        for size in [1, 7, 4096] {
            let upgraded = upgrade_with(headers, size).await;
            let upgraded = upgraded
                .map(|_| ())
                .map_err(|error| chain(&error).to_string());
            assert_eq!(upgraded, Ok(()), "{headers:?}");
        }
    }
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n";
    let error = failure(interim).await;
    assert_eq!(error.reply().and_then(Reply::status), Some(403));
}

#[tokio::test]
async fn what_makes_an_upgrade_invalid_is_named() {
    for (headers, cause) in [
        ("Connection: close", "there is no connection: upgrade"),
        (
            "Connection: Upgrade\r\nX: a\0b",
            r#"malformed header "X: a\0b""#,
        ),
        (
            "Connection: Upgrade\r\nContent-Length: 5O",
            r#"malformed header "Content-Length: 5O""#,
        ),
        (
            "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate; x=1",
            r#"the extension "permessage-deflate; x=1" was not offered"#,
        ),
        (
            "Connection: Upgrade\r\nSec-WebSocket-Protocol: mqtt",
            r#"the subprotocol "mqtt" was not offered"#,
        ),
    ] {
        let error = upgrade_with(headers, 4096).await.unwrap_err();
        assert_eq!(
            chain(&error).to_string(),
            format!("upgrade to websocket at h.example:80: protocol violated: {cause}")
        );
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let endless = [
        "HTTP/1.1 101 Switching Protocols\r\nX: ",
        &"x".repeat(1 << 20),
    ]
    .concat();
    let error = failure(endless).await;
    assert_eq!(error.kind(), DialErrorKind::Protocol);
}

/// An exchange that answers the upgrade with these lines more, in pieces of so many bytes.
fn answering(lines: &'static str, size: usize) -> impl Dialer + 'static {
    Piped::new(move |mut stream: DuplexStream| async move {
        let head = read_head(&mut stream).await;
        let accept = derive_accept_key(key(&head).unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
        );
        for piece in answer.as_bytes().chunks(size) {
            stream.write_all(piece).await.unwrap();
            yield_now().await;
        }
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
}

#[tokio::test]
async fn an_answer_may_come_byte_by_byte() {
    let client = client(answering("X: y\r\n", 1));
    client.dial(request("ws://h.example/")).await.unwrap();
}

#[tokio::test]
async fn an_extension_that_was_not_offered_fails_the_upgrade_and_is_named() {
    for (lines, name) in [
        (
            "Sec-WebSocket-Extensions: permessage-deflate\r\n",
            "permessage-deflate",
        ),
        (
            "sec-websocket-extensions: ,x-webkit-deflate-frame;no_context_takeover, b\r\n",
            "x-webkit-deflate-frame;no_context_takeover",
        ),
        (
            "Sec-WebSocket-Extensions:\r\nSec-WebSocket-Extensions: a\r\n",
            "a",
        ),
    ] {
        let client = client(answering(lines, 4096));
        let error = client.dial(request("ws://h.example/")).await.unwrap_err();
        assert_eq!(error.kind(), DialErrorKind::Protocol);
        assert_eq!(
            chain(&error).to_string(),
            format!(
                "upgrade to websocket at h.example:80: protocol violated: the extension \"{name}\" was not offered"
            )
        );
    }
    let client = client(answering("Sec-WebSocket-Extensions: \r\n", 4096));
    client.dial(request("ws://h.example/")).await.unwrap();
}

#[tokio::test]
async fn a_frame_that_rides_with_the_answer_is_delivered() {
    let exchange = Piped::new(|stream| async {
        answer(stream).await;
    });
    let mut socket = client(exchange)
        .dial(request("ws://h.example/"))
        .await
        .unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().as_text(), Some("ok"));
}

#[tokio::test]
async fn the_request_names_host_and_port_but_no_user() {
    let (sender, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let exchange = Piped::new(move |stream| {
        let sender = sender.clone();
        async move { sender.send(answer(stream).await).unwrap() }
    });
    let request = request("ws://user:key@h.example:9443/stream?streams=a/b");
    drop(client(exchange).dial(request).await.unwrap());
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("GET /stream?streams=a/b HTTP/1.1\r\nHost: h.example:9443\r\n"));
    assert!(!head.contains("user") && !head.contains("key@"), "{head}");
}

#[tokio::test]
async fn a_uri_of_another_scheme_or_without_a_host_is_no_request() {
    for uri in [
        "http://h.example/",
        "ftp://h.example/",
        "/relative",
        "ws://h.example:0/",
    ] {
        assert!(WsRequest::new(uri.parse().unwrap()).is_err(), "{uri}");
    }
    // What cannot be in a certificate is not even dialed.
    let uri = format!("wss://{}.example/", "x".repeat(64));
    let error = client(PanickingDialer)
        .dial(request(&uri))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Unsupported);
}
