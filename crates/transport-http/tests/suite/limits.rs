//! How much time and how many bytes an answer may take. Time is paused.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};
use transport::{
    Connection, DialError, DialErrorKind, Dialer, HttpError, HttpErrorKind, Phase, Target,
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

#[tokio::test(start_paused = true)]
async fn an_answer_that_stalls_or_drips_ends_at_its_limit() {
    for said in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ] {
        for drip in [false, true] {
            let dialer = Piped::new(move |mut stream: DuplexStream| async move {
                read_head(&mut stream).await;
                let _ = stream.write_all(said.as_bytes()).await;
                loop {
                    sleep(Duration::from_secs(1)).await;
                    if drip && stream.write_all(b"1").await.is_err() {
                        return;
                    }
                }
            });
            let client = client(dialer).with_response_timeout(LIMIT);
            let start = Instant::now();
            let answer = get(&client, "http://h.example/").await;
            // A drip that is no head ends sooner, as what it is.
            if start.elapsed() == LIMIT {
                assert_no_answer(&answer.unwrap_err());
            } else {
                assert!(drip && start.elapsed() < LIMIT, "{said:?}");
                assert_eq!(answer.unwrap_err().kind(), HttpErrorKind::Broken);
            }
        }
    }
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
    let client = client(dialer).with_response_timeout(LIMIT);
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
    let client = client(Slow(reply)).with_response_timeout(LIMIT);
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
    let client = client(always("HTTP/1.1 204 No Content\r\n\r\n"))
        .with_response_timeout(Duration::MAX)
        .with_max_response(usize::MAX);
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
            let client = client(once(reply)).with_max_response(5);
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
    let client_of_five = client(once(chunked)).with_max_response(5);
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
        &client(endless).with_max_response(1 << 20),
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
    let client = client(Slow(silent)).with_response_timeout(Duration::ZERO);
    assert_no_answer(&get(&client, "http://h.example/").await.unwrap_err());
}
