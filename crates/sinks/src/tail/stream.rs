//! A stream of a NATS JetStream, read back.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Source, Summary, Tail};
use crate::nats::NatsServer;
use crate::nats::connection::{Life, RUN_HEADER, connect};
use crate::run::RunId;
use crate::sink::SinkError;

/// How long the next message may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a stream from its first event to the one that is the last now, and checks it.
///
/// # Errors
/// [`SinkError`] if the server or the stream is not there, or the server stops answering.
pub async fn read_stream(server: &NatsServer, stream: &str) -> Result<Summary, SinkError> {
    let (client, said) = connect(server, Life::Many).await?;
    let context = jetstream::new(client);
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        said.explain(SinkError::new(format!("read the stream {stream}"), error))
    };
    let found = context.get_stream(stream).await;
    let mut found = found.map_err(|error| failed(error.into()))?;
    let state = found.info().await.map_err(|error| failed(error.into()))?;
    let (messages, last) = (state.state.messages, state.state.last_sequence);
    let mut tail = Tail::new(Source::Stream);
    if messages == 0 {
        return Ok(tail.finish());
    }
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..OrderedConfig::default()
    };
    let consumer = found.create_consumer(config).await;
    let consumer = consumer.map_err(|error| failed(error.into()))?;
    let messages = consumer.messages().await;
    let mut messages = messages.map_err(|error| failed(error.into()))?;
    loop {
        let next = timeout(PATIENCE, messages.next()).await;
        let Some(message) = next.map_err(|elapsed| failed(elapsed.into()))? else {
            return Err(failed("the server has ended it".into()));
        };
        let message = message.map_err(|error| failed(error.into()))?;
        let info = message.info().map_err(failed)?;
        let (sequence, pending) = (info.stream_sequence, info.pending);
        let headers = message.headers.as_ref();
        let run = headers.and_then(|it| it.get(RUN_HEADER));
        let run = RunId::named(run.map_or("unnamed", |it| it.as_str()));
        if let Err(problem) = tail.take_line(&run, &message.payload) {
            let problem = problem.to_string();
            let problem = problem.escape_debug();
            tail.summary
                .find(format!("message {sequence}: failed to {problem}"));
        }
        if sequence >= last || pending == 0 {
            return Ok(tail.finish());
        }
    }
}
