//! The events that wait for a subscriber.

mod gathered;
mod joining;
mod lane;
mod size;
mod waiting;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) use self::gathered::Gathered;
use self::joining::Joining;
pub(crate) use self::joining::JoiningShare;
pub use self::lane::Backpressure;
pub(crate) use self::lane::{Lane, Source};
use self::waiting::{Put, Waiting};
use crate::event::FeedEvent;
use crate::metrics::Observer;
use crate::symbol::Symbol;

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
    let shared = Arc::new(Shared {
        limits,
        waiting: Mutex::default(),
        room: Notify::new(),
        end: Notify::new(),
    });
    let queue = EventQueue {
        joining: Arc::new(Joining::of_at_most(limits.joining_bytes)),
        entrance: Arc::new(Entrance(Arc::clone(&shared))),
    };
    let events = Events {
        shared,
        observer: Default::default(),
    };
    (queue, events)
}

#[derive(Debug)]
struct Shared {
    limits: QueueLimits,
    waiting: Mutex<Waiting>,
    /// Half of it is free.
    room: Notify,
    /// The subscriber has gone, or a feed has ended because that is behind.
    end: Notify,
}

impl Shared {
    /// How many events wait.
    fn len(&self) -> usize {
        self.waiting.lock().len()
    }
}

/// Where feeds put their events.
#[derive(Debug, Clone)]
pub struct EventQueue {
    joining: Arc<Joining>,
    entrance: Arc<Entrance>,
}

/// Once it is dropped, nobody can put anything into the queue.
#[derive(Debug)]
struct Entrance(Arc<Shared>);

impl Drop for Entrance {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.is_last = true;
        let subscriber = waiting.subscriber.take();
        drop(waiting);
        if let Some(subscriber) = subscriber {
            subscriber.wake();
        }
    }
}

/// Nothing can be put into the queue any more.
#[derive(Debug)]
pub(crate) struct Closed;

impl EventQueue {
    fn shared(&self) -> &Shared {
        &self.entrance.0
    }

    /// How much may wait.
    pub(crate) fn limits(&self) -> &QueueLimits {
        &self.shared().limits
    }

    /// Puts everything that is `gathered` there, in one go or as there comes room for it. If the future is
    /// dropped, the rest is still there.
    pub(crate) async fn put(
        &self,
        lane: &Arc<Lane>,
        gathered: &Mutex<Gathered>,
    ) -> Result<(), Closed> {
        if let Some(outcome) = self.try_put(lane, gathered) {
            return outcome;
        }
        loop {
            let mut room = pin!(self.shared().room.notified());
            room.as_mut().enable();
            if let Some(outcome) = self.try_put(lane, gathered) {
                return outcome;
            }
            room.await;
        }
    }

    /// `None` if some find no room.
    fn try_put(&self, lane: &Arc<Lane>, gathered: &Mutex<Gathered>) -> Option<Result<(), Closed>> {
        let shared = self.shared();
        let mut waiting = shared.waiting.lock();
        let put = waiting.put(lane, &mut gathered.lock(), &shared.limits);
        let subscriber = match waiting.len() {
            0 => None,
            _ => waiting.subscriber.take(),
        };
        drop(waiting);
        if let Some(subscriber) = subscriber {
            subscriber.wake();
        }
        match put {
            Put::All => Some(Ok(())),
            Put::Full => None,
            Put::Refused => {
                shared.end.notify_waiters();
                shared.room.notify_waiters();
                Some(Err(Closed))
            }
        }
    }

    /// Waits until changes of books have been dropped and half of the queue is free, and tells which
    /// books need snapshots. Changes of them that are only `gathered` go, too.
    pub(crate) async fn broken(&self, lane: &Lane, gathered: &Mutex<Gathered>) -> Vec<Symbol> {
        let shared = self.shared();
        loop {
            let mut room = pin!(shared.room.notified());
            room.as_mut().enable();
            if shared.waiting.lock().is_half_free(&shared.limits) {
                gathered.lock().forget(|event| lane.is_void(event));
                let broken: Vec<_> = lane.broken.lock().drain().collect();
                if !broken.is_empty() {
                    return broken;
                }
            }
            room.await;
        }
    }

    /// The share of a book that waits for no snapshot.
    pub(crate) fn joining_share(&self) -> JoiningShare {
        JoiningShare::of(&self.joining)
    }

    /// How many bytes all shares may have together.
    pub(crate) fn joining_bytes(&self) -> usize {
        self.joining.most
    }

    /// Waits until the subscriber has gone, or the feed has ended because that is behind.
    pub(crate) async fn closed(&self, source: &Source) {
        let shared = self.shared();
        loop {
            let mut end = pin!(shared.end.notified());
            end.as_mut().enable();
            if source.is_behind() || shared.waiting.lock().is_closed {
                return;
            }
            end.await;
        }
    }
}

/// The events of the feeds that put them into the queue, in their order.
///
/// When it is dropped, the feeds end.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    observer: Observer,
}

impl Events {
    /// The next event; `None` once every feed has ended. Cancel safe.
    pub async fn recv(&mut self) -> Option<FeedEvent> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Waits for an event and appends it to `batch`, with as many of those that wait as make `limit`.
    /// Returns how many these are; 0 once every feed has ended. Cancel safe.
    pub async fn recv_many(&mut self, batch: &mut Vec<FeedEvent>, limit: usize) -> usize {
        let before = batch.len();
        let mut take = |waiting: &mut Waiting| waiting.move_to(batch, limit);
        let count = poll_fn(|cx| self.poll_take(cx, limit, &mut take)).await;
        let read = batch.get(before..).unwrap_or_default();
        self.observer.observe(read, || self.shared.len());
        count
    }

    /// Whether no event waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Has the feeds end. The events that wait can still be taken.
    pub fn close(&mut self) {
        self.shared.waiting.lock().is_closed = true;
        // Whoever waits for room waits no longer.
        self.shared.room.notify_waiters();
        self.shared.end.notify_waiters();
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<FeedEvent>> {
        let mut next = None;
        let taken = self.poll_take(cx, 1, |waiting| next = waiting.take(1).next());
        let read = next.as_slice();
        self.observer.observe(read, || self.shared.len());
        taken.map(|_| next)
    }

    /// Has as many as `limit` events taken as soon as there are any, and tells how many: 0 if none will come.
    fn poll_take(
        &self,
        cx: &mut Context<'_>,
        limit: usize,
        take: impl FnOnce(&mut Waiting),
    ) -> Poll<usize> {
        let mut waiting = self.shared.waiting.lock();
        let count = waiting.len().min(limit);
        if count > 0 {
            take(&mut waiting);
            let has_room = waiting.is_half_free(&self.shared.limits);
            drop(waiting);
            if has_room {
                self.shared.room.notify_waiters();
            }
            Poll::Ready(count)
        } else if waiting.is_closed || waiting.is_last || limit == 0 {
            Poll::Ready(0)
        } else {
            waiting.subscriber = Some(cx.waker().clone());
            Poll::Pending
        }
    }
}

impl Stream for Events {
    type Item = FeedEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedEvent>> {
        self.poll_recv(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests;
