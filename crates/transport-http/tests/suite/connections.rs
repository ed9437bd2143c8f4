//! Which connection a request takes, and when there is a new one.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{Request, StatusCode};
use testkit::{PanickingDialer, RecordingDialer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::unbounded_channel;
use transport::{
    Connection, ConnectionInfo, DialError, DialErrorKind, Dialer, HttpErrorKind, HttpTransport,
    Phase, Target, chain,
};

use crate::common::{Piped, always, client, get, once, read_head};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn requests_share_a_connection_and_each_answer_knows_it() {
    let dialer = Arc::new(RecordingDialer::new(always(OK)));
    let client = client(Arc::clone(&dialer));
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let request = Request::builder().method(method).uri("http://h.example/");
        let response = client
            .send(request.body(Bytes::new()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.body(), "ok");
        assert!(response.extensions().get::<ConnectionInfo>().is_some());
    }
    assert_eq!(dialer.targets().len(), 1);
}

#[tokio::test]
async fn two_clients_never_share_a_connection() {
    let dialer = Arc::new(RecordingDialer::new(always(OK)));
    for _client in 0..2 {
        let client = client(Arc::clone(&dialer));
        get(&client, "http://h.example/").await.unwrap();
    }
    assert_eq!(dialer.targets().len(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_without_an_error() {
    let dialer = Arc::new(RecordingDialer::new(once(OK)));
    let client = client(Arc::clone(&dialer));
    for _request in 0..3 {
        get(&client, "http://h.example/").await.unwrap();
        // The close arrives.
        tokio::task::yield_now().await;
    }
    assert_eq!(dialer.targets().len(), 3);
}

#[tokio::test]
async fn a_request_that_was_sent_is_not_sent_again() {
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&requests);
    // Answers the first request on a connection, and closes upon the second.
    let dialer = Piped::new(move |mut stream: DuplexStream| {
        let seen = Arc::clone(&seen);
        async move {
            read_head(&mut stream).await;
            seen.fetch_add(1, Ordering::Relaxed);
            stream.write_all(OK.as_bytes()).await.unwrap();
            read_head(&mut stream).await;
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    let client = client(dialer);
    get(&client, "http://h.example/").await.unwrap();
    let order = Request::post("http://h.example/order").body(Bytes::new());
    let error = client.send(order.unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Broken);
    assert_eq!(error.dial_error().unwrap().kind(), DialErrorKind::Closed);
    assert_eq!(requests.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_nobodys_answer() {
    let twice = format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
    let client = client(always(twice));
    for _request in 0..3 {
        let response = get(&client, "http://h.example/").await.unwrap();
        assert_eq!(response.body(), "ok");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_that_speaks_first_is_quoted() {
    // hyper#2673: "operation was canceled: received unexpected message from connection".
    for (said, shown) in [
        ("SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.6"),
        ("HTTP/1.1 503 No server\r\n\r\n", "HTTP/1.1 503 No server"),
    ] {
        // Before the request is sent, and before the client knows of the connection.
        for is_early in [false, true] {
            let dialer = Piped::new(move |mut stream: DuplexStream| async move {
                let _ = stream.write_all(said.as_bytes()).await;
                let _ = stream.read_to_end(&mut Vec::new()).await;
            });
            let client = match is_early {
                false => client(dialer),
                true => client(Late(dialer)),
            };
            let error = get(&client, "http://h.example/").await.unwrap_err();
            assert_eq!(
                chain(&error).to_string(),
                format!(
                    "complete GET h.example/: get an answer from h.example:80: it speaks another \
                     protocol: it answers before it is asked: \"{shown}\""
                )
            );
            assert!(error.is_retryable());
        }
    }
}

/// Hands a connection on when the other side has had time to speak.
struct Late<D>(D);

#[async_trait::async_trait]
impl<D: Dialer> Dialer for Late<D> {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let connection = self.0.dial(target).await;
        tokio::task::yield_now().await;
        connection
    }
}

#[tokio::test]
async fn a_dropped_request_closes_its_connection_at_once() {
    let (sender, mut ends) = unbounded_channel();
    let dialer = Piped::new(move |mut stream: DuplexStream| {
        let sender = sender.clone();
        async move {
            read_head(&mut stream).await;
            sender.send("asked").unwrap();
            stream.read_to_end(&mut Vec::new()).await.unwrap();
            sender.send("left").unwrap();
        }
    });
    let client = client(dialer);
    tokio::select! {
        _ = get(&client, "http://h.example/") => panic!("nobody answered"),
        asked = ends.recv() => assert_eq!(asked, Some("asked")),
    }
    assert_eq!(ends.recv().await, Some("left"));
}

#[tokio::test]
async fn redirects_are_returned_and_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let reply = format!(
            "HTTP/1.1 {status} Moved\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n"
        );
        let dialer = Arc::new(RecordingDialer::new(always(reply)));
        let client = client(Arc::clone(&dialer));
        let request = Request::get("http://h.example/").header(AUTHORIZATION, "key");
        let response = client
            .send(request.body(Bytes::new()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
        let dialed: Vec<_> = dialer.targets().iter().map(Target::to_string).collect();
        assert_eq!(dialed, ["h.example:80"]);
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_is_refused_before_dialing() {
    let client = client(PanickingDialer);
    for uri in [
        "/relative",
        "ws://h.example/",
        "ftp://h.example/",
        "http://h.example:0/",
    ] {
        let error = get(&client, uri).await.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Request, "{uri}");
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_request_names_its_host_and_its_agent_and_lets_both_be_overridden() {
    let (sender, mut heads) = unbounded_channel();
    let dialer = Piped::new(move |mut stream: DuplexStream| {
        let sender = sender.clone();
        async move {
            sender.send(read_head(&mut stream).await).unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    });
    let client = client(dialer);
    get(&client, "http://h.example:8080/path?query")
        .await
        .unwrap();
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("GET /path?query HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("host: h.example:8080\r\n"), "{head}");
    assert!(head.contains("user-agent: cryptofeed/"), "{head}");
    let request = Request::get("http://h.example/").header(USER_AGENT, "mine");
    client
        .send(request.body(Bytes::new()).unwrap())
        .await
        .unwrap();
    let head = heads.recv().await.unwrap();
    assert!(head.contains("user-agent: mine\r\n"), "{head}");
}

#[tokio::test]
async fn the_named_host_has_no_login_and_no_default_port() {
    let (sender, mut heads) = unbounded_channel();
    let dialer = Piped::new(move |mut stream: DuplexStream| {
        let sender = sender.clone();
        async move {
            sender.send(read_head(&mut stream).await).unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    });
    let client = client(dialer);
    for (uri, host) in [
        ("http://h.example/", "h.example"),
        ("http://h.example:80/", "h.example"),
        ("http://h.example:443/", "h.example:443"),
        ("http://alice:secret@h.example/", "h.example"),
        ("http://alice:secret@h.example:8080/", "h.example:8080"),
        ("http://[::1]/", "[::1]"),
        ("http://[::1]:8080/", "[::1]:8080"),
    ] {
        get(&client, uri).await.unwrap();
        let head = heads.recv().await.unwrap();
        assert!(head.contains(&format!("host: {host}\r\n")), "{head}");
    }
}

#[tokio::test]
async fn a_panic_of_a_dialer_reaches_its_caller_and_harms_no_other() {
    /// Panics for one host.
    struct Touchy<D>(D);

    #[async_trait::async_trait]
    impl<D: Dialer> Dialer for Touchy<D> {
        async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
            assert!(target.host().to_string() != "bad.example", "not that one");
            self.0.dial(target).await
        }
    }

    let client = client(Touchy(always(OK)));
    let panicking = AssertUnwindSafe(get(&client, "http://bad.example/"));
    assert!(panicking.catch_unwind().await.is_err());
    get(&client, "http://h.example/").await.unwrap();
}

#[tokio::test]
async fn a_failed_dial_is_handed_on_as_it_is() {
    /// Finds no way.
    struct Lost;

    #[async_trait::async_trait]
    impl Dialer for Lost {
        async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
            let hop = transport::Hop::Target(target.endpoint().clone());
            let error = DialError::new(hop, Phase::Route, DialErrorKind::NoRoute);
            Err(error.with_source("no proxy is configured"))
        }
    }

    for uri in ["http://h.example/", "https://h.example/"] {
        let error = get(&client(Lost), uri).await.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Dial);
        assert!(!error.is_retryable());
        let dial = error.dial_error().unwrap();
        assert_eq!(
            (dial.phase(), dial.kind()),
            (Phase::Route, DialErrorKind::NoRoute)
        );
    }
}

#[tokio::test]
async fn debug_shows_the_limits_of_a_client_and_no_dialer() {
    let shown = format!("{:?}", client(PanickingDialer));
    assert_eq!(
        shown,
        "HttpClient { limits: ResponseLimits { head: 30s, silence: 30s, total: None, \
         size: 67108864 }, .. }"
    );
}
