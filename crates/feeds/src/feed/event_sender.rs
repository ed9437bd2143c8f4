//! The way to the subscriber.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::failure::{Blocked, Failure};
use super::status::Board;
use crate::event::{FeedEvent, FeedEventKind, InvalidReason};
use crate::queue::{Backpressure, EventQueue, Gathered, Lane, QueueLimits, Source};
use crate::symbol::Symbol;

/// The subscriber has gone, or there is nothing left to stream.
#[derive(Debug)]
pub(super) struct Stopped;

/// No more is handed over at once than this part of what may wait: 256 events.
const PART: usize = 16;

/// Sends events to the subscriber, and waits while it is behind. Clones are about the same connection.
///
/// Market data is gathered, and handed over [together](Self::hand_over).
#[derive(Debug, Clone)]
pub(super) struct EventSender {
    exchange: &'static str,
    queue: EventQueue,
    board: Arc<Mutex<Board>>,
    /// The row of connections that the events are about.
    row: Option<u64>,
    lane: Arc<Lane>,
    connections: Arc<AtomicU64>,
    origin: Arc<Mutex<Origin>>,
    /// What is not handed over yet.
    gathered: Arc<Mutex<Gathered>>,
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
    pub(super) fn new(
        exchange: &'static str,
        queue: EventQueue,
        board: Arc<Mutex<Board>>,
        backpressure: Backpressure,
    ) -> Self {
        Self {
            exchange,
            queue,
            board,
            row: None,
            lane: Lane::of(Arc::new(Source::new(backpressure))),
            connections: Arc::default(),
            origin: Arc::new(Mutex::new(Origin::new(None))),
            gathered: Arc::default(),
        }
    }

    /// A sender to the same subscriber, for connections of another row.
    pub(super) fn for_other_connections(&self, row: u64) -> Self {
        Self {
            row: Some(row),
            lane: Lane::of(Arc::clone(self.lane.source())),
            origin: Arc::new(Mutex::new(Origin::new(None))),
            gathered: Arc::default(),
            ..self.clone()
        }
    }

    /// The queue to the subscriber.
    pub(super) fn queue(&self) -> &EventQueue {
        &self.queue
    }

    /// A connection is open; what is sent from now on is about it.
    pub(super) fn begin_connection(&self) {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        *self.origin.lock() = Origin::new(Some(before + 1));
    }

    /// Another connection is open beside it. Returns its number.
    pub(super) fn number_beside(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What is sent from now on is about the connection with that number, which is one of two that are open.
    pub(super) fn speak_of(&self, number: u64) {
        self.origin.lock().connection = Some(number);
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
    // The event is gathered before there is a future, which would be as large as it is.
    pub(super) fn send(
        &self,
        kind: FeedEventKind,
        received_ns: i64,
    ) -> impl Future<Output = Result<(), Stopped>> + Send {
        self.gather(kind, received_ns);
        self.hand_over_due()
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

    /// Sends what happens now.
    pub(super) async fn send_now(&self, kind: FeedEventKind) -> Result<(), Stopped> {
        self.send(kind, self.now_ns()).await
    }

    /// Takes what happened at `received_ns`, to be sent with the next [`hand_over_due`](Self::hand_over_due).
    pub(super) fn gather(&self, kind: FeedEventKind, received_ns: i64) {
        let connection = self.origin.lock().connection;
        let mut board = self.board.lock();
        board.note(self.row, connection, &kind, received_ns);
        drop(board);
        self.gathered.lock().push(FeedEvent {
            // Numbered when it is taken.
            sequence: 0,
            exchange: self.exchange.into(),
            connection,
            received_ns,
            kind,
        });
    }

    /// Hands over what is gathered, if that is much, or something else than market data is among it.
    pub(super) async fn hand_over_due(&self) -> Result<(), Stopped> {
        match self.is_due() {
            true => self.hand_over().await,
            false => Ok(()),
        }
    }

    fn is_due(&self) -> bool {
        let gathered = self.gathered.lock();
        let QueueLimits { events, bytes, .. } = self.queue.limits();
        gathered.is_urgent() || gathered.len() >= events / PART || gathered.bytes() >= bytes / PART
    }

    /// Ends when something is gathered. To be polled when there is nothing else to be done, so that what is
    /// read in one go is handed over in one go.
    pub(super) async fn gathered(&self) {
        if self.gathered.lock().is_empty() {
            std::future::pending::<()>().await;
        }
    }

    /// Hands over what is gathered.
    pub(super) async fn hand_over(&self) -> Result<(), Stopped> {
        let put = self.queue.put(&self.lane, &self.gathered).await;
        put.map_err(|_| Stopped)
    }

    /// Waits until changes of books have been dropped and there is room again, and tells which books need
    /// snapshots.
    pub(super) async fn broken(&self) -> Vec<Symbol> {
        let broken = self.queue.broken(&self.lane, &self.gathered).await;
        // One after the other: each takes a lock.
        let connection = self.connection();
        let now_ns = self.now_ns();
        let mut board = self.board.lock();
        for symbol in &broken {
            // As the queue has told.
            let invalid = FeedEventKind::BookInvalid {
                symbol: symbol.clone(),
                reason: InvalidReason::Dropped,
            };
            board.note(self.row, connection, &invalid, now_ns);
        }
        broken
    }

    /// Ends when the subscriber has gone, or is too far behind.
    pub(super) async fn closed(&self) {
        self.queue.closed(self.lane.source()).await;
    }

    /// Whether the feed has ended because the subscriber is behind.
    pub(super) fn is_behind(&self) -> bool {
        self.lane.source().is_behind()
    }
}

/// The time by this machine's clock: nanoseconds since 1970, UTC.
pub(super) fn wall_clock_ns() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let since_1970 = since_1970.unwrap_or(Duration::ZERO).as_nanos();
    i64::try_from(since_1970).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::event_queue;

    fn sender(queue: EventQueue) -> EventSender {
        EventSender::new("binance", queue, Arc::default(), Backpressure::Slow)
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_counted_over_all_connections_and_connections_over_the_feed() {
        let (queue, mut events) = event_queue(QueueLimits::default());
        let first = sender(queue);
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
        let sender = sender(queue);
        sender.begin_connection();
        let opened_ns = sender.now_ns();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(sender.now_ns() - opened_ns, 3_000_000_000);
    }
}
