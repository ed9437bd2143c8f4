//! Changes that wait for a snapshot.

use std::collections::VecDeque;

use crate::exchange::{BookChange, Ids};
use crate::level::Level;

/// The most changes that are kept. With more, the oldest go; a snapshot that would have needed them is
/// then too old and fetched again.
// Ten changes a second come from Binance, so this is more than three minutes of waiting.
const MOST: usize = 2048;

/// What an exchange said, and when that was received.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) change: BookChange,
    pub(super) at_ns: i64,
}

impl Received {
    fn bytes(&self) -> usize {
        let levels = self.change.bids.capacity() + self.change.asks.capacity();
        size_of::<Self>() + levels * size_of::<Level>()
    }
}

/// Changes that follow one another, and the memory that they take.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    changes: VecDeque<Received>,
    bytes: usize,
    forgotten: Option<Ids>,
}

impl Buffer {
    pub(super) fn first(&self) -> Option<&Received> {
        self.changes.front()
    }

    /// The ids of the last change of the stream, which may be one of those that were forgotten.
    pub(super) fn last_ids(&self) -> Option<Ids> {
        let last = self.changes.back().map(|last| last.change.ids);
        last.or(self.forgotten)
    }

    /// The last change of those that were forgotten together. What is kept follows it.
    pub(super) fn forgotten(&self) -> Option<Ids> {
        self.forgotten
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps one more, and forgets the oldest if there are too many.
    pub(super) fn push(&mut self, change: Received) {
        if self.changes.len() == MOST {
            self.pop();
        }
        self.bytes += change.bytes();
        self.changes.push_back(change);
    }

    /// Forgets the oldest.
    pub(super) fn pop(&mut self) {
        if let Some(change) = self.changes.pop_front() {
            self.bytes -= change.bytes();
        }
    }

    /// Forgets all of them but the ids of the last one, and tells how many those are.
    pub(super) fn forget(&mut self) -> usize {
        let left = Self {
            forgotten: self.last_ids(),
            ..Self::default()
        };
        std::mem::replace(self, left).changes.len()
    }

    pub(super) fn into_changes(self) -> VecDeque<Received> {
        self.changes
    }
}

impl FromIterator<Received> for Buffer {
    fn from_iter<T: IntoIterator<Item = Received>>(changes: T) -> Self {
        let mut buffer = Self::default();
        for change in changes {
            buffer.push(change);
        }
        buffer
    }
}
