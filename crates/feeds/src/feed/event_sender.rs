//! The way to the subscriber.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
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

/// How many bytes of messages in a row have one time.
const ONE_LOOK: usize = 4 * 1024;

/// No more is handed over at once than this part of what may wait: 682 events.
// Their lines fit into an empty pipe of 256 KiB, which is what the command makes of its own. Of more, each part
// would be two writes, and a wait for the reader in between.
const PART: usize = 6;

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
    /// The number of the connection that events are about, or of the last one; 0 before the first.
    connection: Arc<AtomicU64>,
    clock: Arc<Mutex<Clock>>,
    moment: Arc<Moment>,
    /// What is not handed over yet.
    gathered: Arc<Mutex<Gathered>>,
    /// Whether that is due. Beside the lock, since each message asks.
    due: Arc<AtomicBool>,
}

/// The time since a connection was opened.
#[derive(Debug, Clone, Copy)]
struct Clock {
    /// The wall clock then.
    opened_ns: i64,
    opened_at: Instant,
}

impl Clock {
    fn start() -> Self {
        Self {
            opened_ns: wall_clock_ns(),
            opened_at: Instant::now(),
        }
    }

    fn now_ns(&self) -> i64 {
        let since = self.opened_at.elapsed().as_nanos();
        let since = i64::try_from(since).unwrap_or(i64::MAX);
        self.opened_ns.saturating_add(since)
    }
}

/// The time that messages in a row have.
// All who ask for it are parts of one task: no lock is needed.
#[derive(Debug)]
struct Moment {
    at_ns: AtomicI64,
    /// How many bytes of messages may still have it; [`Self::OVER`] if the clock is to be looked at again.
    left: AtomicUsize,
}

impl Moment {
    const OVER: usize = usize::MAX;

    fn over() -> Arc<Self> {
        Arc::new(Self {
            at_ns: AtomicI64::new(0),
            left: AtomicUsize::new(Self::OVER),
        })
    }

    fn end(&self) {
        self.left.store(Self::OVER, Ordering::Relaxed);
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
            connection: Arc::default(),
            clock: Arc::new(Mutex::new(Clock::start())),
            moment: Moment::over(),
            gathered: Arc::default(),
            due: Arc::default(),
        }
    }

    /// A sender to the same subscriber, for connections of another row.
    pub(super) fn for_other_connections(&self, row: u64) -> Self {
        Self {
            row: Some(row),
            lane: Lane::of(Arc::clone(self.lane.source())),
            connection: Arc::default(),
            clock: Arc::new(Mutex::new(Clock::start())),
            moment: Moment::over(),
            gathered: Arc::default(),
            due: Arc::default(),
            ..self.clone()
        }
    }

    /// The queue to the subscriber.
    pub(super) fn queue(&self) -> &EventQueue {
        &self.queue
    }

    /// A connection is open; what is sent from now on is about it.
    pub(super) fn begin_connection(&self) {
        self.speak_of(self.number_beside());
        *self.clock.lock() = Clock::start();
        self.begin_row();
    }

    /// Another connection is open beside it. Returns its number.
    pub(super) fn number_beside(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What is sent from now on is about the connection with that number, which is one of two that are open.
    pub(super) fn speak_of(&self, number: u64) {
        self.connection.store(number, Ordering::Relaxed);
    }

    /// The number of the connection, or of the last one.
    pub(super) fn connection(&self) -> Option<u64> {
        Some(self.connection.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    /// The time: nanoseconds since 1970, UTC. Until the next connection it does not step back.
    pub(super) fn now_ns(&self) -> i64 {
        // What comes later has no earlier time.
        self.begin_row();
        self.clock.lock().now_ns()
    }

    /// What comes now is the first of a row.
    pub(super) fn begin_row(&self) {
        self.moment.end();
    }

    /// When a message of so many bytes came that is taken in a row with others, without a wait in between.
    ///
    /// The clock is looked at for as much at a time as takes some twenty microseconds, since it costs as much as
    /// to read a message of a hundred bytes.
    pub(super) fn arrived_ns(&self, bytes: usize) -> i64 {
        let Moment { at_ns, left } = &*self.moment;
        let rest = match left.load(Ordering::Relaxed) {
            Moment::OVER => {
                at_ns.store(self.clock.lock().now_ns(), Ordering::Relaxed);
                ONE_LOOK
            }
            rest => rest,
        };
        let rest = rest.checked_sub(bytes).unwrap_or(Moment::OVER);
        left.store(rest, Ordering::Relaxed);
        at_ns.load(Ordering::Relaxed)
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
        self.note();
        if let Some(row) = self.row {
            self.board.lock().close(row);
        }
    }

    /// Sends what happens now.
    pub(super) async fn send_now(&self, kind: FeedEventKind) -> Result<(), Stopped> {
        self.send(kind, self.now_ns()).await
    }

    /// Takes what happened at `received_ns`, to be sent with the next [`hand_over_due`](Self::hand_over_due).
    // Inlined, so that the event is made near where it stays.
    #[inline(always)]
    pub(super) fn gather(&self, kind: FeedEventKind, received_ns: i64) {
        let connection = self.connection();
        let mut gathered = self.gathered.lock();
        gathered.push(FeedEvent {
            // Numbered when it is taken.
            sequence: 0,
            exchange: self.exchange.into(),
            connection,
            received_ns,
            kind,
        });
        let QueueLimits { events, bytes, .. } = self.queue.limits();
        let is_much = gathered.len() >= events / PART || gathered.bytes() >= bytes / PART;
        if is_much || gathered.is_urgent() {
            self.due.store(true, Ordering::Relaxed);
        }
    }

    /// Hands over what is gathered, if that is much, or something else than market data is among it.
    pub(super) async fn hand_over_due(&self) -> Result<(), Stopped> {
        match self.is_due() {
            true => self.hand_over().await,
            false => Ok(()),
        }
    }

    /// Takes note on the board of what is gathered, once: before it is handed over, and so before anybody sees it.
    fn note(&self) {
        let mut gathered = self.gathered.lock();
        let mut board = self.board.lock();
        board.note_all(self.row, gathered.take_unnoted());
    }

    /// Whether much is gathered, or something else than market data is among it.
    pub(super) fn is_due(&self) -> bool {
        self.due.load(Ordering::Relaxed)
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
        self.note();
        // There may be no room.
        self.begin_row();
        let put = self.queue.put(&self.lane, &self.gathered).await;
        self.due.store(false, Ordering::Relaxed);
        put.map_err(|_| Stopped)
    }

    /// Waits until changes of books have been dropped and there is room again, and tells which books need
    /// snapshots.
    pub(super) async fn broken(&self) -> Vec<Symbol> {
        let broken = self.queue.broken(&self.lane, &self.gathered).await;
        self.note();
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
    use crate::event::Ticker;
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

    fn ticker() -> FeedEventKind {
        FeedEventKind::Ticker(Ticker {
            symbol: "A-B".parse().unwrap(),
            bid: None,
            bid_size: None,
            ask: None,
            ask_size: None,
            last_id: None,
            timestamp_ns: None,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn messages_in_a_row_have_one_time_until_the_clock_is_looked_at_again() {
        let (queue, _events) = event_queue(QueueLimits::default());
        let sender = sender(queue);
        sender.begin_connection();
        let second = Duration::from_secs(1);
        let arrived_after_a_second = async |bytes| {
            tokio::time::advance(second).await;
            sender.arrived_ns(bytes)
        };
        let first = sender.arrived_ns(ONE_LOOK / 2);
        assert_eq!(arrived_after_a_second(ONE_LOOK / 2).await, first);
        assert_eq!(arrived_after_a_second(1).await, first);
        let next = arrived_after_a_second(1).await;
        assert_eq!(next - first, 3_000_000_000, "as much as has one time");
        tokio::time::advance(second).await;
        let told = sender.now_ns();
        assert_eq!(arrived_after_a_second(1).await - told, 1_000_000_000);
        sender.begin_row();
        assert_eq!(arrived_after_a_second(1).await - told, 2_000_000_000);
        sender.hand_over().await.unwrap();
        assert_eq!(arrived_after_a_second(1).await - told, 3_000_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn the_board_knows_of_each_event_once_when_it_is_handed_over() {
        let (queue, _events) = event_queue(QueueLimits::default());
        let sender = sender(queue).for_other_connections(7);
        sender.begin_connection();
        let connected = FeedEventKind::Connected {
            proxies: Vec::new(),
            symbols: 1,
            replaces: None,
        };
        sender.send_now(connected).await.unwrap();
        let brought = || sender.board.lock().status("binance").connections[0].events;
        sender.gather(ticker(), 1);
        sender.gather(ticker(), 2);
        assert_eq!(brought(), 0);
        for _again in 0..2 {
            sender.hand_over().await.unwrap();
            assert_eq!(brought(), 2);
        }
        sender.gather(ticker(), 3);
        sender.hand_over().await.unwrap();
        assert_eq!(brought(), 3);
    }
}
