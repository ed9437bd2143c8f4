//! How long the steps of a connection may take. Time is paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::accept_async;
use transport::{
    BoxError, Connection, DialError, DialErrorKind, Dialer, Message, Phase, Target, WsDialer,
    WsRequest,
};
use transport_ws::{Authenticator, Hooks, WsClient};

use crate::common::{Piped, TIMEOUT, client, read_head, request};

/// How a dial of `uri` fails, and after how long.
async fn timed(client: WsClient<Arc<dyn Dialer>>, request: WsRequest) -> (DialError, Duration) {
    let start = Instant::now();
    let error = client.dial(request).await.unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Timeout);
    assert!(error.is_retryable());
    (error, start.elapsed())
}

fn silent() -> impl Dialer + 'static {
    Piped::new(|mut stream: DuplexStream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_stalls_ends_at_the_share_of_the_phase() {
    let (error, elapsed) = timed(client(silent()), request("ws://h.example/")).await;
    assert_eq!((error.phase(), elapsed), (Phase::Upgrade, TIMEOUT / 2));
    let (error, elapsed) = timed(client(silent()), request("wss://h.example/")).await;
    assert_eq!((error.phase(), elapsed), (Phase::TargetTls, TIMEOUT / 2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_drips_ends_at_the_share_of_the_upgrade() {
    let dripping = Piped::new(|mut stream: DuplexStream| async move {
        read_head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nX: ")
            .await;
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let (error, elapsed) = timed(client(dripping), request("ws://h.example/")).await;
    assert_eq!((error.phase(), elapsed), (Phase::Upgrade, TIMEOUT / 2));
}

#[tokio::test(start_paused = true)]
async fn first_messages_that_nobody_reads_end_at_the_share_of_the_upgrade() {
    let deaf = Piped::new(|stream: DuplexStream| async move {
        let _socket = accept_async(stream).await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut request = request("ws://h.example/");
    // More than the pipe holds.
    request
        .first_messages
        .push(Message::text("x".repeat(1 << 20)));
    let (error, elapsed) = timed(client(deaf), request).await;
    assert_eq!((error.phase(), elapsed), (Phase::Upgrade, TIMEOUT / 2));
}

/// Logs in after this time.
struct Slow(Duration);

#[async_trait]
impl Authenticator for Slow {
    async fn prepare(&self, _request: &mut WsRequest) -> Result<(), BoxError> {
        sleep(self.0).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_hangs_ends_at_its_share_and_a_slow_one_counts() {
    let hanging = client(silent())
        .with_hooks(Hooks::default().with_authenticator(Arc::new(Slow(TIMEOUT * 9))));
    let (error, elapsed) = timed(hanging, request("ws://h.example/")).await;
    assert_eq!((error.phase(), elapsed), (Phase::Upgrade, TIMEOUT / 2));

    // 4 s for the login, 4 s to dial, and so 2 s are left for the upgrade.
    let four = Duration::from_secs(4);
    let slow =
        client(Delayed(four)).with_hooks(Hooks::default().with_authenticator(Arc::new(Slow(four))));
    let (error, elapsed) = timed(slow, request("ws://h.example/")).await;
    assert_eq!((error.phase(), elapsed), (Phase::Upgrade, TIMEOUT));
}

/// Dials a silent exchange after this time, whatever the limit.
struct Delayed(Duration);

#[async_trait]
impl Dialer for Delayed {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        sleep(self.0).await;
        silent().dial(target).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialer_that_hangs_is_stopped_at_the_deadline() {
    for uri in ["ws://h.example/", "wss://h.example/"] {
        let (error, elapsed) = timed(client(Delayed(TIMEOUT * 9)), request(uri)).await;
        assert_eq!((error.phase(), elapsed), (Phase::Tcp, TIMEOUT));
    }
}

#[tokio::test(start_paused = true)]
async fn no_limit_is_too_large_to_be_set() {
    let exchange: Arc<dyn Dialer> = Arc::new(Piped::new(|stream: DuplexStream| async move {
        let mut socket = accept_async(stream).await.unwrap().into_inner();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    }));
    let tls = transport_tls::TlsTrust::platform().client_config(&[]);
    let client = WsClient::new(exchange, tls, Duration::MAX);
    client.dial(request("ws://h.example/")).await.unwrap();
}

#[tokio::test]
async fn dropping_a_dial_or_an_open_connection_closes_it_at_once() {
    let (sender, mut ends) = unbounded_channel();
    // Upgrades the second connection.
    let accepts = Arc::new(AtomicBool::new(false));
    let exchange = Piped::new(move |mut stream: DuplexStream| {
        let (sender, accepts) = (sender.clone(), accepts.fetch_or(true, Ordering::Relaxed));
        async move {
            if accepts {
                stream = accept_async(stream).await.unwrap().into_inner();
            }
            let _ = stream.read_to_end(&mut Vec::new()).await;
            sender.send(()).unwrap();
        }
    });
    let client = client(exchange);
    let dialing = client.dial(request("ws://h.example/"));
    assert!(timeout(Duration::from_millis(10), dialing).await.is_err());
    ends.recv().await.unwrap();
    drop(client.dial(request("ws://h.example/")).await.unwrap());
    ends.recv().await.unwrap();
}
