//! The way to the subscriber.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::failure::{Blocked, Failure};
use super::status::Board;
use crate::event::{FeedEvent, FeedEventKind};
use crate::queue::EventQueue;

/// The subscriber has gone, or there is nothing left to stream.
#[derive(Debug)]
pub(super) struct Stopped;

/// Sends events to the subscriber, and waits while it is behind. Clones are about the same connection.
#[derive(Debug, Clone)]
pub(super) struct EventSender {
    exchange: &'static str,
    queue: EventQueue,
    board: Arc<Mutex<Board>>,
    /// The row of connections that the events are about.
    row: Option<u64>,
    counts: Arc<Counts>,
    origin: Arc<Mutex<Origin>>,
}

/// What is counted over all connections of a feed.
#[derive(Debug, Default)]
struct Counts {
    events: AtomicU64,
    connections: AtomicU64,
}

/// Where events come from.
#[derive(Debug, Clone, Copy)]
struct Origin {
    /// The number of the connection, or of the last one.
    connection: Option<u64>,
    /// The wall clock when it was opened.
    opened_ns: i64,
    opened_at: Instant,
}

impl Origin {
    fn new(connection: Option<u64>) -> Self {
        Self {
            connection,
            opened_ns: wall_clock_ns(),
            opened_at: Instant::now(),
        }
    }
}

impl EventSender {
    pub(super) fn new(exchange: &'static str, queue: EventQueue, board: Arc<Mutex<Board>>) -> Self {
        Self {
            exchange,
            queue,
            board,
            row: None,
            counts: Arc::default(),
            origin: Arc::new(Mutex::new(Origin::new(None))),
        }
    }

    /// A sender to the same subscriber, for connections of another row.
    pub(super) fn for_other_connections(&self, row: u64) -> Self {
        Self {
            row: Some(row),
            origin: Arc::new(Mutex::new(Origin::new(None))),
            ..self.clone()
        }
    }

    /// The queue to the subscriber.
    pub(super) fn queue(&self) -> &EventQueue {
        &self.queue
    }

    /// A connection is open; what is sent from now on is about it.
    pub(super) fn begin_connection(&self) {
        let before = self.counts.connections.fetch_add(1, Ordering::Relaxed);
        *self.origin.lock() = Origin::new(Some(before + 1));
    }

    /// The number of the connection, or of the last one.
    pub(super) fn connection(&self) -> Option<u64> {
        self.origin.lock().connection
    }

    /// The time: nanoseconds since 1970, UTC. Until the next connection it does not step back.
    pub(super) fn now_ns(&self) -> i64 {
        let origin = *self.origin.lock();
        let since = origin.opened_at.elapsed().as_nanos();
        let since = i64::try_from(since).unwrap_or(i64::MAX);
        origin.opened_ns.saturating_add(since)
    }

    /// Sends what happened at `received_ns`.
    pub(super) async fn send(&self, kind: FeedEventKind, received_ns: i64) -> Result<(), Stopped> {
        // Numbered when there is room, so that numbers are in the order of the events.
        let event = |kind| {
            let connection = self.origin.lock().connection;
            let mut board = self.board.lock();
            board.note(self.row, connection, &kind, received_ns);
            FeedEvent {
                sequence: self.counts.events.fetch_add(1, Ordering::Relaxed) + 1,
                exchange: self.exchange.into(),
                connection,
                received_ns,
                kind,
            }
        };
        self.queue.put(kind, event).await.map_err(|_| Stopped)
    }

    /// Tells that the exchange does not serve an address, if that is why something failed.
    pub(super) async fn send_blocked(&self, failure: &Failure) -> Result<(), Stopped> {
        let Some(Blocked { status, egress }) = &failure.blocked else {
            return Ok(());
        };
        let wait = failure.retry_after;
        let until = wait.and_then(|wait| i64::try_from(wait.as_nanos()).ok());
        let blocked = FeedEventKind::Blocked {
            status: *status,
            egress: egress.to_string(),
            until_ns: until.map(|wait_ns| self.now_ns().saturating_add(wait_ns)),
        };
        self.send_now(blocked).await
    }

    /// There are no connections of this row any longer.
    pub(super) fn close(&self) {
        if let Some(row) = self.row {
            self.board.lock().close(row);
        }
    }

    /// Ends when the subscriber has gone.
    pub(super) async fn closed(&self) {
        self.queue.closed().await;
    }

    /// Sends what happens now.
    pub(super) async fn send_now(&self, kind: FeedEventKind) -> Result<(), Stopped> {
        self.send(kind, self.now_ns()).await
    }
}

/// The time by this machine's clock: nanoseconds since 1970, UTC.
fn wall_clock_ns() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let since_1970 = since_1970.unwrap_or(Duration::ZERO).as_nanos();
    i64::try_from(since_1970).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{QueueLimits, event_queue};

    #[tokio::test(start_paused = true)]
    async fn events_are_counted_over_all_connections_and_connections_over_the_feed() {
        let (queue, mut events) = event_queue(QueueLimits::default());
        let first = EventSender::new("binance", queue, Arc::default());
        let second = first.for_other_connections(1);
        let notice = || FeedEventKind::ShutdownAnnounced;
        first.send_now(notice()).await.unwrap();
        second.begin_connection();
        second.send_now(notice()).await.unwrap();
        first.begin_connection();
        first.clone().send_now(notice()).await.unwrap();
        second.send_now(notice()).await.unwrap();
        let mut told = Vec::new();
        while told.len() < 4 {
            let event = events.recv().await.unwrap();
            told.push((event.sequence, event.connection));
        }
        assert_eq!(told, [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(1))]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_connection_goes_on_by_a_clock_that_does_not_step_back() {
        let (queue, _events) = event_queue(QueueLimits::default());
        let sender = EventSender::new("binance", queue, Arc::default());
        sender.begin_connection();
        let opened_ns = sender.now_ns();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(sender.now_ns() - opened_ns, 3_000_000_000);
    }
}
