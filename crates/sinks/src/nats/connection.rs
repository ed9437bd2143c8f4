//! One connection to a NATS server.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use async_nats::{AuthError, Client, ConnectOptions, HeaderMap, Message, StatusCode, Subscriber};
use futures_util::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::time::timeout;

use super::said::{Said, printable};
use super::server::NatsServer;
use super::subject::{message_id, subject};
use crate::record::Record;
use crate::sink::SinkError;

/// The header that names the run of an event.
pub(crate) const RUN_HEADER: &str = "Cryptofeed-Run";

/// The header that has the fence of an event's shard.
pub(crate) const FENCE_HEADER: &str = "Cryptofeed-Fence";

/// How long a connection may take, and an acknowledgement.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How many bytes of headers a message has at most.
const HEADERS: usize = 512;

/// The server's number for a message that is larger than the stream takes.
const TOO_LARGE: u64 = 10054;

/// A connection that ends when it is lost.
//
// The client would connect again by itself and send what it still has, behind which we would send what was
// lost before that: the order would be another. So each connection is a client of its own, whose login fails
// for a second time.
pub(super) struct Connection {
    client: Client,
    answers: Subscriber,
    /// What the subjects for answers begin with.
    inbox: String,
    pub(super) said: Said,
}

/// What the server says of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Stored(u64),
    /// It never will be.
    Refused(u64, String),
    /// No stream has its subject.
    NoStream(u64),
    /// It cannot be now.
    Failed(String),
}

impl Connection {
    pub(super) async fn open(server: &NatsServer) -> Result<Self, SinkError> {
        let (client, said) = connect(server, Life::One).await?;
        let failed = |error| SinkError::new("subscribe to acknowledgements", error);
        let inbox = client.new_inbox();
        let answers = client.subscribe(format!("{inbox}.*")).await;
        Ok(Self {
            answers: answers.map_err(failed)?,
            client,
            inbox,
            said,
        })
    }

    pub(super) fn context(&self) -> Context {
        let mut context = jetstream::new(self.client.clone());
        context.set_timeout(PATIENCE);
        context
    }

    /// Whether the server takes a message of that size at all.
    pub(super) fn takes(&self, record: &Record) -> bool {
        record.line.len() + HEADERS <= self.client.max_payload()
    }

    /// Sends a message, whose answer has its number. `record` is not stored until that has come.
    pub(super) async fn publish(&self, number: u64, record: &Record) -> Result<(), SinkError> {
        let mut headers = HeaderMap::new();
        headers.insert(async_nats::header::NATS_MESSAGE_ID, message_id(record));
        headers.insert(RUN_HEADER, record.run.as_str());
        if let Some(claim) = &record.claim {
            headers.insert(FENCE_HEADER, claim.fence().to_string());
        }
        let reply = format!("{}.{number}", self.inbox);
        let (subject, line) = (subject(record), record.line.clone());
        let client = &self.client;
        let sent = client.publish_with_reply_and_headers(subject, reply, headers, line);
        sent.await
            .map_err(|error| SinkError::new("send events", error))
    }

    /// Has what was sent on its way before the connection ends, if it can: behind that, it is sent again.
    pub(super) async fn end(self) {
        let _ = timeout(Duration::from_secs(1), self.client.flush()).await;
    }

    /// An answer that has come already.
    pub(super) fn answered(&mut self) -> Option<Result<Answer, SinkError>> {
        self.answers.next().now_or_never().map(read)
    }

    /// Waits for an answer.
    pub(super) async fn answer(&mut self) -> Result<Answer, SinkError> {
        match timeout(PATIENCE, self.answers.next()).await {
            Ok(message) => read(message),
            Err(elapsed) => Err(SinkError::new("have events acknowledged", elapsed)),
        }
    }
}

/// How long a client lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// For one connection.
    One,
    /// For as many as it takes.
    Many,
}

/// Connects to the user's own server.
pub(crate) async fn connect(server: &NatsServer, life: Life) -> Result<(Client, Said), SinkError> {
    let auth = server.login.auth();
    let is_used = Arc::new(AtomicBool::new(false));
    let mut options = ConnectOptions::with_auth_callback(move |_| {
        let is_over = is_used.swap(true, Ordering::Relaxed) && life == Life::One;
        let auth = auth.clone();
        async move {
            match is_over {
                true => Err(AuthError::new("the connection is over")),
                false => Ok(auth),
            }
        }
    });
    let said = Said::default();
    let noting = said.clone();
    options = options
        .name("cryptofeed")
        .event_callback(move |event| {
            noting.take_note(&event);
            ready(())
        })
        .connection_timeout(PATIENCE)
        .ping_interval(PATIENCE)
        .ignore_discovered_servers();
    if life == Life::One {
        let servers = server.url.addresses().len();
        options = options.max_reconnects(servers);
    }
    if let Some(ca_file) = &server.ca_file {
        options = options.add_root_certificates(ca_file.clone());
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the one exception: the user's own message broker, never an exchange"
    )]
    let connecting = options.connect(server.url.addresses());
    let client = connecting
        .await
        .map_err(|error| SinkError::new(format!("connect to {}", server.url), error))?;
    Ok((client, said))
}

//     <inbox>.17   {"stream":"MD","seq":4711}
//     <inbox>.18   {"stream":"MD","seq":4711,"duplicate":true}
//     <inbox>.19   {"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"},…}
//     <inbox>.20   status 503: no stream listens to the subject
fn read(message: Option<Message>) -> Result<Answer, SinkError> {
    let lost = || SinkError::new("have events acknowledged", "the connection is lost");
    let message = message.ok_or_else(lost)?;
    let number = message.subject.rsplit('.').next();
    let number = number.and_then(|number| number.parse().ok());
    let Some(number) = number else {
        return Ok(Answer::Failed("an answer has no number".to_owned()));
    };
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Ok(Answer::NoStream(number));
    }
    let answer: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
    let error = answer.get("error");
    if error.is_none() && answer.get("seq").is_some() {
        return Ok(Answer::Stored(number));
    }
    let text = error.and_then(|it| it.get("description")?.as_str());
    let text = text.unwrap_or("an answer cannot be understood");
    let text = printable(text);
    let code = error.and_then(|it| it.get("err_code")?.as_u64());
    match code {
        Some(TOO_LARGE) => Ok(Answer::Refused(number, text)),
        _ => Ok(Answer::Failed(text)),
    }
}
