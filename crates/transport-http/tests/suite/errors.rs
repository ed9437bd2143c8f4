//! The line that an operator reads for a failed request.

use std::error::Error;
use std::time::Duration;

use insta::assert_snapshot;
use tokio::io::DuplexStream;
use transport::{HttpError, ResponseLimits, chain, require_success};

use crate::common::{Piped, client, get, once};

const URI: &str = "http://api.exchange.example/api/v3/depth?signature=secret";

fn line(error: &HttpError) -> String {
    assert!(error.source().is_some());
    chain(error).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_failed_request_says_what_was_asked_whom_and_why() {
    let silent = Piped::new(|stream: DuplexStream| async move {
        tokio::time::sleep(Duration::from_secs(600)).await;
        drop(stream);
    });
    let silent = client(silent);
    let small = ResponseLimits {
        size: 4,
        ..ResponseLimits::default()
    };
    let lines = [
        get(&silent, URI).await,
        get(&silent, "https://api.exchange.example/").await,
        get(&silent, "ws://api.exchange.example/").await,
        get(&client(once("")), URI).await,
        get(
            &client(once("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")),
            URI,
        )
        .await,
        get(&client(once("<html>")), URI).await,
        get(
            &client(once("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")).with_limits(small),
            URI,
        )
        .await,
    ]
    .map(|outcome| line(&outcome.unwrap_err()));
    assert_snapshot!(lines.join("\n"), @r#"
        complete GET api.exchange.example/api/v3/depth: get an answer from api.exchange.example:80: timed out: no head within 30s
        complete GET api.exchange.example/: establish tls with api.exchange.example:443: timed out: the limit for one phase is 5s
        build GET api.exchange.example/: scheme "ws" is none of http, https
        complete GET api.exchange.example/api/v3/depth: get an answer from api.exchange.example:80: connection closed: connection closed before message completed
        complete GET api.exchange.example/api/v3/depth: get an answer from api.exchange.example:80: connection closed: error reading a body from connection: end of file before message length reached
        complete GET api.exchange.example/api/v3/depth: get an answer from api.exchange.example:80: it speaks another protocol: invalid HTTP version parsed
        accept the answer to GET api.exchange.example/api/v3/depth: it has more than 4 bytes
        "#);
    let blocked = "HTTP/1.1 451 X\r\nContent-Length: 23\r\n\r\n{\"msg\":\"not from here\"}";
    let response = get(&client(once(blocked)), URI).await.unwrap();
    assert_snapshot!(line(&require_success(response).unwrap_err()), @r#"succeed with the request: status 451 Unavailable For Legal Reasons, body "{"msg":"not from here"}""#);
}
