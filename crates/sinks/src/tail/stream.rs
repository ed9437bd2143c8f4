//! A stream of a NATS JetStream, read back.

use async_nats::jetstream;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;

use super::{Source, Summary, Tail};
use crate::fence::Fence;
use crate::nats::NatsServer;
use crate::nats::connection::{FENCE_HEADER, Life, RUN_HEADER, connect};
use crate::nats::reading::read;
use crate::run::RunId;
use crate::sink::SinkError;

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
    let found = found.map_err(|error| failed(error.into()))?;
    let mut tail = Tail::new(Source::Stream);
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..OrderedConfig::default()
    };
    let read = read(&found, config, |message| {
        let sequence = message.info()?.stream_sequence;
        let headers = message.headers.as_ref();
        let run = headers.and_then(|it| it.get(RUN_HEADER));
        let run = RunId::named(run.map_or("unnamed", |it| it.as_str()));
        let text = headers.and_then(|it| it.get(FENCE_HEADER));
        let fence = text.and_then(|it| Fence::parse(it.as_str()));
        if text.is_some() && fence.is_none() {
            let problem = format!("message {sequence}: its fence cannot be read");
            tail.summary.find(problem);
        }
        if let Err(problem) = tail.take_line(&run, fence.as_ref(), &message.payload) {
            let problem = problem.to_string();
            let problem = problem.escape_debug();
            let problem = format!("message {sequence}: failed to {problem}");
            tail.summary.find(problem);
        }
        Ok(())
    });
    read.await.map_err(failed)?;
    Ok(tail.finish())
}
