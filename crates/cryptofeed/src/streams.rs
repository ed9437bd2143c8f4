//! Running feeds and their events.

use std::sync::Arc;
use std::time::Duration;

use feeds::{Events, FeedEvent, QueueLimits, Unavailable, event_queue};
use proxy_config::ExchangeId;
use proxy_injector::ProxyInjector;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use crate::configuration::ConfiguredFeed;
use crate::failure::Failure;

/// The most events of one batch.
const BATCH: usize = 256;

/// Feeds, which run until this is dropped.
#[derive(Debug)]
pub(crate) struct Streams {
    events: Events,
    feeds: JoinSet<Result<(), (ExchangeId, Unavailable)>>,
}

impl Streams {
    /// Starts `feeds` over the transports of `injector`. What waits to be taken has the limits `memory`.
    pub(crate) fn start(
        injector: &Arc<ProxyInjector>,
        feeds: Vec<ConfiguredFeed>,
        memory: QueueLimits,
    ) -> Self {
        let (queue, events) = event_queue(memory);
        let mut running = JoinSet::new();
        for feed in feeds {
            let (id, queue) = (feed.id.clone(), queue.clone());
            let feed = feed.into_feed(injector);
            running.spawn(async move { feed.run(queue).await.map_err(|error| (id, error)) });
        }
        Self {
            events,
            feeds: running,
        }
    }

    /// Waits for the next events and takes all that are there, up to some hundreds.
    pub(crate) async fn next(&mut self) -> Result<Vec<FeedEvent>, Failure> {
        let mut batch = Vec::new();
        tokio::select! {
            _ = self.events.recv_many(&mut batch, BATCH) => Ok(batch),
            Some(ended) = self.feeds.join_next() => Err(failure(ended)),
        }
    }

    /// Ends the feeds, which say farewell to their exchanges, and waits for `limit` until they have.
    pub(crate) async fn leave(&mut self, limit: Duration) {
        self.events.close();
        let ended = async { while self.feeds.join_next().await.is_some() {} };
        // A feed that takes longer is dropped.
        let _ = timeout(limit, ended).await;
    }

    /// Whether no event waits to be taken.
    pub(crate) fn is_idle(&self) -> bool {
        self.events.is_empty()
    }
}

/// The failure of a feed that has ended. It must not end as long as its events are received.
fn failure(ended: Result<Result<(), (ExchangeId, Unavailable)>, JoinError>) -> Failure {
    match ended {
        Ok(Err((id, unavailable))) => {
            let key = match unavailable {
                Unavailable::Channel { .. } => "channels",
                _ => "symbols",
            };
            Failure::Configuration(vec![format!("feeds.{id}.{key}: {unavailable}")])
        }
        Ok(Ok(())) => Failure::runtime("keep the feeds running", "a feed ended unexpectedly"),
        Err(error) => Failure::runtime("keep the feeds running", error),
    }
}
