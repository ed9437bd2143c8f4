//! What middleboxes make of headers.

use transport::{DialErrorKind, HttpErrorKind, chain};

use crate::common::{client, get, once};

#[tokio::test]
async fn a_malformed_header_costs_nothing_but_itself() {
    for header in [
        // hyper#2879, a WAF
        "Set-Cookie: ___utmvaPRuXKscZ=dmo\u{1}OZPF; path=/",
        // reqwest#1189
        "Set-Cookie: domain=\u{7f}wwom",
        // p5-http-parser-xs#10
        "Set-Cookie: ___utmvb=iZK\r\n    XSaOzalA: ctu; path=/",
        // hyper#2083
        "X-Content-Type-Options : nosniff",
        // httparse#61
        "<!DOCTYPE html>",
        "Secured by Excellent Serv",
        "X-Note: caf\u{e9}",
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{header}\r\nContent-Length : 2\r\nA: b\r\n\r\nok");
        let answer = get(&client(once(reply)), "http://h.example/").await;
        let answer = answer.unwrap_or_else(|error| panic!("{header}: {}", chain(&error)));
        assert_eq!(answer.body(), "ok");
        assert_eq!(answer.headers()["a"], "b");
    }
}

#[tokio::test]
async fn a_malformed_end_of_the_body_is_refused_and_named() {
    for (header, shown) in [
        // hyper#2569
        ("Content-Length: 5O", "Content-Length: 5O"),
        (
            "Content-Length: 2\r\nContent-Length: 3",
            "Content-Length: 3",
        ),
        ("Content-Length\u{1}: 2", "Content-Length\\u{1}: 2"),
        (
            "Transfer-Encoding: chun\u{1}ked",
            "Transfer-Encoding: chun\\u{1}ked",
        ),
        ("Transfer-Encoding chunked", "Transfer-Encoding chunked"),
        ("X: a\0b", "X: a\\0b"),
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\nok");
        let error = get(&client(once(reply)), "http://h.example/")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Broken);
        assert_eq!(error.dial_error().unwrap().kind(), DialErrorKind::Protocol);
        assert_eq!(
            chain(&error).to_string(),
            format!(
                "complete GET h.example/: get an answer from h.example:80: protocol violated: \
                 malformed header \"{shown}\""
            )
        );
        // The next answer may be another one.
        assert!(error.is_retryable());
    }
}
