//! Compressed answers.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::unbounded_channel;
use transport::{HttpErrorKind, HttpTransport, ResponseLimits, chain, require_success, unreadable};

use crate::common::{Piped, client, get, once, read_head};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// An answer whose head says that its body is encoded like this.
fn encoded(status: u16, encoding: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Encoding: {encoding}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn gzip_is_offered_unless_a_request_asks_for_something_else() {
    let (sender, mut heads) = unbounded_channel();
    let dialer = Piped::new(move |mut stream: DuplexStream| {
        let sender = sender.clone();
        async move {
            sender.send(read_head(&mut stream).await).unwrap();
            let _ = stream.write_all(&encoded(200, "gzip", &gzip(b"ok"))).await;
        }
    });
    let client = client(dialer);
    for (asked, sent) in [(None, "gzip"), (Some("identity"), "identity")] {
        let mut request = Request::get("http://h.example/")
            .body(Bytes::new())
            .unwrap();
        if let Some(asked) = asked {
            let asked = asked.parse().unwrap();
            request.headers_mut().insert(ACCEPT_ENCODING, asked);
        }
        // Decoded in both cases: some gateways compress whatever is asked for (envoy#2855).
        assert_eq!(client.send(request).await.unwrap().body(), "ok");
        let head = heads.recv().await.unwrap();
        assert!(
            head.contains(&format!("accept-encoding: {sent}\r\n")),
            "{head}"
        );
    }
}

#[tokio::test]
async fn gzip_is_decoded_whatever_the_status_and_the_framing() {
    let body = br#"{"msg":"Service unavailable from a restricted location"}"#;
    let whole = gzip(body);
    let (one, other) = body.split_at(9);
    let members = [gzip(one), gzip(other)].concat();
    let mut chunked = b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\n\
        Transfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    for byte in &whole {
        chunked.extend([b"1\r\n", &[*byte][..], b"\r\n"].concat());
    }
    chunked.extend(b"0\r\n\r\n");
    for reply in [
        encoded(200, "gzip", &whole),
        encoded(451, "GZip", &whole),
        encoded(200, "x-gzip", &whole),
        encoded(200, "identity", body),
        // RFC 1952, section 2.2: what is decoded is all members (oven-sh/bun#33708).
        encoded(200, "gzip", &members),
        chunked,
    ] {
        let answer = get(&client(once(reply)), "http://h.example/")
            .await
            .unwrap();
        assert_eq!(answer.body(), &body[..]);
        // The headers are those of what there is now.
        let length = answer.headers().get(CONTENT_LENGTH);
        assert!(length.is_none_or(|length| length == "56"), "{length:?}");
        if let Err(error) = require_success(answer) {
            assert!(chain(&error).to_string().ends_with(
                "body \"{\"msg\":\"Service unavailable from a restricted location\"}\""
            ));
        }
    }
}

#[tokio::test]
async fn a_bomb_ends_at_the_limit_of_what_it_decodes_to() {
    let zeros = gzip(&vec![0; 4 << 20]);
    assert!(zeros.len() < 8192);
    let members = [gzip(&vec![0; 700_000]), gzip(&vec![0; 700_000])].concat();
    let limits = ResponseLimits {
        size: 1 << 20,
        ..ResponseLimits::default()
    };
    for bomb in [zeros, members] {
        let client = client(once(encoded(200, "gzip", &bomb))).with_limits(limits);
        let error = get(&client, "http://h.example/").await.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::TooLarge);
        assert_eq!(
            chain(&error).to_string(),
            "accept the answer to GET h.example/: it has more than 1048576 bytes"
        );
    }
    let fits = encoded(200, "gzip", &gzip(&vec![0; 1 << 20]));
    let client = client(once(fits)).with_limits(limits);
    let answer = get(&client, "http://h.example/").await.unwrap();
    assert_eq!(answer.body().len(), 1 << 20);
}

#[tokio::test]
async fn what_is_no_gzip_is_told_with_the_status_that_it_came_with() {
    let whole = gzip(b"a list of instruments");
    let (cut, _) = whole.split_at(whole.len() - 4);
    let mut wrong = whole.clone();
    wrong[12] ^= 0x55;
    for body in [b"<html>", cut, &wrong] {
        let answer = get(
            &client(once(encoded(200, "gzip", body))),
            "http://h.example/",
        )
        .await;
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Unreadable);
        let line = chain(&error).to_string();
        let start = "understand the answer to GET h.example/: status 200 OK, content encoding gzip: \
                     it cannot be decoded: ";
        assert!(line.starts_with(start), "{line}");
        let refusal = get(
            &client(once(encoded(429, "gzip", body))),
            "http://h.example/",
        )
        .await;
        assert_eq!(refusal.unwrap_err().status().unwrap(), 429);
    }
}

#[tokio::test]
async fn another_encoding_is_left_to_who_knows_it_and_named_for_who_does_not() {
    for encoding in ["br", "zstd", "deflate", "gzip, gzip"] {
        let client = client(once(encoded(200, encoding, b"\x0b\x02")));
        let answer = get(&client, "http://h.example/").await.unwrap();
        assert_eq!(answer.body(), &b"\x0b\x02"[..]);
        assert_eq!(answer.headers()[CONTENT_ENCODING], encoding);
        let error = unreadable(&answer, "expected value at line 1 column 1");
        assert_eq!(
            chain(&error).to_string(),
            format!(
                "understand the answer to the request: status 200 OK, \
                 content encoding {encoding}: expected value at line 1 column 1"
            )
        );
    }
}

#[tokio::test]
async fn an_answer_without_a_body_may_tell_the_encoding_of_one() {
    for (method, status) in [("HEAD", 200), ("GET", 304), ("GET", 200)] {
        let reply =
            format!("HTTP/1.1 {status} X\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n");
        let request = Request::builder().method(method).uri("http://h.example/");
        let request = request.body(Bytes::new()).unwrap();
        let answer = client(once(reply)).send(request).await.unwrap();
        assert!(answer.body().is_empty());
    }
}
