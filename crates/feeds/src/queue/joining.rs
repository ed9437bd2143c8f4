//! The memory of book changes that wait for their snapshots.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the changes that wait for snapshots take up.
#[derive(Debug)]
pub(super) struct Joining {
    bytes: AtomicUsize,
    /// How many shares are not empty.
    holders: AtomicUsize,
    pub(super) most: usize,
}

impl Joining {
    pub(super) fn of_at_most(most: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            holders: AtomicUsize::new(0),
            most,
        }
    }
}

/// One book's part of it.
#[derive(Debug)]
pub(crate) struct JoiningShare {
    all: Arc<Joining>,
    bytes: usize,
}

impl JoiningShare {
    /// The share of a book that waits for no snapshot.
    pub(super) fn of(all: &Arc<Joining>) -> Self {
        Self {
            all: Arc::clone(all),
            bytes: 0,
        }
    }

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
