//! How much time and how many bytes an answer may take. Time is paused.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};
use transport::{
    Connection, DialError, DialErrorKind, Dialer, HttpError, HttpErrorKind, Phase, ResponseLimits,
    Target,
};

use crate::common::{CONNECT_TIMEOUT, Piped, always, client, get, once, read_head};

const LIMIT: Duration = Duration::from_secs(5);

fn assert_no_answer(error: &HttpError) {
    assert_eq!(error.kind(), HttpErrorKind::Timeout);
    assert!(error.is_retryable());
    let dial = error.dial_error().unwrap();
    assert_eq!(
        (dial.phase(), dial.kind()),
        (Phase::Response, DialErrorKind::Timeout)
    );
    assert!(!dial.hop().is_proxy());
}

/// No more than `limit` to the head, and of silence.
fn within(limit: Duration) -> ResponseLimits {
    ResponseLimits {
        head: limit,
        silence: limit,
        ..ResponseLimits::default()
    }
}

fn of_size(size: usize) -> ResponseLimits {
    ResponseLimits {
        size,
        ..ResponseLimits::default()
    }
}

/// Says this, and then a digit each second, or nothing.
fn dripping(said: &'static str, drips: bool) -> impl Dialer + 'static {
    Piped::new(move |mut stream: DuplexStream| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(said.as_bytes()).await;
        loop {
            sleep(Duration::from_secs(1)).await;
            if drips && stream.write_all(b"1").await.is_err() {
                return;
            }
        }
    })
}

const OF_100_BYTES: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_head_that_stalls_or_drips_ends_at_its_limit() {
    for said in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nX: "] {
        for drips in [false, true] {
            let client = client(dripping(said, drips)).with_limits(within(LIMIT));
            let start = Instant::now();
            let answer = get(&client, "http://h.example/").await;
            // A drip that is no head ends sooner, as what it is.
            if start.elapsed() == LIMIT {
                assert_no_answer(&answer.unwrap_err());
            } else {
                assert!(said.is_empty() && start.elapsed() < LIMIT, "{said:?}");
                assert_eq!(answer.unwrap_err().kind(), HttpErrorKind::Broken);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_ends_at_the_limit_of_silence() {
    for said in [
        OF_100_BYTES,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab",
    ] {
        let limits = ResponseLimits {
            head: Duration::from_secs(60),
            ..within(LIMIT)
        };
        let client = client(dripping(said, false)).with_limits(limits);
        let start = Instant::now();
        assert_no_answer(&get(&client, "http://h.example/").await.unwrap_err());
        assert_eq!(start.elapsed(), LIMIT);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_keeps_coming_arrives_however_long_it_takes() {
    // freqtrade#10217, ccxt#15312: a list of instruments over a slow proxy was cut, each time anew.
    let client = client(dripping(OF_100_BYTES, true)).with_limits(within(LIMIT));
    let start = Instant::now();
    let answer = get(&client, "http://h.example/").await.unwrap();
    assert_eq!(answer.body().len(), 100);
    assert_eq!(start.elapsed(), Duration::from_secs(100));
}

#[tokio::test(start_paused = true)]
async fn a_total_ends_even_what_keeps_coming_if_it_is_asked_for() {
    let limits = ResponseLimits {
        total: Some(Duration::from_secs(50)),
        ..within(LIMIT)
    };
    let client = client(dripping(OF_100_BYTES, true)).with_limits(limits);
    let start = Instant::now();
    assert_no_answer(&get(&client, "http://h.example/").await.unwrap_err());
    assert_eq!(start.elapsed(), Duration::from_secs(50));
}

#[tokio::test(start_paused = true)]
async fn interim_answers_without_end_do_not_extend_the_limit() {
    let dialer = Piped::new(|mut stream: DuplexStream| async move {
        read_head(&mut stream).await;
        while stream
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await
            .is_ok()
        {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let client = client(dialer).with_limits(within(LIMIT));
    let start = Instant::now();
    assert_no_answer(&get(&client, "http://h.example/").await.unwrap_err());
    assert_eq!(start.elapsed(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_an_answer_does_not_count_the_dial() {
    /// Takes nearly as long as it may.
    struct Slow<D>(D);

    #[async_trait::async_trait]
    impl<D: Dialer> Dialer for Slow<D> {
        async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
            sleep(CONNECT_TIMEOUT - Duration::from_secs(1)).await;
            self.0.dial(target).await
        }
    }

    let reply = Piped::new(|mut stream: DuplexStream| async move {
        while !read_head(&mut stream).await.is_empty() {
            sleep(LIMIT - Duration::from_secs(1)).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    });
    let client = client(Slow(reply)).with_limits(within(LIMIT));
    let start = Instant::now();
    get(&client, "http://h.example/").await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(13));
    // And on the kept connection the limit begins at once.
    let start = Instant::now();
    get(&client, "http://h.example/").await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_dialer_that_hangs_is_stopped_at_the_limit_of_the_dial() {
    /// Knows no limits.
    struct Hanging;

    #[async_trait::async_trait]
    impl Dialer for Hanging {
        async fn connect(&self, _target: &Target) -> Result<Connection, DialError> {
            std::future::pending().await
        }
    }

    for uri in ["http://h.example/", "https://h.example/"] {
        let start = Instant::now();
        let error = get(&client(Hanging), uri).await.unwrap_err();
        assert_eq!(start.elapsed(), CONNECT_TIMEOUT);
        assert_eq!(error.kind(), HttpErrorKind::Dial);
        let dial = error.dial_error().unwrap();
        assert_eq!(
            (dial.phase(), dial.kind()),
            (Phase::Tcp, DialErrorKind::Timeout)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_exchange_ends_at_the_share_of_tls() {
    let silent = Piped::new(|stream: DuplexStream| async move {
        sleep(Duration::from_secs(600)).await;
        drop(stream);
    });
    let start = Instant::now();
    let error = get(&client(silent), "https://h.example/")
        .await
        .unwrap_err();
    assert_eq!(start.elapsed(), CONNECT_TIMEOUT / 2);
    let dial = error.dial_error().unwrap();
    assert_eq!(
        (dial.phase(), dial.kind()),
        (Phase::TargetTls, DialErrorKind::Timeout)
    );
}

#[tokio::test(start_paused = true)]
async fn no_limit_is_too_large_to_be_set() {
    let limits = ResponseLimits {
        head: Duration::MAX,
        silence: Duration::MAX,
        total: Some(Duration::MAX),
        size: usize::MAX,
    };
    let client = client(always("HTTP/1.1 204 No Content\r\n\r\n")).with_limits(limits);
    let answer = get(&client, "http://h.example/").await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_answer_of_the_largest_size_is_taken_and_one_byte_more_is_not() {
    for (body, fits) in [("12345", true), ("123456", false)] {
        let length = body.len();
        for reply in [
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"),
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length}\r\n{body}\r\n0\r\n\r\n"
            ),
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}"),
        ] {
            let client = client(once(reply)).with_limits(of_size(5));
            let answer = get(&client, "http://h.example/").await;
            assert_eq!(answer.is_ok(), fits);
            if let Err(error) = answer {
                assert_eq!(error.kind(), HttpErrorKind::TooLarge);
                assert!(!error.is_retryable());
            }
        }
    }
    // What arrives in pieces is put together.
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        2\r\nab\r\n1\r\nc\r\n2\r\nde\r\n0\r\n\r\n";
    let client_of_five = client(once(chunked)).with_limits(of_size(5));
    let answer = get(&client_of_five, "http://h.example/").await.unwrap();
    assert_eq!(answer.body(), "abcde");
    // Of an endless body no more is read than allowed.
    let endless = Piped::new(|mut stream: DuplexStream| async move {
        read_head(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n";
        let _ = stream.write_all(head).await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let error = get(
        &client(endless).with_limits(of_size(1 << 20)),
        "http://h.example/",
    )
    .await;
    assert_eq!(error.unwrap_err().kind(), HttpErrorKind::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn no_time_for_an_answer_is_a_timeout_and_not_a_loop() {
    /// Is not at once there.
    struct Slow<D>(D);

    #[async_trait::async_trait]
    impl<D: Dialer> Dialer for Slow<D> {
        async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
            sleep(Duration::from_secs(1)).await;
            self.0.dial(target).await
        }
    }

    let silent = Piped::new(|mut stream: DuplexStream| async move {
        while !read_head(&mut stream).await.is_empty() {}
    });
    let client = client(Slow(silent)).with_limits(within(Duration::ZERO));
    assert_no_answer(&get(&client, "http://h.example/").await.unwrap_err());
}
