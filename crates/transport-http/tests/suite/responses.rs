//! Answers in all their forms.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use transport::{DialErrorKind, HttpErrorKind, Phase, ResponseLimits, chain, require_success};

use crate::common::{Piped, client, get, once, read_head};

#[tokio::test]
async fn a_body_arrives_whole_whatever_its_framing() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let response = get(&client(once(reply)), "http://h.example/").await;
        assert_eq!(response.unwrap().body(), "hello", "{reply}");
    }
}

#[tokio::test]
async fn every_status_is_an_answer_with_its_headers_and_body() {
    for status in [204, 304, 400, 401, 403, 407, 418, 429, 451, 500, 503] {
        let reply = format!("HTTP/1.1 {status} X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
        let response = get(&client(once(reply)), "http://h.example/")
            .await
            .unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["retry-after"], "7");
        assert_eq!(require_success(response).is_ok(), status == 204);
    }
}

#[tokio::test]
async fn an_answer_that_ends_early_is_broken() {
    for (reply, kind) in [
        ("", DialErrorKind::Closed),
        ("HTTP/1.1 200 OK\r\nContent-", DialErrorKind::Closed),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
            DialErrorKind::Closed,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            DialErrorKind::Closed,
        ),
        ("<html>", DialErrorKind::WrongProtocol),
        ("SSH-2.0-OpenSSH_9.6\r\n", DialErrorKind::WrongProtocol),
        ("\u{5}\u{0}", DialErrorKind::WrongProtocol),
        (
            "HTTP/1.1 200 OK\r\nX: a\u{0}b\r\n\r\n",
            DialErrorKind::Protocol,
        ),
    ] {
        let error = get(&client(once(reply)), "http://h.example/")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Broken, "{reply:?}");
        let dial = error.dial_error().unwrap();
        assert_eq!(
            (dial.phase(), dial.kind()),
            (Phase::Response, kind),
            "{reply:?}"
        );
        assert!(!dial.hop().is_proxy());
        // One bad answer says nothing about the next.
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let many = "X: y\r\n".repeat(200);
    let long = "x".repeat(1 << 20);
    for headers in [many, format!("X: {long}")] {
        let reply = format!("HTTP/1.1 200 OK\r\n{headers}");
        let error = get(&client(once(reply)), "http://h.example/")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Broken);
        assert_eq!(error.dial_error().unwrap().kind(), DialErrorKind::Protocol);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_asks_for_its_wait_however_its_body_ends() {
    let head = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 45\r\n";
    let cut = format!("{head}Content-Length: 100\r\n\r\nno");
    let invalid = format!("{head}Transfer-Encoding: chunked\r\n\r\nno");
    let large = format!("{head}Content-Length: 100\r\n\r\n{}", "x".repeat(100));
    let silent = cut.clone();
    let stalls = Piped::new(move |mut stream: DuplexStream| {
        let silent = silent.clone();
        async move {
            read_head(&mut stream).await;
            stream.write_all(silent.as_bytes()).await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.unwrap();
        }
    });
    let limits = ResponseLimits {
        size: 50,
        ..ResponseLimits::default()
    };
    for client in [
        client(once(cut)),
        client(once(invalid)),
        client(once(large)),
        client(stalls),
    ] {
        let client = client.with_limits(limits);
        let error = get(&client, "http://h.example/").await.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(45)));
        assert_eq!(
            chain(&error).to_string(),
            "succeed with GET h.example/: status 429 Too Many Requests"
        );
    }
}
