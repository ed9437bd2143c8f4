//! The line that an operator reads for a connection that was not made.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use insta::assert_snapshot;
use testkit::PanickingDialer;
use transport::{BoxError, WsDialer, WsRequest, chain};
use transport_ws::{Authenticator, Hooks, WsClient};

use crate::common::{client, once, open, request};

/// Has no key.
struct Keyless;

#[async_trait]
impl Authenticator for Keyless {
    async fn prepare(&self, _request: &mut WsRequest) -> Result<(), BoxError> {
        Err("the key file is empty".into())
    }
}

async fn line<D: transport::Dialer>(client: WsClient<D>) -> String {
    let uri = "ws://stream.exchange.example:9443/ws?key=secret";
    let error = client.dial(request(uri)).await.unwrap_err();
    assert!(error.source().is_some());
    chain(&error).to_string()
}

#[tokio::test]
async fn a_failed_upgrade_says_what_the_exchange_answered() {
    let blocked = "HTTP/1.1 451 X\r\nRetry-After: 60\r\nContent-Length: 23\r\n\r\n{\"msg\":\"not from here\"}";
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n<html>\r\n<body>";
    let other =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let lines = [
        line(client(once(blocked))).await,
        line(client(once(page))).await,
        line(client(once(""))).await,
        line(client(once("<html>\r\n\r\n"))).await,
        line(client(once(other))).await,
        line(
            client(PanickingDialer)
                .with_hooks(Hooks::default().with_authenticator(Arc::new(Keyless))),
        )
        .await,
    ];
    assert_snapshot!(lines.join("\n"), @r#"
        upgrade to websocket at stream.exchange.example:9443: declined: status 451 Unavailable For Legal Reasons, body "{"msg":"not from here"}"
        upgrade to websocket at stream.exchange.example:9443: declined: status 200 OK, body "<html>\r\n<body>"
        upgrade to websocket at stream.exchange.example:9443: connection closed: it sent no whole answer
        upgrade to websocket at stream.exchange.example:9443: it speaks another protocol: invalid HTTP version
        upgrade to websocket at stream.exchange.example:9443: protocol violated: sec-websocket-accept is not the answer to our key
        upgrade to websocket at stream.exchange.example:9443: authentication failed: the key file is empty
        "#);
}

#[tokio::test]
async fn a_connection_that_breaks_says_how() {
    let mut lines = Vec::new();
    for frames in [
        &b""[..],
        b"\x83\x00",
        b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let mut socket = open(frames, !frames.is_empty()).await;
        let error = socket.next().await.unwrap().unwrap_err();
        lines.push(chain(&error).to_string());
    }
    assert_snapshot!(lines.join("\n"), @r#"
        keep the websocket open: the connection broke: Connection reset without closing handshake
        read the websocket: protocol violated: Encountered invalid opcode: 3
        read the websocket: message too large: Message too long: 9223372036854775807 > 16777216
        "#);
}
