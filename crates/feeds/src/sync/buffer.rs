//! Changes that wait for a snapshot.

use std::collections::VecDeque;

use crate::exchange::{BookChange, Ids, Step};
use crate::level::Level;

/// The most changes that are kept. With more, the oldest go; a snapshot that would have needed them is
/// then too old and fetched again.
// Ten changes a second come from Binance, so this is more than three minutes of waiting.
const MOST: usize = 2048;

/// What an exchange said, and when that was received.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) change: BookChange,
    pub(super) at_ns: i64,
}

impl Received {
    /// Takes `change`, and leaves one that says nothing in its place.
    pub(super) fn taken(change: &mut BookChange, at_ns: i64) -> Self {
        let nothing = BookChange {
            symbol: change.symbol.clone(),
            bids: Vec::new(),
            asks: Vec::new(),
            ..*change
        };
        Self {
            change: std::mem::replace(change, nothing),
            at_ns,
        }
    }

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
    before: Option<Ids>,
}

impl Buffer {
    /// What follows `before`, which a snapshot has to hold.
    pub(super) fn behind(before: Ids) -> Self {
        Self {
            before: Some(before),
            ..Self::default()
        }
    }

    /// The ids of the last change of the stream, which may be one that was not kept.
    pub(super) fn last_ids(&self) -> Option<Ids> {
        let last = self.changes.back().map(|last| last.change.ids);
        last.or(self.before)
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

    fn pop(&mut self) {
        if let Some(popped) = self.changes.pop_front() {
            self.bytes -= popped.bytes();
            self.before = Some(popped.change.ids);
        }
    }

    /// Forgets the older half, and tells how many those are.
    pub(super) fn forget(&mut self) -> usize {
        let count = self.changes.len().div_ceil(2);
        for _ in 0..count {
            self.pop();
        }
        count
    }

    /// The changes that a snapshot does not hold, where `joins` tells how one stands to it. `Err` with what
    /// is left of them if the snapshot is too old for the first.
    pub(super) fn behind_snapshot(
        mut self,
        joins: impl Fn(&Ids) -> Step,
    ) -> Result<VecDeque<Received>, Self> {
        let is_held = |ids: Ids| joins(&ids) == Step::Old;
        while self.first_ids().is_some_and(is_held) {
            self.pop();
        }
        let is_missing = match self.first_ids() {
            // What begins within the snapshot and ends behind it needs nothing from before.
            Some(first) => joins(&first) == Step::Missing,
            None => !self.before.is_none_or(is_held),
        };
        match is_missing {
            true => Err(self),
            false => Ok(self.changes),
        }
    }

    fn first_ids(&self) -> Option<Ids> {
        self.changes.front().map(|first| first.change.ids)
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
