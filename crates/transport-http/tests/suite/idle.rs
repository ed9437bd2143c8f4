//! Connections that died while they were idle. Time is paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use http::Request;
use testkit::RecordingDialer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Instant, sleep};
use transport::{Dialer, HttpErrorKind, HttpTransport, chain};

use crate::common::{Piped, client, get, read_head};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const URI: &str = "http://h.example/";
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers one request on each of the first connections, and swallows what follows; answers everything
/// on later ones.
fn dying(first: usize) -> Arc<RecordingDialer<impl Dialer + 'static>> {
    let opened = AtomicUsize::new(0);
    Arc::new(RecordingDialer::new(Piped::new(
        move |mut stream: DuplexStream| {
            let dies = opened.fetch_add(1, Ordering::Relaxed) < first;
            async move {
                let mut answered = 0;
                while !read_head(&mut stream).await.is_empty() {
                    // So that those of one moment need a connection each.
                    tokio::task::yield_now().await;
                    if !dies || answered == 0 {
                        let _ = stream.write_all(OK).await;
                        answered += 1;
                    }
                }
            }
        },
    )))
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_yields_nothing_is_replaced_within_seconds() {
    let dialer = dying(1);
    let client = client(Arc::clone(&dialer));
    get(&client, URI).await.unwrap();
    let start = Instant::now();
    assert_eq!(get(&client, URI).await.unwrap().body(), "ok");
    assert_eq!(start.elapsed(), PATIENCE);
    assert_eq!(dialer.targets().len(), 2);
    // The new one is kept.
    let start = Instant::now();
    get(&client, URI).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(dialer.targets().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn all_that_were_idle_are_given_up_together() {
    let dialer = dying(2);
    let client = client(Arc::clone(&dialer));
    let (one, other) = join(get(&client, URI), get(&client, URI)).await;
    one.and(other).unwrap();
    assert_eq!(dialer.targets().len(), 2);
    let start = Instant::now();
    get(&client, URI).await.unwrap();
    assert_eq!(start.elapsed(), PATIENCE);
    assert_eq!(dialer.targets().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_have_had_an_effect_waits_and_says_on_what() {
    let dialer = dying(1);
    let client = client(Arc::clone(&dialer));
    get(&client, URI).await.unwrap();
    let start = Instant::now();
    let order = Request::post(URI).body(Bytes::from_static(b"buy")).unwrap();
    let error = client.send(order).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    assert_eq!(error.kind(), HttpErrorKind::Timeout);
    assert_eq!(
        chain(&error).to_string(),
        "complete POST h.example/: get an answer from h.example:80: timed out: \
         no head within 30s, on a reused connection"
    );
    assert_eq!(dialer.targets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn both_tries_share_one_limit() {
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&requests);
    // An exchange that answers nothing but the very first request.
    let dialer = Piped::new(move |mut stream: DuplexStream| {
        let seen = Arc::clone(&seen);
        async move {
            while !read_head(&mut stream).await.is_empty() {
                if seen.fetch_add(1, Ordering::Relaxed) == 0 {
                    let _ = stream.write_all(OK).await;
                }
            }
        }
    });
    let client = client(dialer);
    get(&client, URI).await.unwrap();
    let start = Instant::now();
    let error = get(&client, URI).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    assert_eq!(error.kind(), HttpErrorKind::Timeout);
    assert_eq!(requests.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_waited_for_once_it_has_begun() {
    let dialer = Arc::new(RecordingDialer::new(Piped::new(
        |mut stream: DuplexStream| async move {
            while !read_head(&mut stream).await.is_empty() {
                sleep(Duration::from_secs(4)).await;
                let _ = stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await;
                sleep(Duration::from_secs(20)).await;
                let _ = stream.write_all(OK).await;
            }
        },
    )));
    let client = client(Arc::clone(&dialer));
    for _request in 0..2 {
        let start = Instant::now();
        get(&client, URI).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(24));
    }
    assert_eq!(dialer.targets().len(), 1);
}

#[tokio::test]
async fn an_idempotent_request_whose_connection_closes_is_made_again() {
    let (sender, mut closed) = unbounded_channel();
    // Answers one request on each connection, and closes upon the second (hyper#2136).
    let dialer = Arc::new(RecordingDialer::new(Piped::new(
        move |mut stream: DuplexStream| {
            let sender = sender.clone();
            async move {
                read_head(&mut stream).await;
                stream.write_all(OK).await.unwrap();
                if !read_head(&mut stream).await.is_empty() {
                    sender.send(()).unwrap();
                }
            }
        },
    )));
    let client = client(Arc::clone(&dialer));
    get(&client, URI).await.unwrap();
    assert_eq!(get(&client, URI).await.unwrap().body(), "ok");
    closed.recv().await.unwrap();
    assert_eq!(dialer.targets().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_uses_is_closed_after_90_seconds() {
    let (sender, mut ends) = unbounded_channel();
    let dialer = Piped::new(move |mut stream: DuplexStream| {
        let sender = sender.clone();
        async move {
            for pause in [60, 0] {
                read_head(&mut stream).await;
                sleep(Duration::from_secs(pause)).await;
                stream.write_all(OK).await.unwrap();
            }
            let answered = Instant::now();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
            sender.send(answered.elapsed()).unwrap();
        }
    });
    let limits = transport::ResponseLimits {
        head: Duration::from_secs(100),
        ..transport::ResponseLimits::default()
    };
    let client = client(dialer).with_limits(limits);
    for _request in 0..2 {
        get(&client, URI).await.unwrap();
    }
    assert_eq!(ends.recv().await.unwrap(), Duration::from_secs(90));
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_a_request_never_ends_is_not_kept() {
    let (sender, mut ends) = unbounded_channel();
    // Answers before it has the whole request, and reads no more of it.
    let dialer = Piped::new(move |mut stream: DuplexStream| {
        let sender = sender.clone();
        async move {
            read_head(&mut stream).await;
            stream.write_all(OK).await.unwrap();
            sleep(Duration::from_secs(91)).await;
            sender
                .send(stream.read_to_end(&mut Vec::new()).await)
                .unwrap();
        }
    });
    let client = client(dialer);
    let order = Request::post(URI).body(Bytes::from(vec![b'x'; 1 << 20]));
    client.send(order.unwrap()).await.unwrap();
    let read = ends.recv().await.unwrap().unwrap();
    assert!(read < 1 << 20, "all {read} bytes were sent");
}
