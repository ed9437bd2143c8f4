//! The ways into the queue.

use std::collections::HashSet;
use std::ops::RangeFrom;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::event::{FeedEvent, FeedEventKind};
use crate::symbol::Symbol;

/// What a feed does when its subscriber is behind, and the [limits](crate::QueueLimits) of the queue are
/// reached.
///
/// Memory is bounded whichever it is, and only changes of books are ever dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Backpressure {
    /// It stops to read, which holds up the exchange. One that is held up for too long disconnects.
    #[default]
    Slow,
    /// It drops the book changes that wait, those of the symbols with the most of them first, until a
    /// quarter of the queue is free: `ChangesDropped` and `BookInvalid` take their place. The books begin
    /// anew with a snapshot once half of the queue is free. If too few changes wait, it is [`Slow`](Self::Slow).
    DropBookChanges,
    /// It ends, with [`Unavailable::Behind`](crate::Unavailable::Behind).
    Stop,
}

/// What all connections of a feed have in common.
#[derive(Debug)]
pub(crate) struct Source {
    pub(super) backpressure: Backpressure,
    /// How many of its events have been taken.
    taken: AtomicU64,
    is_behind: AtomicBool,
}

impl Source {
    pub(crate) fn new(backpressure: Backpressure) -> Self {
        Self {
            backpressure,
            taken: AtomicU64::new(0),
            is_behind: AtomicBool::new(false),
        }
    }

    /// Whether it has ended because its subscriber is behind.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    pub(super) fn end_behind(&self) {
        self.is_behind.store(true, Ordering::Relaxed);
    }
}

/// The way of one connection's events.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(super) source: Arc<Source>,
    /// The books of which changes were dropped. Nothing changes them until their next snapshots.
    pub(super) broken: Mutex<HashSet<Symbol>>,
}

impl Lane {
    pub(crate) fn of(source: Arc<Source>) -> Arc<Self> {
        Arc::new(Self {
            source,
            broken: Mutex::default(),
        })
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(super) fn drops(&self) -> bool {
        self.source.backpressure == Backpressure::DropBookChanges
    }

    /// The numbers of the next events that are taken: numbered as late as this, what is dropped leaves no
    /// hole.
    pub(super) fn next_numbers(&self, count: usize) -> RangeFrom<u64> {
        let taken = self.source.taken.fetch_add(count as u64, Ordering::Relaxed);
        taken + 1..
    }

    /// Whether no book is told to be invalid.
    pub(super) fn is_whole(&self) -> bool {
        !self.drops() || self.broken.lock().is_empty()
    }

    /// Whether `event` changes a book that is told to be invalid. A snapshot makes it true again.
    pub(super) fn is_void(&self, event: &FeedEvent) -> bool {
        if !self.drops() {
            return false;
        }
        match &event.kind {
            FeedEventKind::L2Delta(delta) => self.broken.lock().contains(&delta.symbol),
            FeedEventKind::L2Snapshot(snapshot) => {
                self.broken.lock().remove(&snapshot.symbol);
                false
            }
            _ => false,
        }
    }
}
