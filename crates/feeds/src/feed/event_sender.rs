//! The way to the subscriber.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use crate::event::FeedEvent;

/// The subscriber has gone.
#[derive(Debug)]
pub(super) struct Stopped;

/// Sends events to the subscriber, and waits while it is behind.
#[derive(Debug, Clone)]
pub(super) struct EventSender {
    sender: mpsc::Sender<FeedEvent>,
}

impl EventSender {
    pub(super) fn new(sender: mpsc::Sender<FeedEvent>) -> Self {
        Self { sender }
    }

    pub(super) async fn send(&self, event: FeedEvent) -> Result<(), Stopped> {
        self.sender.send(event).await.map_err(|_| Stopped)
    }
}

/// The time by this machine's clock: nanoseconds since 1970, UTC.
pub(super) fn now_ns() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let since_1970 = since_1970.unwrap_or(Duration::ZERO).as_nanos();
    i64::try_from(since_1970).unwrap_or(i64::MAX)
}
