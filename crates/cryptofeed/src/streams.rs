//! Running feeds and their events.

use std::sync::Arc;
use std::vec::IntoIter;

use feeds::{Events, FeedEvent, QueueLimits, Unavailable, event_queue};
use proxy_config::ExchangeId;
use proxy_injector::ProxyInjector;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};
use transport::ResponseLimits;

use crate::configuration::ConfiguredFeed;
use crate::failure::Failure;

/// The most events of one batch.
const BATCH: usize = 256;

/// Feeds, which run until this is dropped.
#[derive(Debug)]
pub(crate) struct Streams {
    events: Events,
    /// Events that have come out of it, for [`take`](Self::take).
    batch: IntoIter<FeedEvent>,
    feeds: JoinSet<Result<(), (ExchangeId, Unavailable)>>,
}

impl Streams {
    /// Starts `feeds` over the transports of `injector`. What waits to be taken has the limits `memory`, and
    /// answers to REST requests have the limits `answers`.
    pub(crate) fn start(
        injector: &Arc<ProxyInjector>,
        feeds: Vec<ConfiguredFeed>,
        memory: QueueLimits,
        answers: ResponseLimits,
    ) -> Self {
        let (queue, events) = event_queue(memory);
        let mut running = JoinSet::new();
        for feed in feeds {
            let (id, queue) = (feed.id.clone(), queue.clone());
            let feed = feed.into_feed(injector, answers);
            running.spawn(async move { feed.run(queue).await.map_err(|error| (id, error)) });
        }
        Self {
            events,
            batch: IntoIter::default(),
            feeds: running,
        }
    }

    /// Waits until there is an event to take.
    pub(crate) async fn arrived(&mut self) -> Result<(), Failure> {
        if self.batch.len() == 0 {
            let mut batch = Vec::new();
            tokio::select! {
                _ = self.events.recv_many(&mut batch, BATCH) => {}
                Some(ended) = self.feeds.join_next() => return Err(failure(ended)),
            }
            self.batch = batch.into_iter();
        }
        Ok(())
    }

    /// The next of the events that have arrived.
    pub(crate) fn take(&mut self) -> Option<FeedEvent> {
        self.batch.next()
    }

    /// How many events wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.batch.len() + self.events.len()
    }

    /// Tells the feeds to end.
    pub(crate) fn close(&mut self) {
        self.events.close();
    }

    /// The next of the events that waited when the feeds were told to end.
    pub(crate) async fn take_rest(&mut self) -> Option<FeedEvent> {
        if self.batch.len() == 0 && !self.events.is_empty() {
            let mut batch = Vec::new();
            self.events.recv_many(&mut batch, BATCH).await;
            self.batch = batch.into_iter();
        }
        self.take()
    }

    /// Waits until `end` for the feeds, which say farewell to their exchanges when they are told to end.
    pub(crate) async fn leave(&mut self, end: Instant) {
        let ended = async { while self.feeds.join_next().await.is_some() {} };
        // A feed that takes longer is dropped.
        let _ = timeout_at(end, ended).await;
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
