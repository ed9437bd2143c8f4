//! The tasks that wait for one connection.

use std::sync::Arc;
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;

/// On whose behalf the connection is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// The one that reads, and answers what it reads.
    Reader,
    /// The one that sends.
    Sender,
}

/// The task that reads and the task that sends, of which each may have to wait until the connection
/// takes something.
//
// A connection remembers one task that waits to write. If that was the sender, and its future is
// dropped, nobody would send what the reader has to answer; if it was the reader, the sender would
// not hear of it (Gelbpunkt/tokio-websockets#106). So it remembers this, which wakes both.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    reader: AtomicWaker,
    sender: AtomicWaker,
}

impl Waiting {
    /// `waker` is that of `task` from now on.
    pub(crate) fn register(&self, task: Task, waker: &Waker) {
        self.of(task).register(waker);
    }

    /// Wakes `task`, if it waits.
    pub(crate) fn wake(&self, task: Task) {
        self.of(task).wake();
    }

    fn of(&self, task: Task) -> &AtomicWaker {
        match task {
            Task::Reader => &self.reader,
            Task::Sender => &self.sender,
        }
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reader.wake();
        self.sender.wake();
    }
}
