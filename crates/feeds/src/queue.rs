//! The events that wait for a subscriber.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::{Semaphore, mpsc};

use crate::event::{FeedEvent, FeedEventKind, L2Delta, L2Snapshot};
use crate::level::Level;

/// How much may wait for a subscriber. What exceeds it waits in the sockets, and slows the exchanges
/// down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Events: 4,096 by default.
    pub events: usize,
    /// Bytes of memory, as far as they can be told: 64 MiB by default. An event of more than that waits
    /// until nothing else does.
    pub bytes: usize,
    /// Bytes of memory of the book changes that wait for their snapshots, of all books together: 64 MiB by
    /// default. With more, a book that has more than an equal part of them forgets the older half of its
    /// own, which is told: it needs a newer snapshot.
    pub joining_bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            events: 4096,
            bytes: 64 << 20,
            joining_bytes: 64 << 20,
        }
    }
}

/// A queue of events, for one feed or for several.
///
/// Both limits count at least one event.
#[must_use]
pub fn event_queue(limits: QueueLimits) -> (EventQueue, Events) {
    let (sender, events) = mpsc::channel(limits.events.clamp(1, Semaphore::MAX_PERMITS));
    let most = u32::try_from(limits.bytes.max(1)).unwrap_or(u32::MAX);
    let room = Arc::new(Room {
        bytes: Semaphore::new(most as usize),
        most,
    });
    let queue = EventQueue {
        sender,
        room: Arc::clone(&room),
        joining: Arc::new(Joining {
            bytes: AtomicUsize::new(0),
            holders: AtomicUsize::new(0),
            most: limits.joining_bytes,
        }),
    };
    (queue, Events { events, room })
}

#[derive(Debug)]
struct Room {
    bytes: Semaphore,
    most: u32,
}

impl Room {
    /// What an event takes up: the same before and after it has waited.
    fn of(&self, kind: &FeedEventKind) -> u32 {
        u32::try_from(bytes_of(kind)).map_or(self.most, |bytes| bytes.min(self.most))
    }
}

/// Where feeds put their events.
#[derive(Debug, Clone)]
pub struct EventQueue {
    sender: mpsc::Sender<FeedEvent>,
    room: Arc<Room>,
    joining: Arc<Joining>,
}

/// What the changes that wait for snapshots take up.
#[derive(Debug)]
struct Joining {
    bytes: AtomicUsize,
    /// How many shares are not empty.
    holders: AtomicUsize,
    most: usize,
}

/// One book's part of it.
#[derive(Debug)]
pub(crate) struct JoiningShare {
    all: Arc<Joining>,
    bytes: usize,
}

impl JoiningShare {
    /// Makes it so many bytes, and tells whether that is too many: more than an equal part, where all
    /// together are more than they may be. Whoever has more than that learns it with its next change.
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        if bytes == self.bytes {
            return false;
        }
        let Joining {
            bytes: all,
            holders,
            most,
        } = &*self.all;
        match (self.bytes, bytes) {
            (0, _) => holders.fetch_add(1, Ordering::Relaxed),
            (_, 0) => holders.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
        all.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
        let all = all
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        let part = most / holders.load(Ordering::Relaxed).max(1);
        all > *most && bytes > part
    }
}

impl Drop for JoiningShare {
    fn drop(&mut self) {
        self.resize(0);
    }
}

/// The subscriber has gone.
#[derive(Debug)]
pub(crate) struct Closed;

impl EventQueue {
    /// Waits for room for an event of this kind, and then puts there what `event` makes of it.
    pub(crate) async fn put(
        &self,
        kind: FeedEventKind,
        event: impl FnOnce(FeedEventKind) -> FeedEvent,
    ) -> Result<(), Closed> {
        let bytes = self.room.bytes.acquire_many(self.room.of(&kind));
        let bytes = bytes.await.map_err(|_| Closed)?;
        let place = self.sender.reserve().await.map_err(|_| Closed)?;
        // Until it is taken.
        bytes.forget();
        place.send(event(kind));
        Ok(())
    }

    /// The share of a book that waits for no snapshot.
    pub(crate) fn joining_share(&self) -> JoiningShare {
        JoiningShare {
            all: Arc::clone(&self.joining),
            bytes: 0,
        }
    }

    /// How many bytes all shares may have together.
    pub(crate) fn joining_bytes(&self) -> usize {
        self.joining.most
    }

    /// Waits until the subscriber has gone.
    pub(crate) async fn closed(&self) {
        self.sender.closed().await;
    }
}

/// The events of the feeds that put them into the queue, in their order.
///
/// When it is dropped, the feeds end.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<FeedEvent>,
    room: Arc<Room>,
}

impl Events {
    /// The next event; `None` once every feed has ended. Cancel safe.
    pub async fn recv(&mut self) -> Option<FeedEvent> {
        let event = self.events.recv().await?;
        self.make_room([&event]);
        Some(event)
    }

    /// Waits for an event and appends it to `batch`, with as many of those that wait as make `limit`.
    /// Returns how many these are; 0 once every feed has ended. Cancel safe.
    pub async fn recv_many(&mut self, batch: &mut Vec<FeedEvent>, limit: usize) -> usize {
        let before = batch.len();
        let count = self.events.recv_many(batch, limit).await;
        self.make_room(batch.iter().skip(before));
        count
    }

    /// Whether no event waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Has the feeds end. The events that wait can still be taken.
    pub fn close(&mut self) {
        self.events.close();
        // Whoever waits for room waits no longer.
        self.room.bytes.close();
    }

    fn make_room<'a>(&self, taken: impl IntoIterator<Item = &'a FeedEvent>) {
        let bytes = taken.into_iter().map(|event| self.room.of(&event.kind));
        self.room
            .bytes
            .add_permits(bytes.map(|it| it as usize).sum());
    }
}

impl Stream for Events {
    type Item = FeedEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedEvent>> {
        let next = self.events.poll_recv(cx);
        if let Poll::Ready(Some(event)) = &next {
            self.make_room([event]);
        }
        next
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.close();
    }
}

fn bytes_of(kind: &FeedEventKind) -> usize {
    let levels = |bids: &Vec<Level>, asks: &Vec<Level>| {
        (bids.capacity() + asks.capacity()) * size_of::<Level>()
    };
    let text = |texts: &[&String]| texts.iter().map(|text| text.capacity()).sum::<usize>();
    let beside = match kind {
        FeedEventKind::L2Snapshot(L2Snapshot { bids, asks, .. })
        | FeedEventKind::L2Delta(L2Delta { bids, asks, .. }) => levels(bids, asks),
        FeedEventKind::Unknown { kind, excerpt } => text(&[kind, excerpt]),
        FeedEventKind::Malformed { reason, excerpt } => text(&[reason, excerpt]),
        FeedEventKind::Rejected { message, .. }
        | FeedEventKind::Notice { text: message }
        | FeedEventKind::TradesLost {
            reason: message, ..
        } => text(&[message]),
        _ => 0,
    };
    size_of::<FeedEvent>() + beside
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn event(kind: FeedEventKind) -> FeedEvent {
        FeedEvent {
            sequence: 1,
            exchange: "binance".into(),
            connection: None,
            received_ns: 0,
            kind,
        }
    }

    fn notice(length: usize) -> FeedEventKind {
        FeedEventKind::Notice {
            text: "x".repeat(length),
        }
    }

    #[tokio::test]
    async fn an_event_waits_until_there_is_room_for_its_bytes() {
        let (queue, mut events) = event_queue(QueueLimits {
            events: 100,
            bytes: 10_000,
            ..QueueLimits::default()
        });
        let put = |length| queue.put(notice(length), event).now_or_never();
        assert!(put(6_000).is_some());
        assert!(put(6_000).is_none(), "no room");
        assert!(put(100).is_some(), "a smaller one has");
        assert_eq!(events.len(), 2);
        events.recv().await.unwrap();
        assert!(put(6_000).is_some());
        let mut batch = Vec::new();
        assert_eq!(events.recv_many(&mut batch, 10).await, 2);
        // Larger than everything: alone.
        assert!(put(50_000).is_some());
        assert!(put(1).is_none());
        assert!(events.recv().await.is_some());
        assert!(put(1).is_some());
    }

    #[tokio::test]
    async fn what_is_not_put_takes_no_room() {
        let (queue, mut events) = event_queue(QueueLimits {
            events: 1,
            bytes: 10_000,
            ..QueueLimits::default()
        });
        queue.put(notice(1), event).await.unwrap();
        // There are bytes, and no place.
        assert!(queue.put(notice(9_000), event).now_or_never().is_none());
        events.recv().await.unwrap();
        assert!(queue.put(notice(9_000), event).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_waits_for_room_learns_that_the_subscriber_has_gone() {
        let (queue, events) = event_queue(QueueLimits {
            events: 10,
            bytes: 1,
            ..QueueLimits::default()
        });
        queue.put(notice(1), event).await.unwrap();
        let waiting = queue.put(notice(1), event);
        let (outcome, ()) = tokio::join!(waiting, async { drop(events) });
        assert!(outcome.is_err());
        queue.closed().await;
    }
}
