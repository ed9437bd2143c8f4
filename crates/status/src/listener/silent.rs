//! The connections that have not asked yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The connections that have not asked for anything yet, the oldest first. Clones are about the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Silent(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_age: BTreeMap<u64, Arc<Notify>>,
}

impl Silent {
    /// A new connection.
    pub(super) fn enter(&self) -> Mute {
        let over = Arc::new(Notify::new());
        let mut waiting = self.0.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.by_age.insert(number, Arc::clone(&over));
        Mute {
            silent: self.clone(),
            number,
            over,
        }
    }

    /// Has the oldest one end, if there is one.
    pub(super) fn end_oldest(&self) {
        if let Some((_, over)) = self.0.lock().by_age.pop_first() {
            over.notify_one();
        }
    }
}

/// A connection that may be silent.
#[derive(Debug)]
pub(super) struct Mute {
    silent: Silent,
    number: u64,
    over: Arc<Notify>,
}

impl Mute {
    /// It has asked.
    pub(super) fn speaks(&self) {
        self.silent.0.lock().by_age.remove(&self.number);
    }

    /// Ends when another one shall have its room.
    pub(super) async fn over(&self) {
        self.over.notified().await;
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        self.speaks();
    }
}
