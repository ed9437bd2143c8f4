//! Reading what a stream has.

use std::error::Error;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::Stream;
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// How long the next message may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) type Problem = Box<dyn Error + Send + Sync>;

/// Reads the messages that `config` chooses and that are there now, in their order.
pub(crate) async fn read(
    stream: &Stream,
    config: OrderedConfig,
    mut take: impl FnMut(&Message) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let consumer = stream.create_consumer(config).await?;
    let mut left = consumer.cached_info().num_pending;
    if left == 0 {
        return Ok(());
    }
    let mut messages = consumer.messages().await?;
    while left > 0 {
        let next = timeout(PATIENCE, messages.next()).await?;
        let message = next.ok_or("the server has ended it")??;
        // Some that were there may be too old now.
        left = (left - 1).min(message.info()?.pending);
        take(&message)?;
    }
    Ok(())
}
