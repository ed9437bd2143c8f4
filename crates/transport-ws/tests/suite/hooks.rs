//! Logins and observers.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_trait::async_trait;
use futures_util::StreamExt;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use testkit::{PanickingDialer, RecordingDialer};
use tokio::io::DuplexStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio_tungstenite::WebSocketStream;
use transport::{
    BoxError, ConnectionInfo, DialError, DialErrorKind, Hop, HttpError, Message, Phase, Target,
    WsDialer, WsRequest,
};
use transport_ws::{Authenticator, FrameObserver, Hooks};

use crate::common::{Piped, answer, client, exchange, request, text};

/// Fails as told.
struct Failing<F>(F);

#[async_trait]
impl<F: Fn() -> BoxError + Send + Sync> Authenticator for Failing<F> {
    async fn prepare(&self, _request: &mut WsRequest) -> Result<(), BoxError> {
        Err((self.0)())
    }
}

fn refused() -> DialError {
    let hop = Target::parse("api.example", 443)
        .unwrap()
        .endpoint()
        .clone();
    DialError::new(Hop::Target(hop), Phase::Tcp, DialErrorKind::Refused)
}

#[tokio::test]
async fn a_login_that_fails_keeps_the_connection_from_being_made() {
    let failing = |cause: fn() -> BoxError| {
        client(PanickingDialer)
            .with_hooks(Hooks::default().with_authenticator(Arc::new(Failing(cause))))
    };
    let wrong = failing(|| "the key is wrong".into());
    let error = wrong.dial(request("ws://h.example/")).await.unwrap_err();
    assert_eq!(error.kind(), DialErrorKind::Authentication);
    assert_eq!(error.phase(), Phase::Upgrade);
    assert!(!error.is_retryable());
    // A login that did not even get through is worth another try.
    let causes: [fn() -> BoxError; 2] = [|| refused().into(), || HttpError::from(refused()).into()];
    for cause in causes {
        let error = failing(cause)
            .dial(request("ws://h.example/"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.phase(), error.kind()),
            (Phase::Tcp, DialErrorKind::Refused)
        );
        assert_eq!(error.hop(), refused().hop());
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn every_connection_is_prepared_anew_and_only_the_result_is_dialed() {
    /// Sends each connection to another host, with another header and another greeting.
    #[derive(Default)]
    struct Counting(Mutex<u16>);

    #[async_trait]
    impl Authenticator for Counting {
        async fn prepare(&self, request: &mut WsRequest) -> Result<(), BoxError> {
            let count = {
                let mut count = self.0.lock().unwrap();
                *count += 1;
                *count
            };
            request.set_uri(format!("ws://h{count}.example/{count}").parse()?)?;
            request
                .headers
                .insert(AUTHORIZATION, HeaderValue::from(count));
            request
                .first_messages
                .push(Message::text(format!("login {count}")));
            Ok(())
        }
    }

    let (sender, mut greetings) = unbounded_channel();
    let listening = exchange(move |mut socket: WebSocketStream<DuplexStream>| {
        let sender = sender.clone();
        async move {
            if let Some(Ok(frame)) = socket.next().await {
                sender.send(frame).unwrap();
            }
        }
    });
    let dialer = Arc::new(RecordingDialer::new(listening));
    let client = client(Arc::clone(&dialer))
        .with_hooks(Hooks::default().with_authenticator(Arc::new(Counting::default())));
    let original = request("ws://h.example/");
    for count in 1..=2 {
        let _socket = client.dial(original.clone()).await.unwrap();
        let greeting = greetings.recv().await.unwrap();
        assert_eq!(greeting, text(&format!("login {count}")));
    }
    let dialed: Vec<_> = dialer.targets().iter().map(Target::to_string).collect();
    assert_eq!(dialed, ["h1.example:80", "h2.example:80"]);
}

/// Remembers frames.
#[derive(Default)]
struct Log {
    seen: Mutex<Vec<(ConnectionInfo, Message, SystemTime)>>,
    wants_no_time: bool,
}

impl FrameObserver for Log {
    fn observe(&self, connection: &ConnectionInfo, frame: &Message, received_at: SystemTime) {
        let seen = (connection.clone(), frame.clone(), received_at);
        self.seen.lock().unwrap().push(seen);
    }

    fn wants_time(&self) -> bool {
        !self.wants_no_time
    }
}

/// Receives a message with `hooks`, and returns it with its connection.
async fn receive(hooks: Hooks) -> (ConnectionInfo, Message) {
    let exchange = Piped::new(|stream| async {
        answer(stream).await;
    });
    let client = client(exchange).with_hooks(hooks);
    let mut socket = client.dial(request("ws://h.example/")).await.unwrap();
    let message = socket.next().await.unwrap().unwrap();
    (socket.info().clone(), message)
}

#[tokio::test]
async fn an_observer_sees_every_frame_before_anybody_else() {
    let log = Arc::new(Log::default());
    let start = SystemTime::now();
    let (connection, message) =
        receive(Hooks::default().with_observer(Arc::clone(&log) as _)).await;
    let seen = log.seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].0, connection);
    assert_eq!(seen[0].1, message);
    assert!(seen[0].2 >= start);
}

#[tokio::test]
async fn the_clock_is_read_if_one_of_the_observers_wants_the_time() {
    let log = |wants_no_time| {
        Arc::new(Log {
            wants_no_time,
            ..Log::default()
        })
    };
    let is_told = |log: &Log| log.seen.lock().unwrap()[0].2 > SystemTime::UNIX_EPOCH;
    let alone = log(true);
    receive(Hooks::default().with_observer(Arc::clone(&alone) as _)).await;
    assert!(!is_told(&alone));
    let (one, other) = (log(true), log(false));
    let hooks = Hooks::default().with_observer(Arc::clone(&one) as _);
    receive(hooks.with_observer(Arc::clone(&other) as _)).await;
    assert!(is_told(&other));
}
