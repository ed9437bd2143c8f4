//! The queue of one sink, and the task that empties it.

mod task;
mod waiting;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use feeds::Backpressure;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use self::waiting::Waiting;
use crate::sink::Sink;

pub(crate) use self::waiting::Arrival;

/// How much may wait for a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutletLimits {
    /// Events: 65,536 by default.
    pub events: usize,
    /// Bytes of their lines: 64 MiB by default.
    pub bytes: usize,
}

impl Default for OutletLimits {
    fn default() -> Self {
        Self {
            events: 65_536,
            bytes: 64 << 20,
        }
    }
}

/// What is done about a sink that is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutletSettings {
    /// What to do when as much waits as may: wait until half of it is stored, which slows the feeds down
    /// and with them the sockets; drop changes of order books, told by
    /// [`ChangesDropped`](feeds::FeedEventKind::ChangesDropped) and
    /// [`BookInvalid`](feeds::FeedEventKind::BookInvalid) and followed by a new snapshot; or stop.
    pub backpressure: Backpressure,
    /// How much may wait.
    pub limits: OutletLimits,
}

/// The state of a sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutletStatus {
    /// How many events are not stored yet.
    pub unstored: usize,
    /// How many changes of order books have been dropped.
    pub dropped: u64,
}

/// The way to one sink.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) name: &'static str,
    settings: OutletSettings,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    /// How many that were dropped have been logged.
    told: u64,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    waiting: Mutex<Waiting>,
    /// Something waits, or is to be done.
    arrived: Notify,
    /// Half of the queue is free.
    room: Notify,
    /// How many the task and the sink have in hand.
    in_hand: AtomicUsize,
}

impl Outlet {
    /// Starts a task for `sink`, within a runtime.
    pub(crate) fn start(name: &'static str, sink: impl Sink, settings: OutletSettings) -> Self {
        let shared = Arc::new(Shared::default());
        let running = task::run(name, sink, Arc::clone(&shared), settings.limits);
        Self {
            name,
            settings,
            task: tokio::spawn(running),
            shared,
            told: 0,
        }
    }

    pub(crate) fn drops(&self) -> bool {
        self.settings.backpressure == Backpressure::DropBookChanges
    }

    pub(crate) fn put(&self, arrival: Arrival<'_>) {
        let OutletSettings {
            backpressure,
            limits,
        } = &self.settings;
        self.shared
            .waiting
            .lock()
            .put(arrival, *backpressure, limits);
    }

    /// Has the task look at what waits. Returns whether that is more than may.
    pub(crate) fn send(&mut self) -> bool {
        let waiting = self.shared.waiting.lock();
        let (dropped, is_over) = (waiting.dropped, waiting.is_over(&self.settings.limits));
        drop(waiting);
        self.shared.arrived.notify_one();
        let changes = dropped - self.told;
        if changes > 0 {
            self.told = dropped;
            let (sink, in_all) = (self.name, dropped);
            tracing::warn!(
                sink,
                changes,
                in_all,
                "the sink is behind: changes of order books are dropped"
            );
        }
        is_over
    }

    /// Whether a sink that is behind ends everything.
    pub(crate) fn stops(&self) -> bool {
        self.settings.backpressure == Backpressure::Stop
    }

    /// Waits until half of the queue is free.
    pub(crate) async fn room(&self) {
        loop {
            let mut room = pin!(self.shared.room.notified());
            room.as_mut().enable();
            if self.has_room() {
                return;
            }
            room.await;
        }
    }

    fn has_room(&self) -> bool {
        let limits = &self.settings.limits;
        self.shared.waiting.lock().is_half_free(limits)
    }

    /// Asks the sink to reopen, whoever has the outlet meanwhile.
    pub(crate) fn reopener(&self) -> impl Fn() + Send + Sync + use<> {
        let shared = Arc::clone(&self.shared);
        move || {
            shared.waiting.lock().is_to_reopen = true;
            shared.arrived.notify_one();
        }
    }

    pub(crate) fn status(&self) -> OutletStatus {
        let waiting = self.shared.waiting.lock();
        OutletStatus {
            unstored: waiting.len() + self.shared.in_hand.load(Ordering::Relaxed),
            dropped: waiting.dropped,
        }
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.shared.waiting.lock().is_closed = true;
        self.shared.arrived.notify_one();
    }

    /// Waits until `end` for everything to be stored. Returns how many records are not.
    pub(crate) async fn closed(mut self, end: Instant) -> usize {
        if timeout_at(end, &mut self.task).await.is_err() {
            self.task.abort();
        }
        self.status().unstored
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How long until a sink that failed is tried again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

#[cfg(test)]
mod tests;
