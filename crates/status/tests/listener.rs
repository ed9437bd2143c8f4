//! The listener, asked by clients of all kinds over real sockets.
#![cfg(test)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proxy_config::ProxySettings;
use proxy_injector::ProxyInjector;
use status::{Board, Guard, ListenError, Listener, PATIENCE, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything may take that has to happen.
const LONG: Duration = Duration::from_secs(30);

const TOKEN: &str = "0123456789abcdef";

fn board() -> Board {
    let injector = ProxyInjector::new(ProxySettings::disabled());
    Board::new("test 1.0.0", Arc::new(injector), PATIENCE)
}

async fn listening(guard: Guard) -> SocketAddr {
    let loopback = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(loopback, guard).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(board()));
    address
}

#[expect(clippy::disallowed_methods, reason = "the client of a test")]
async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Sends `head` and reads to the end.
async fn exchange(address: SocketAddr, head: &str) -> String {
    let mut stream = connect(address).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The end may be a reset, if the listener did not want all that was sent.
    let _ = timeout(LONG, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8(answer).unwrap()
}

async fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    exchange(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n"),
    )
    .await
}

fn code(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[tokio::test]
async fn every_path_has_its_answer_and_nothing_is_loaded_from_elsewhere() {
    let address = listening(Guard::open()).await;
    for (path, expected, kind) in [
        ("/", "200", "text/html; charset=utf-8"),
        ("/?q=%3Cscript%3E&page=7", "200", "text/html; charset=utf-8"),
        ("/live", "200", "text/plain; charset=utf-8"),
        // It knows of no feed.
        ("/ready", "503", "application/json"),
        ("/status.json", "200", "application/json"),
        ("/style.css", "200", "text/css; charset=utf-8"),
        ("/live.js", "200", "text/javascript; charset=utf-8"),
        ("/icon.svg", "200", "image/svg+xml"),
        ("/../etc/passwd", "404", "text/plain; charset=utf-8"),
    ] {
        let answer = get(address, path, "").await;
        assert_eq!(code(&answer), expected, "{path}: {answer}");
        assert!(
            answer.contains(&format!("content-type: {kind}\r\n")),
            "{answer}"
        );
        let policy =
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; ";
        assert!(answer.contains(policy), "{answer}");
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let is_namespace = "http://www.w3.org/2000/svg";
        let elsewhere = body.replace(is_namespace, "");
        assert!(
            !elsewhere.contains("http://") && !elsewhere.contains("https://"),
            "{body}"
        );
        assert!(!body.contains("<script>"), "{body}");
    }
}

#[tokio::test]
async fn who_may_not_read_is_refused() {
    let address = listening(Guard::open()).await;
    let rebound = "GET / HTTP/1.1\r\nHost: attacker.example\r\n\r\n";
    assert_eq!(code(&exchange(address, rebound).await), "403");
    let across = "Origin: http://attacker.example\r\n";
    assert_eq!(code(&get(address, "/status.json", across).await), "403");
    let nameless = "GET / HTTP/1.0\r\n\r\n";
    assert_eq!(code(&exchange(address, nameless).await), "403");
    let changing = format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    let answer = exchange(address, &changing).await;
    assert_eq!(code(&answer), "405");
    assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
}

#[tokio::test]
async fn without_the_token_there_are_verdicts_and_no_reasons() {
    let guard = Guard::open().with_token(Token::parse(TOKEN).unwrap());
    let address = listening(guard).await;
    for path in ["/", "/status.json", "/updates", "/style.css", "/nothing"] {
        let answer = get(address, path, "Authorization: Bearer 0123456789abcdeX\r\n").await;
        assert_eq!(code(&answer), "401", "{path}");
        assert!(
            answer.contains("www-authenticate: Basic realm=\"status\""),
            "{answer}"
        );
        assert!(!answer.contains("test 1.0.0"), "{answer}");
    }
    assert_eq!(code(&get(address, "/live", "").await), "200");
    let bare = get(address, "/ready", "").await;
    assert!(bare.ends_with("{\"is_ready\":false}\n"), "{bare}");
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let whole = get(address, "/ready", &bearer).await;
    assert!(whole.contains("\"culprits\":[]"), "{whole}");
    let status = get(address, "/status.json", &bearer).await;
    assert!(
        status.contains("test 1.0.0") && !status.contains(TOKEN),
        "{status}"
    );
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_token() {
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let refused = Listener::bind(everywhere, Guard::open()).await.unwrap_err();
    assert!(matches!(refused, ListenError::Unprotected(_)), "{refused}");
    let guard = Guard::open().with_token(Token::parse(TOKEN).unwrap());
    assert!(Listener::bind(everywhere, guard).await.is_ok());
    assert!(
        Listener::bind_insecure(everywhere, Guard::open())
            .await
            .is_ok()
    );
    let mapped = "[::ffff:127.0.0.1]:0".parse().unwrap();
    let bound = Listener::bind(mapped, Guard::open()).await;
    assert!(!matches!(bound, Err(ListenError::Unprotected(_))));
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let address = listening(Guard::open()).await;
    let endless = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nX: {}",
        "x".repeat(100_000)
    );
    let answer = exchange(address, &endless).await;
    assert!(answer.is_empty() || code(&answer) == "431", "{answer}");
}

#[tokio::test]
async fn clients_that_say_nothing_do_not_keep_a_probe_waiting() {
    let address = listening(Guard::open()).await;
    let (mut page, _) = updates(address).await;
    let mut silent = Vec::new();
    for number in 0..300 {
        let mut stream = connect(address).await;
        // Those that had their room taken do not matter.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n").await;
        silent.push(stream);
        if number % 100 == 99 {
            // A kubelet waits for a second; a head that does not end has five.
            let probe = timeout(Duration::from_secs(1), get(address, "/live", ""));
            assert_eq!(code(&probe.await.unwrap()), "200");
        }
    }
    // Who has asked keeps its room.
    let mut piece = [0; 4096];
    while let Ok(count) = page.try_read(&mut piece) {
        assert_ne!(count, 0, "the page has ended");
    }
    let next = timeout(LONG, page.read(&mut piece)).await.unwrap();
    assert_ne!(next.unwrap(), 0, "the page has ended");
}

/// Opens a page's updates, and reads the first piece.
async fn updates(address: SocketAddr) -> (TcpStream, String) {
    let mut stream = connect(address).await;
    let head = format!("GET /updates HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut piece = vec![0; 16 * 1024];
    let count = timeout(LONG, stream.read(&mut piece))
        .await
        .unwrap()
        .unwrap();
    piece.truncate(count);
    (stream, String::from_utf8(piece).unwrap())
}

#[tokio::test]
async fn sixteen_pages_are_live_at_a_time_and_one_that_goes_makes_room() {
    let address = listening(Guard::open()).await;
    let mut open = Vec::new();
    for _ in 0..16 {
        let (stream, begin) = updates(address).await;
        assert_eq!(code(&begin), "200");
        assert!(begin.contains("content-type: text/event-stream"), "{begin}");
        open.push(stream);
    }
    assert_eq!(code(&updates(address).await.1), "503");
    assert_eq!(code(&get(address, "/live", "").await), "200");
    drop(open.pop());
    // What waits to be written finds that nobody reads.
    let freed = async { while code(&updates(address).await.1) != "200" {} };
    timeout(LONG, freed).await.unwrap();
}

#[tokio::test]
async fn updates_have_each_section_once_and_then_what_changes() {
    let address = listening(Guard::open()).await;
    let mut stream = connect(address).await;
    let head = format!("GET /updates HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    let mut piece = [0; 4096];
    while text.matches("\n\n").count() < 2 {
        let count = timeout(LONG, stream.read(&mut piece))
            .await
            .unwrap()
            .unwrap();
        assert_ne!(count, 0, "{text}");
        text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    let mut messages = text.split("data: ").skip(1);
    let first: serde_json::Value = serde_json::from_str(messages.next().unwrap().trim()).unwrap();
    let mut sections: Vec<_> = first
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    sections.sort_unstable();
    let expected = [
        "budgets",
        "connections",
        "events",
        "exchanges",
        "proxies",
        "routes",
        "symbols",
        "verdict",
    ];
    assert_eq!(sections, expected);
    // Time passes, and nothing else.
    let second = messages.next().unwrap().trim();
    let second: serde_json::Value = serde_json::from_str(second).unwrap();
    assert_eq!(
        second.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["verdict"]
    );
}
